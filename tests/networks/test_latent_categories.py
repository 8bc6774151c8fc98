"""Latents that choose a category: which one, in which networks, and that the jump is there."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import networks
from kerasgan.networks import latent_categories
from kerasgan.networks.latent_categories import LatentCategories

LATENTS = np.array([[0.5, -1.0, 2.0, 9.0], [-3.0, -0.1, -2.0, 9.0]], "float32")

NETWORKS = {
    "dcgan": lambda **options: networks.dcgan((8, 8, 1), 4, width=4, **options),
    "mlp": lambda **options: networks.mlp((2,), 4, width=4, **options),
    "resnet": lambda **options: networks.resnet((8, 8, 1), 4, width=4, **options),
    "resnext": lambda **options: networks.resnext((8, 8, 1), 4, width=4, **options),
}


def test_the_largest_of_the_first_latents_is_the_category():
    root = np.sqrt(3)
    expected = [[*LATENTS[0], 0, 0, root], [*LATENTS[1], 0, root, 0]]
    np.testing.assert_allclose(LatentCategories(3)(LATENTS), expected, atol=1e-6)


def test_equal_latents_share_the_category():
    share = np.sqrt(3) / 2
    np.testing.assert_allclose(LatentCategories(3)(np.array([[1.0, 1.0, 0.0]]))[0, 3:], [share, share, 0], atol=1e-6)


def test_categories_are_equally_likely_and_of_unit_mean_square():
    latents = np.random.default_rng(0).standard_normal((60_000, 6), "float32")
    chosen = np.asarray(LatentCategories(5)(latents))[:, 6:]
    np.testing.assert_allclose((chosen > 0).mean(axis=0), 0.2, atol=0.01)  # six standard errors
    np.testing.assert_allclose((chosen**2).mean(), 1.0, atol=1e-5)


def test_nearly_equal_latents_are_told_apart_in_bfloat16():
    """1.001 and 1.002 are the same number there."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        generator, _ = NETWORKS["mlp"](latent_categories=2)
        layer = generator.get_layer("categories")
        chosen = np.asarray(layer(np.array([[1.001, 1.002, 0.0, 0.0]], "float32")))[0, 4:]
    finally:
        keras.config.set_dtype_policy("float32")
    assert list(chosen > 0) == [False, True]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("num_classes", [None, 3])
def test_samples_jump_where_another_latent_becomes_the_largest(name, num_classes, tmp_path):
    keras.utils.set_random_seed(0)
    generator, discriminator = NETWORKS[name](latent_categories=3, num_classes=num_classes)
    gan = kerasgan.GAN(generator, discriminator, 4, num_classes=num_classes)
    near = np.tile(np.array([[1.0, 1.0, -1.0, 0.3]], "float32"), (3, 1))
    near[0, 0] += 2e-4
    near[1, 1] += 2e-4  # as far from the first as the third is
    near[2, 0] += 4e-4
    labels = None if num_classes is None else np.zeros(3, "int32")
    samples = gan.generate(latents=near, labels=labels)
    over, within = (np.abs(samples[other] - samples[0]).max() for other in (1, 2))
    assert over > 20 * within
    gan.generator.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras")
    given = near if labels is None else [near, labels]
    np.testing.assert_array_equal(again(given), gan.generator(given))


@pytest.mark.parametrize("updates", ["alternating", "one_stage"])
def test_a_pair_with_categories_is_trained(updates):
    gan = kerasgan.GAN(*NETWORKS["resnext"](latent_categories=3), latent_dim=4)
    gan.compile(updates=updates)
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    before = [np.array(weight.numpy()) for weight in gan.generator.trainable_weights]
    gan.fit(images, batch_size=8, epochs=2, verbose=0)
    moved = [np.any(now.numpy() != was) for now, was in zip(gan.generator.trainable_weights, before, strict=True)]
    assert all(moved)
    kernel = gan.generator.get_layer("g_basis").kernel.numpy() - before[0]
    assert np.any(kernel[4:] != 0)  # the rows of the categories


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [1, 5, -1, 2.5, "many"])
def test_categories_that_latents_cannot_choose_from_are_refused(name, count):
    with pytest.raises(ValueError, match=r"latent_categories.*Received"):
        NETWORKS[name](latent_categories=count)


def test_the_layer_refuses_more_categories_than_latents():
    with pytest.raises(ValueError, match="Received: 5 categories for latent_dim=4"):
        LatentCategories(5)(LATENTS)


def test_a_margin_keeps_the_category_and_is_only_for_generators_with_categories():
    generator = NETWORKS["mlp"](latent_categories=3)[0]
    kept = latent_categories.margin(generator, LATENTS)
    np.testing.assert_array_equal(kept - LATENTS, [[0, 0, 2, 0], [0, 2, 0, 0]])
    inner = keras.Sequential([keras.Input((4,)), generator])
    np.testing.assert_array_equal(latent_categories.margin(inner, LATENTS), kept)
    assert latent_categories.margin(NETWORKS["mlp"]()[0], LATENTS) is LATENTS
