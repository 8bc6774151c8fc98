"""A generator as the program of a page: the same numbers as Keras, and what cannot be run is named."""

import pathlib
import re
import shutil
import subprocess

import keras
import numpy as np
import page_networks
import pytest
from browsers import require
from keras import Input, Sequential, layers

import kerasgan
from kerasgan.export.html import layers as entries
from kerasgan.export.html import page, program, reading, reference, weights

TOLERANCE = 2e-5


def read(network, num_classes=None):
    return reading.read(network, page_networks.LATENT_DIM, network.output_shape[1:], num_classes)


@pytest.mark.parametrize("name", page_networks.NETWORKS)
def test_a_program_computes_what_keras_computes(name):
    network, num_classes = page_networks.made(name)
    latents, labels = page_networks.inputs(num_classes)
    images = page_networks.expected(network, latents, labels)
    found = reference.run(read(network, num_classes), latents, labels)
    assert found.std() > 0
    np.testing.assert_allclose(found, images, atol=TOLERANCE * max(1, np.abs(images).max()))


def test_the_networks_have_every_layer_that_a_page_can_run():
    used = set()
    for name in page_networks.NETWORKS:
        stack = [page_networks.made(name)[0]]
        while stack:
            layer = stack.pop()
            used.add(type(layer).__name__)
            stack += getattr(layer, "layers", [])
    assert set(entries.LAYERS) <= used


def test_the_page_has_every_operation():
    script = page.resource("operations.js").decode().partition("const OPERATIONS = {")[2]
    assert sorted(re.findall(r"^  (\w+): ", script, re.MULTILINE)) == sorted(reference.OPERATIONS)


def test_batch_norm_and_relu_take_no_operations_of_their_own():
    found = read(kerasgan.networks.dcgan((8, 8, 1), 6, width=4, depth=1)[0])
    assert [each.kind for each in found.operations] == ["dense", "conv_transpose", "activation"]
    assert found.operations[0].settings["slope"] == 0


def test_what_is_used_twice_is_not_changed():
    z = Input((6,))
    x = layers.Dense(4)(z)
    y = layers.BatchNormalization()(x)
    network = keras.Model(z, layers.Add()([x, y]))
    network.layers[2].moving_mean.assign([1, 2, 3, 4])
    latents, _ = page_networks.inputs(None)
    np.testing.assert_allclose(
        reference.run(read(network), latents), page_networks.expected(network, latents, None), atol=1e-5
    )


@pytest.mark.parametrize("half", [True, False])
def test_a_program_can_be_packed(half):
    network, num_classes = page_networks.made("resnet")
    before = read(network, num_classes)
    described, content = weights.packed(before, half)
    after = weights.unpacked(described, content)
    expected = program.rounded(before) if half else before
    latents, labels = page_networks.inputs(num_classes)
    assert np.array_equal(reference.run(after, latents, labels), reference.run(expected, latents, labels))
    assert not half or len(content) < 0.6 * 4 * before.num_weights


# What a page cannot run


class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


def test_all_layers_that_cannot_be_run_are_named():
    network = Sequential([Input((6,)), Doubled(name="mine"), layers.Dense(4), layers.Softmax(name="soft")])
    with pytest.raises(ValueError, match=r"mine \(Doubled\); soft \(Softmax\).*--runtime onnx"):
        read(network)
    z = Input((6,))
    functional = keras.Model(z, layers.Softmax(name="soft")(layers.Dense(4)(Doubled(name="mine")(z) * 0.5)))
    with pytest.raises(ValueError, match=r"mine \(Doubled\); multiply\w* \(Multiply\) which is no layer; soft"):
        read(functional)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (layers.UpSampling2D(2, interpolation="bicubic"), "interpolation='bicubic'"),
        (layers.Activation("mish"), "activation='mish'"),
        (layers.ReLU(max_value=3.0), "max_value=3.0"),
        (layers.BatchNormalization(axis=1), "axis=1"),
        (layers.Conv2DTranspose(2, 3, output_padding=1, strides=2), "output_padding"),
    ],
)
def test_a_setting_that_cannot_be_run_is_named(layer, reason):
    with pytest.raises(ValueError, match=reason):
        read(page_networks.on_images(layer))


def test_a_layer_of_the_same_name_is_not_taken_for_keras_s():
    mine = type("Dense", (layers.Dense,), {})(4, name="mine")
    with pytest.raises(ValueError, match="mine"):
        read(Sequential([Input((6,)), mine]))


def test_a_model_with_a_call_of_its_own_is_refused():
    class Mine(keras.Model):
        def call(self, z):
            return z

    with pytest.raises(ValueError, match=r"call\(\) of its own"):
        reading.read(Mine(name="mine"), 6, (6,), None)


# The kernels


def test_the_kernels_are_compiled_from_their_source(tmp_path):
    require(shutil.which("wat2wasm"), "wat2wasm, of the package wabt")
    source = pathlib.Path(page.FOLDER, "kernels.wat")
    subprocess.run(["wat2wasm", str(source), "-o", str(tmp_path / "kernels.wasm")], check=True)
    assert (tmp_path / "kernels.wasm").read_bytes() == page.resource("kernels.wasm")
