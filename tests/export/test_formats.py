"""Exports to other formats give the model's images in their own runtimes, which the extras of each format install."""

import numpy as np
import pytest

import kerasgan

LATENTS = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
LABELS = np.array([0, 1, 2], "int32")


def run_onnx(path, inputs):
    session = pytest.importorskip("onnxruntime").InferenceSession(path)
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


def run_openvino(path, inputs):
    model = pytest.importorskip("openvino").compile_model(path)
    return model(inputs)[model.outputs[0]]


def run_litert(path, inputs):
    model = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(path)
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
    "litert": (".tflite", run_litert, "ai_edge_litert"),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("format", FORMATS)
def test_the_runtime_gives_the_same_images(format, num_classes, tmp_path):
    suffix, run, package = FORMATS[format]
    pytest.importorskip(package)
    networks = kerasgan.networks.dcgan((8, 8, 1), latent_dim=4, width=4, depth=1, num_classes=num_classes)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=num_classes)
    inputs = [LATENTS] if num_classes is None else [LATENTS, LABELS]
    gan.export(tmp_path / f"gan{suffix}", format=format)
    images = run(str(tmp_path / f"gan{suffix}"), inputs)
    expected = gan.generate(latents=LATENTS, labels=None if num_classes is None else LABELS)
    np.testing.assert_allclose(images, expected, atol=1e-4)
    assert (tmp_path / f"gan{suffix}.kerasgan.json").exists()
