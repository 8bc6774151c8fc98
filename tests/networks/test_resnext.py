import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import signal

import kerasgan
from kerasgan import networks
from kerasgan.networks.resnext import GroupedConv2D

RNG = np.random.default_rng(0)
LATENTS = RNG.normal(size=(6, 5)).astype("float32")
LABELS = np.array([0, 1, 2, 0, 1, 2], "int32")


def pair(shape=(16, 16, 1), seed=0, width=8, group_width=4, norm=None, **options):
    keras.utils.set_random_seed(seed)
    return networks.resnext(shape, latent_dim=5, width=width, group_width=group_width, norm=norm, **options)


def pictures(shape, count=6):
    return RNG.uniform(-1, 1, (count, *shape)).astype("float32")


def perturb(*models):
    """Moves every weight a little, so that nothing is 0 any more."""
    for model in models:
        model.set_weights([w + 0.1 * RNG.normal(size=w.shape) for w in model.get_weights()])


def named(model, end):
    return {layer.name: layer.output.shape[1:] for layer in model.layers if layer.name.endswith(end)}


@pytest.mark.parametrize("norm", [None, "batch", "pixel"])
@pytest.mark.parametrize(("shape", "smallest"), [((28, 28, 1), 7), ((32, 32, 3), 4), ((24, 48, 4), 6)])
def test_shapes_and_ranges(shape, smallest, norm):
    generator, discriminator = pair(shape, norm=norm)
    images = keras.ops.convert_to_numpy(generator(LATENTS * 100))
    assert images.shape == (6, *shape) and np.abs(images).max() <= 1
    assert discriminator(images).shape == (6, 1)
    reshape = next(layer for layer in generator.layers if isinstance(layer, keras.layers.Reshape))
    assert reshape.target_shape[0] == smallest


def test_stages_of_a_larger_pair_are_those_of_a_smaller_one_and_one_more():
    for small, large in zip(pair((16, 16, 3)), pair((32, 32, 3)), strict=True):
        few, many = named(small, "_add"), named(large, "_add")
        assert few.items() < many.items() and len(many) == len(few) + 1
    assert sorted(few.values()) == [(4, 4, 8), (8, 8, 8)]
    assert sorted(many.values()) == [(4, 4, 8), (8, 8, 8), (16, 16, 4)]


def test_blocks_a_stage_and_the_width_inside():
    generator, discriminator = pair(blocks_per_stage=2, expansion=3)
    for model in (generator, discriminator):
        assert len(named(model, "_add")) == 4
        assert set(named(model, "_expand").values()) == {(4, 4, 24), (8, 8, 24)}
        grouped = [layer for layer in model.layers if isinstance(layer, GroupedConv2D)]
        assert {tuple(layer.kernel.shape) for layer in grouped} == {(3, 3, 4, 24)}


@pytest.mark.parametrize(("width", "group_width", "groups"), [(8, 4, 2), (6, 4, 3), (8, 16, 1), (9, 16, 9)])
def test_groups_divide_the_maps(width, group_width, groups):
    for model in pair(width=width, group_width=group_width):
        found = {layer.groups for layer in model.layers if layer.name.endswith("_grouped")}
        assert found == {groups}


def test_a_grouped_convolution_joins_the_channels_of_one_group_only():
    layer = GroupedConv2D(4, groups=2, use_bias=False)
    images = RNG.normal(size=(1, 5, 6, 6)).astype("float32")
    found = keras.ops.convert_to_numpy(layer(images))
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    for output in range(4):
        inputs = range(3) if output < 2 else range(3, 6)
        expected = sum(
            signal.correlate2d(images[0, :, :, channel], kernel[:, :, number, output], "same")
            for number, channel in enumerate(inputs)
        )
        assert np.allclose(found[0, :, :, output], expected, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"strides": 2}, {"padding": "valid"}])
def test_a_grouped_convolution_has_gradients_of_every_order_where_tensorflow_has_none(monkeypatch, options):
    monkeypatch.setattr(sys.modules[GroupedConv2D.__module__], "_has_grouped_gradients", lambda tensorflow: False)
    grouped, dense = GroupedConv2D(6, groups=2, **options), keras.layers.Conv2D(6, 3, **{"padding": "same"} | options)
    images = tf.constant(pictures((7, 6, 4)))
    for layer in (grouped, dense):
        layer.build(images.shape)
    kernel = np.zeros((3, 3, 4, 6), "float32")
    kernel[:, :, :2, :3], kernel[:, :, 2:, 3:] = np.split(grouped.kernel.numpy(), 2, axis=-1)
    dense.kernel.assign(kernel)

    @tf.function
    def orders(layer):
        """The layer's results, the gradients with respect to the images, and those of their squares."""
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(images)
                results = layer(images)
                powers = tf.reduce_sum(results**2)
            slopes = inner.gradient(powers, images)
            penalty = tf.reduce_sum(slopes**2)
        return results, slopes, outer.gradient(penalty, layer.kernel)

    found, expected = orders(grouped), orders(dense)
    parts = expected[2][:, :, :2, :3], expected[2][:, :, 2:, 3:]
    for one, other in zip(found, (*expected[:2], np.concatenate(parts, axis=-1)), strict=True):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_a_pair_learns_where_tensorflow_does_without_onednn():
    script = """
import keras, numpy as np
from kerasgan import GAN, networks
gan = GAN(*networks.resnext((8, 8, 1), latent_dim=4, width=8, group_width=4, norm="pixel"), latent_dim=4)
gan.compile(updates="one_stage", penalties=["r1", "r2"])
gan.fit(np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32"), batch_size=8, verbose=0)
assert np.isfinite(np.asarray(gan.generate(4))).all()
"""
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=300)


