"""Labels out of range are clipped in every format: runtimes cannot refuse them, and would each take another class."""

import json
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan

NUM_CLASSES = 3
OUT_OF_RANGE = np.array([-1, 3, 0, -(2**31), 2**31 - 1, 2, 10, -7, 1], "int32")
CLIPPED = np.clip(OUT_OF_RANGE, 0, NUM_CLASSES - 1)
LATENTS = np.repeat(np.random.default_rng(0).normal(size=(1, 4)), len(CLIPPED), axis=0).astype("float32")
IMAGES = np.repeat(np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 1)), len(CLIPPED), axis=0).astype("float32")


def run_onnx(path, inputs):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def run_openvino(path, inputs):
    model = pytest.importorskip("openvino").compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return model(inputs)[model.outputs[0]]


def run_litert(path, inputs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # TensorFlow's own interpreter is deprecated
        model = tf.lite.Interpreter(path)
    index_of = {len(each["shape"]): each["index"] for each in model.get_input_details()}  # labels have rank 1
    for each in inputs:
        model.resize_tensor_input(index_of[each.ndim], each.shape)
    model.allocate_tensors()
    for each in inputs:
        model.set_tensor(index_of[each.ndim], each)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"])


FORMATS = {
    "onnx": (".onnx", run_onnx, "tf2onnx"),
    "openvino": (".xml", run_openvino, "openvino"),
    "litert": (".tflite", run_litert, "tensorflow"),
}


def embedding_pair():
    """Networks that look labels up in a table, where a label out of range reads beyond its end."""
    z, labels = keras.Input((4,), name="z"), keras.Input((), dtype="int32", name="labels")
    joined = keras.layers.Concatenate()([z, keras.layers.Embedding(NUM_CLASSES, 5)(labels)])
    image = keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, activation="tanh")(joined))
    image_input, class_input = keras.Input((8, 8, 1), name="image"), keras.Input((), dtype="int32", name="labels")
    flat = keras.layers.Flatten()(image_input)
    features = keras.layers.Concatenate()([flat, keras.layers.Embedding(NUM_CLASSES, 5)(class_input)])
    return keras.Model([z, labels], image), keras.Model([image_input, class_input], keras.layers.Dense(1)(features))


@pytest.fixture(params=["one-hot", "embedding"])
def gan(request):
    keras.utils.set_random_seed(0)
    options = {"latent_dim": 4, "width": 8, "num_classes": NUM_CLASSES}
    networks = kerasgan.networks.mlp((8, 8, 1), **options) if request.param == "one-hot" else embedding_pair()
    return kerasgan.GAN(*networks, latent_dim=4, num_classes=NUM_CLASSES)


def test_endpoints_of_a_saved_model(gan, tmp_path):
    gan.export(tmp_path / "saved")
    signatures = tf.saved_model.load(str(tmp_path / "saved")).signatures
    drawn = signatures["serving_default"](z=tf.constant(LATENTS), labels=tf.constant(OUT_OF_RANGE))["images"]
    np.testing.assert_allclose(drawn, gan.generate(latents=LATENTS, labels=CLIPPED), atol=1e-5)
    assert len(np.unique(np.round(drawn, 3), axis=0)) == NUM_CLASSES  # the classes differ, so that this test can fail
    logits = signatures["discriminate"](images=tf.constant(IMAGES), labels=tf.constant(OUT_OF_RANGE))["logits"]
    np.testing.assert_allclose(logits, gan.discriminator([IMAGES, CLIPPED])[:, 0], atol=1e-5)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("format", FORMATS)
def test_other_formats(gan, format, tmp_path):
    suffix, run, package = FORMATS[format]
    pytest.importorskip(package)
    gan.export(tmp_path / f"gan{suffix}", format=format)
    drawn = run(str(tmp_path / f"gan{suffix}"), [LATENTS, OUT_OF_RANGE])
    np.testing.assert_allclose(drawn, gan.generate(latents=LATENTS, labels=CLIPPED), atol=1e-4)


def test_the_card_says_the_range(gan, tmp_path):
    gan.export(tmp_path / "saved")
    labels = json.loads((tmp_path / "saved" / "kerasgan.json").read_text())["labels"]
    assert "0 to 2" in labels and "below 0" in labels and "above 2" in labels
