"""A GAN that starts from another one's weights draws what the other one draws, as far as the data allow."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import transfer

LATENTS = np.random.default_rng(3).normal(size=(12, 4)).astype("float32")


def make(size=8, width=8, network="resnet", num_classes=None, seed=0, channels=1, latent_dim=4, ema=None, **options):
    """Returns a GAN whose weights are all random, also those that start from zero, so that each one shows."""
    keras.utils.set_random_seed(seed)
    defaults = {"resnet": {"norm": None}, "resnext": {"norm": None, "group_width": 4}}
    options = defaults.get(network, {}) | options
    shape = (size, size, channels)
    networks = getattr(kerasgan.networks, network)(shape, latent_dim, width, num_classes=num_classes, **options)
    gan = kerasgan.GAN(*networks, latent_dim=latent_dim, num_classes=num_classes, ema=ema, seed=seed)
    gan.compile()
    return gan


def shaken(gan, seed=7):
    random = np.random.default_rng(seed)
    for network in filter(None, (gan.generator, gan.discriminator, gan.averaged_generator)):
        network.set_weights([each + random.normal(0, 0.1, each.shape) ** 2 for each in network.get_weights()])
    return gan


def logits(gan, images, labels=None):
    inputs = images if labels is None else [images, np.broadcast_to(labels, len(images)).astype("int32")]
    return keras.ops.convert_to_numpy(gan.discriminator(inputs, training=False))


@pytest.mark.parametrize(("network", "num_classes"), [("resnet", None), ("resnext", 3), ("dcgan", 3), ("mlp", None)])
def test_at_the_same_size_everything_is_copied(network, num_classes, images):
    average = kerasgan.ema.EMA(100)
    source, target = (make(network=network, num_classes=num_classes, ema=average, seed=seed) for seed in (0, 1))
    shaken(source)
    done = transfer.copy_weights(source, target)
    labels = None if num_classes is None else 1
    np.testing.assert_array_equal(
        target.generate(latents=LATENTS, labels=labels), source.generate(latents=LATENTS, labels=labels)
    )
    np.testing.assert_array_equal(logits(target, images, labels), logits(source, images, labels))
    pairs = zip(target.generator.get_weights(), target.averaged_generator.get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)  # the average is the start of both
    assert not np.array_equal(source.generator.get_weights()[0], source.averaged_generator.get_weights()[0])
    assert done.fitted == 0 and done.new_classes == () and int(target.g_optimizer.iterations.numpy()) == 0
    assert not any(np.any(each.numpy()) for each in target.d_optimizer.variables if "momentum" in each.path)


@pytest.mark.parametrize("size", [64, 48])
def test_a_translation_starts_from_one_of_any_size(size):
    def translation(side, seed):
        keras.utils.set_random_seed(seed)
        condition = kerasgan.conditions.Image((side, side, 1))
        pair = kerasgan.networks.pix2pix((side, side, 1), width=2, depth=2, condition=condition)
        gan = kerasgan.GAN(*pair, latent_dim=0, condition=condition)
        gan.compile()
        return gan

    source, target = shaken(translation(32, 0)), translation(size, 1)
    done = transfer.copy_weights(source, target)
    given = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 1)).astype("float32")
    np.testing.assert_array_equal(target.translate(given), source.translate(given))
    assert done.fitted == 0
    with pytest.raises(ValueError, match="same image size, or of half of it"):  # images that are drawn have one size
        transfer.copy_weights(make(), make(24))


PHOTOS = {"network": "resnext", "norm": "pixel", "self_modulation": True, "auxiliary_classifier": 1.0}
"""As in the recipe `photos`: the class enters each block of the generator, and a classifier of the discriminator."""


MNIST = {"network": "resnext", "norm": "batch", "latent_categories": 2}


@pytest.mark.parametrize(
    "options", [{}, {"network": "dcgan"}, PHOTOS, MNIST], ids=["resnet", "dcgan", "photos", "mnist"]
)
def test_classes_of_equal_names_keep_their_weights_and_new_ones_are_the_mean(options, images):
    source, target = shaken(make(num_classes=3, **options)), make(num_classes=4, seed=1, **options)
    done = transfer.copy_weights(source, target, ["a", "b", "c"], ["b", "new", "c", "other"])
    assert done.new_classes == (1, 3)
    for label, before in ((0, 1), (2, 2)):
        drawn, expected = (gan.generate(latents=LATENTS, labels=of) for gan, of in ((target, label), (source, before)))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)
        np.testing.assert_allclose(logits(target, images, label), logits(source, images, before), atol=1e-5)
    mean = np.mean([logits(source, images, label) for label in range(3)], axis=0)
    np.testing.assert_allclose(logits(target, images, 1), mean, rtol=1e-4, atol=1e-4)


def test_a_classifier_keeps_the_classes_of_equal_names():
    """In other order, too, where all shapes are the same."""
    source, target = shaken(make(num_classes=3, **PHOTOS)), make(num_classes=3, seed=1, **PHOTOS)
    transfer.copy_weights(source, target, ["a", "b", "c"], ["c", "a", "new"])
    (kernel, bias), (new_kernel, new_bias) = (
        gan.discriminator.get_layer("d_classes").get_weights() for gan in (source, target)
    )
    np.testing.assert_array_equal(new_kernel[:, :2], kernel[:, [2, 0]])
    np.testing.assert_allclose(new_kernel[:, 2], kernel.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(new_bias, [bias[2], bias[0], bias.mean()], rtol=1e-5)
    for label, before in ((0, 2), (1, 0)):
        drawn, expected = (gan.generate(latents=LATENTS, labels=of) for gan, of in ((target, label), (source, before)))
        np.testing.assert_allclose(drawn, expected, atol=1e-6)


@pytest.mark.parametrize("options", [{}, PHOTOS], ids=["resnet", "photos"])
def test_from_no_classes_labels_change_nothing_at_the_start(options, images):
    source, target = shaken(make(**options)), make(num_classes=3, seed=1, **options)
    transfer.copy_weights(source, target)
    for label in range(3):
        drawn = target.generate(latents=LATENTS, labels=label)
        np.testing.assert_allclose(drawn, source.generate(latents=LATENTS), atol=1e-6)
        np.testing.assert_allclose(logits(target, images, label), logits(source, images), atol=1e-5)


@pytest.mark.parametrize("options", [{}, PHOTOS], ids=["resnet", "photos"])
def test_to_no_classes_logits_are_the_mean_over_the_classes(options, images):
    source, target = shaken(make(num_classes=3, **options)), make(seed=1, **options)
    transfer.copy_weights(source, target)
    mean = np.mean([logits(source, images, label) for label in range(3)], axis=0)
    np.testing.assert_allclose(logits(target, images), mean, rtol=1e-4, atol=1e-4)


def smooth(count=64, size=8):
    """Returns slopes of brightness in random directions, float32 (count, size, size, 1)."""
    random, grid = np.random.default_rng(1), np.linspace(-0.45, 0.45, size)
    across, down = random.uniform(-1, 1, (2, count, 1, 1))
    return (across * grid + down * grid[:, None])[..., None].astype("float32")


@pytest.mark.parametrize(
    "network", ["resnext", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet", "dcgan"))]
)
def test_at_twice_the_size_the_inner_layers_are_copied_and_the_images_enlarged(network):
    """After fitting, less than half of the variance is left, of the images and of the logits."""
    source = make(network=network)
    adams = (keras.optimizers.Adam(2e-3, beta_1=0.5) for _ in range(2))
    source.compile(*adams, penalties="r1")
    source.fit(smooth(), batch_size=16, epochs=40, verbose=0)
    target = make(16, width=8 if network == "resnext" else 4, network=network, seed=1)
    done = transfer.copy_weights(source, target)
    (first, *_), (*_, last) = (transfer.weighted_layers(each) for each in (target.generator, target.discriminator))
    (first_of, *_), (*_, last_of) = (
        transfer.weighted_layers(each) for each in (source.generator, source.discriminator)
    )
    for one, other in ((first, first_of), (last, last_of)):
        assert all(np.array_equal(*pair) for pair in zip(one.get_weights(), other.get_weights(), strict=True))
    assert done.fitted > 0 and "enlarged" in str(done)
    samples = source.generate(64, seed=5)
    expected = transfer.enlarged(samples)
    for found, wanted in ((target.generate(64, seed=5), expected), (logits(target, expected), logits(source, samples))):
        assert np.mean((found - wanted) ** 2) < np.var(wanted) / 2
    assert all(layer.trainable for layer in transfer.weighted_layers(target.generator))


def test_new_layers_do_not_learn_from_the_losses_of_others(images):
    """A classifier within the discriminator adds its own, which is far larger than the distance to the logits."""
    gan = make(num_classes=3, **PHOTOS)
    before = gan.discriminator.get_layer("d_classes").get_weights()
    labels = (np.arange(len(images)) % 3).astype("int32")
    transfer._fit(gan.discriminator, [], [images, labels], logits(gan, images, labels) + 1, steps=4)
    assert all(map(np.array_equal, before, gan.discriminator.get_layer("d_classes").get_weights()))
    first = transfer.weighted_layers(gan.discriminator)[0]
    assert not np.array_equal(first.get_weights()[0], make(num_classes=3, **PHOTOS).discriminator.layers[1].kernel)


def test_at_twice_the_size_each_class_is_fitted_to_itself():
    source, target = make(num_classes=2), make(16, width=4, num_classes=3, seed=1)
    classes = transfer._class_map(source, target, ["cat", "dog"], ["bird", "cat", "dog"])
    given, wanted = transfer._conditions(source, target, classes, 5)
    assert given.tolist() == [0, 1, 0, 1, 0] and wanted.tolist() == [1, 2, 1, 2, 1]
    given, wanted = transfer._conditions(source, make(16, width=4), None, 3)
    assert given.dtype == "int32" and wanted is None
    new = transfer._class_map(source, target, ["cat", "dog"], ["bird", "cow", "pig"])
    assert [each.tolist() for each in transfer._conditions(source, target, new, 4)] == [[0, 1, 0, 0], [0, 1, 2, 0]]


def test_at_twice_the_size_other_conditions_are_those_of_the_samples():
    def vectors(size, width):
        keras.utils.set_random_seed(0)
        condition = kerasgan.conditions.Vector(2)
        networks = kerasgan.networks.resnet((size, size, 1), 4, width, condition=condition, norm=None)
        gan = kerasgan.GAN(*networks, latent_dim=4, condition=condition, seed=0)
        gan.compile()
        return gan

    assert transfer.copy_weights(vectors(8, 8), vectors(16, 4), match_steps=2).fitted > 0


def test_enlarged_images_keep_slopes():
    ramp = np.broadcast_to(np.arange(4, dtype="float32")[:, None], (1, 4, 4))[..., None]
    np.testing.assert_allclose(transfer.enlarged(ramp)[0, :, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])


@pytest.mark.parametrize(
    ("options", "rule", "received"),
    [
        ({"width": 16}, "same kind and width", r"Dense \(4x256, 256\) where the source has Dense \(4x128, 128\)"),
        ({"network": "dcgan"}, "same kind and width", "where the source has"),
        ({"latent_dim": 5}, "same latents", "latent_dim=5 for a source of latent_dim=4"),
        ({"channels": 3}, "as many channels", r"\(8, 8, 3\) for a source of \(8, 8, 1\)"),
        ({"size": 12}, "same image size, or of half of it", r"\(12, 12, 1\)"),
        ({"size": 16}, "same kind and width", "after 0 equal layers. Half of the source's width fits"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_changed(options, rule, received):
    source, target = make(), make(**options, seed=1)
    before = target.get_weights()
    with pytest.raises(ValueError, match=f"{rule}.*Received: .*{received}"):
        transfer.copy_weights(source, target)
    assert all(np.array_equal(*pair) for pair in zip(before, target.get_weights(), strict=True))


def test_other_classes_need_names_and_a_trained_target_is_refused(images):
    with pytest.raises(ValueError, match=r"told apart by their names\. Received: 4 classes for a source of 3"):
        transfer.copy_weights(make(num_classes=3), make(num_classes=4))
    target = make()
    target.fit(images, batch_size=64, verbose=0)
    with pytest.raises(ValueError, match="Received: a target that has been trained"):
        transfer.copy_weights(make(), target)