@pytest.mark.parametrize("norm", [None, "batch", "pixel"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 64, 3)])
def test_it_starts_alive(shape, norm):
    generator, discriminator = pair(shape, width=64, group_width=8, norm=norm)
    images = keras.ops.convert_to_numpy(generator(RNG.normal(size=(64, 5)), training=True))
    assert np.mean(np.abs(images) > 0.99) < 0.1 and 0.2 < images.std() < 0.8
    logits = keras.ops.convert_to_numpy(discriminator(images))
    assert 0.1 < logits.std() < 2 and np.all(np.abs(logits) < 10)


def test_without_norm_its_blocks_start_as_the_identity():
    generator, discriminator = pair((32, 32, 3))
    for model in (generator, discriminator):
        for layer in model.layers:
            if layer.name.endswith("_add"):
                skip, _ = layer.input
                inputs = LATENTS if model is generator else pictures((32, 32, 3))
                skip, total = keras.Model(model.inputs[0], [skip, layer.output])(inputs)
                assert np.array_equal(skip, total) and np.any(skip)


def test_the_pixel_norm_by_hand_and_samples_that_do_not_depend_on_the_batch():
    generator, _ = pair(norm="pixel")
    perturb(generator)
    layer = generator.get_layer("g_8x8_block0_in_norm")
    given, found = keras.Model(generator.inputs, [layer.input, layer.output])(LATENTS)
    given, found = (keras.ops.convert_to_numpy(each) for each in (given, found))
    root = np.sqrt(np.mean(given**2, axis=-1, keepdims=True))
    assert np.allclose(found, given / root * keras.ops.convert_to_numpy(layer.scale), atol=1e-3)
    together = keras.ops.convert_to_numpy(generator(LATENTS, training=True))
    alone = keras.ops.convert_to_numpy(generator(LATENTS[:1], training=False))
    assert np.allclose(together[:1], alone, atol=1e-5)


@pytest.mark.parametrize("norm", [None, "batch"])
def test_each_image_is_evaluated_by_itself(norm):
    _, discriminator = pair(norm=norm)
    perturb(discriminator)
    images = pictures((16, 16, 1))
    logits = keras.ops.convert_to_numpy(discriminator(images, training=True))
    others = np.concatenate([images[:1], pictures((16, 16, 1), 5)])
    assert np.allclose(discriminator(others, training=True)[0], logits[0], atol=1e-5)
    assert np.std(logits) > 0.01


@pytest.mark.parametrize("options", [{}, {"num_classes": 3, "norm": "batch"}, {"norm": "pixel"}], ids=str)
def test_saved_and_loaded_it_computes_the_same(options, tmp_path):
    generator, discriminator = pair(**options)
    perturb(generator, discriminator)
    labels = [LABELS] if "num_classes" in options else []
    for model, inputs in ((generator, [LATENTS, *labels]), (discriminator, [pictures((16, 16, 1)), *labels])):
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
        inputs = inputs if labels else inputs[0]
        assert np.array_equal(loaded(inputs), model(inputs))


@pytest.mark.parametrize(("updates", "norm"), [("one_stage", None), ("alternating", "batch"), ("one_stage", "pixel")])
def test_every_weight_learns(updates, norm):
    """Convolutions that start at 0 learn first, and the layers before them after that."""
    gan = kerasgan.GAN(*pair(norm=norm), latent_dim=5, seed=0)
    gan.compile(
        *(keras.optimizers.SGD(0.1) for _ in "dg"),
        objective="relativistic",
        penalties=("r1", kerasgan.penalties.R2(1.0)),
        updates=updates,
    )
    before = [(weight.path, weight.numpy()) for weight in gan.trainable_variables]
    gan.fit(pictures((16, 16, 1), 24), batch_size=6, verbose=0)
    # A bias of the last layer moves real and generated logits alike: in their difference it does not count.
    still = [
        path
        for (path, was), weight in zip(before, gan.trainable_variables, strict=True)
        if np.array_equal(was, weight.numpy()) and path != "logit/bias"
    ]
    assert not still and all(np.all(np.isfinite(weight.numpy())) for weight in gan.trainable_variables)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (30, 28, 1)}, r"multiples of 4.*Received: image_shape"),
        ({"blocks_per_stage": 0}, "Received: blocks_per_stage=0"),
        ({"group_width": 0}, "Received: group_width=0"),
        (
            {"shape": (64, 64, 3), "width": 3},
            r"width / 4. Received: width=3, expansion=1.0 for",
        ),
        ({"expansion": -1}, "Received: width=8, expansion=-1"),
        ({"expansion": "two"}, "Received: width=8, expansion='two'"),
        ({"num_classes": 1}, "Received: num_classes=1"),
        ({"norm": "layer"}, "Received: norm='layer'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        pair(**options)
