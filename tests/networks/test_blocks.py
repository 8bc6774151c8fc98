import keras
import numpy as np
import pytest

from kerasgan.conditions import Classes
from kerasgan.networks import blocks

RNG = np.random.default_rng(0)


def test_the_one_hot_label_follows_the_latents():
    z, labels = keras.Input((3,)), Classes(5).input()
    joined = keras.Model([z, labels], blocks.join_condition(z, labels, Classes(5)))
    latents = RNG.normal(size=(4, 3)).astype("float32")
    out = keras.ops.convert_to_numpy(joined([latents, np.array([0, 4, 4, 2], "int32")]))
    np.testing.assert_array_equal(out, np.concatenate([latents, np.eye(5)[[0, 4, 4, 2]]], axis=1).astype("float32"))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_the_projection_by_hand(policy):
    keras.config.set_dtype_policy(policy)
    try:
        h, labels = keras.Input((6,)), Classes(3).input()
        features = keras.layers.Activation("linear")(h)
        model = keras.Model([h, labels], blocks.project(features, labels, Classes(3)))
    finally:
        keras.config.set_dtype_policy("float32")
    x = (RNG.integers(-8, 8, size=(4, 6)) / 4).astype("float32")  # exact in bfloat16 as well
    y = np.array([2, 0, 1, 2], "int32")
    kernel, bias = model.get_layer("logit").get_weights()
    assert np.allclose(model([x, y]), x @ kernel + bias, atol=1e-5)  # labels have no influence at the start
    embedding = RNG.normal(size=(3, 6)).astype("float32")
    model.get_layer("label").set_weights([embedding])
    expected = x @ kernel + bias + np.sum(embedding[y] * x, axis=1, keepdims=True)
    assert model.outputs[0].dtype == "float32" and model.output_shape == (None, 1)
    assert np.allclose(model([x, y]), expected, atol=1e-5)


def test_without_labels_the_logit_is_linear():
    h = keras.Input((6,))
    model = keras.Model(h, blocks.project(h, None, None, kernel_initializer="ones"))
    assert np.allclose(model(np.full((2, 6), 0.5, "float32")), 3.0)


@pytest.mark.parametrize("num_classes", [0, 1, -3, 2.0, "10", True])
def test_bad_numbers_of_classes(num_classes):
    with pytest.raises(ValueError, match="Received: num_classes="):
        blocks.classes(num_classes)


def test_good_numbers_of_classes():
    assert blocks.classes(None) is None and blocks.classes(2) == 2
    assert type(blocks.classes(np.int64(3))) is int
