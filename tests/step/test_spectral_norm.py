"""Spectral normalization: inference, validation and exports use kernels as training does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan.step import train_step


class GeneratorFirst:
    """An update rule of one's own, which ends with the discriminator."""

    d_steps = 1

    def check(self, discriminator):
        pass

    def play(self, step, images, labels=None):
        g_logs = step.update_generator(images, labels)
        return step.update_discriminator(images, labels) | g_logs


def normalized(units):
    return layers.SpectralNormalization(layers.Dense(units))


def networks(image_shape, latent_dim, width):
    generator = keras.Sequential(
        [keras.Input((latent_dim,)), normalized(width), layers.LeakyReLU(), normalized(64), layers.Reshape(image_shape)]
    )
    inputs = [keras.Input(image_shape), layers.Flatten()]
    discriminator = keras.Sequential([*inputs, normalized(width), layers.LeakyReLU(), normalized(1)])
    return generator, discriminator


def largest_singular_values(network):
    wrappers = [each for each in network.layers if isinstance(each, layers.SpectralNormalization)]
    assert len(wrappers) == 2
    return [np.linalg.norm(each.kernel.numpy(), ord=2) for each in wrappers]


RULES = ["alternating", "simultaneous", "one_stage", kerasgan.updates.Alternating(d_steps=2), GeneratorFirst()]


@pytest.fixture(params=RULES, ids=lambda rule: rule if isinstance(rule, str) else type(rule).__name__)
def trained(request, make_gan, images):
    gan = make_gan(
        network=networks,
        updates=request.param,
        d_optimizer=keras.optimizers.Adam(0.02),
        g_optimizer=keras.optimizers.Adam(0.02),
    )
    for _ in range(12):
        train_step(gan, tf.constant(images))
    return gan


def test_the_stored_kernels_of_both_networks_are_projected(trained):
    """One iteration from the last step's vector estimates sigma from below: the projected one is 1 or just above."""
    for network in (trained.discriminator, trained.generator):
        assert all(0.999 < sigma < 1.01 for sigma in largest_singular_values(network))


def test_inference_is_training_without_an_update(trained, images):
    """The next call in training projects once more, and changes nothing but for what the estimate has missed."""
    latents = np.random.default_rng(1).normal(size=(64, 4)).astype("float32")
    for network, inputs in ((trained.discriminator, images), (trained.generator, latents)):
        inference = network(inputs, training=False).numpy()
        training = network(inputs, training=True).numpy()
        assert np.abs(inference - training).max() < 0.01 * np.abs(training).max()


def test_a_kernel_of_zeros_stays_so(make_gan, images):
    gan = make_gan(network=networks, updates="one_stage", d_optimizer=keras.optimizers.SGD(0.0))
    gan.discriminator.set_weights([np.zeros(weight.shape) for weight in gan.discriminator.get_weights()])
    train_step(gan, tf.constant(images))
    assert not any(np.any(weight) for weight in gan.discriminator.get_weights())
