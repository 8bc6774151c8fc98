"""How a client runs an export of each format: by the names of inputs and outputs, without Keras and kerasgan."""

import onnxruntime
import openvino
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter


def run_saved_model(path, output, inputs):
    signatures = tf.saved_model.load(path).signatures
    name = {"images": "serving_default", "translated": "serving_default", "logits": "discriminate"}[output]
    return signatures[name](**{each: tf.constant(value) for each, value in inputs.items()})[output].numpy()


def run_onnx(path, output, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run([output], inputs)[0]


def run_openvino(path, output, inputs):
    return openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(inputs)[output]


def run_litert(path, output, inputs):
    return Interpreter(path).get_signature_runner()(**inputs)[output]


RUN = {"tf_saved_model": run_saved_model, "onnx": run_onnx, "openvino": run_openvino, "litert": run_litert}
