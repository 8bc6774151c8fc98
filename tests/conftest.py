import keras
import numpy as np
import pytest

import kerasgan


@pytest.fixture
def images():
    """64 images of 8x8 pixels, in [-1, 1]: noise, but always the same."""
    return np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")


@pytest.fixture
def make_gan():
    """A small gan that starts from the same weights and latents each time; options go to `compile`."""

    def make(image_shape=(8, 8, 1), seed=0, network=kerasgan.networks.mlp, width=16, **options):
        keras.utils.set_random_seed(seed)
        generator, discriminator = network(image_shape, latent_dim=4, width=width)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4, seed=seed)
        gan.compile(**options)
        return gan

    return make


@pytest.fixture(autouse=True)
def unexpected_errors_are_raised(monkeypatch):
    """The command prints one line for errors that no check has foreseen; a test must see where they come from."""
    monkeypatch.setattr("kerasgan_cli.UNEXPECTED", ())


@pytest.fixture(scope="module", autouse=True)
def determinism_ends():
    """Switches off what a deterministic run has switched on in this process: other tests must not find it on."""
    yield
    if keras.backend.backend() == "tensorflow":
        from tensorflow.python.framework import config

        config.disable_op_determinism()
