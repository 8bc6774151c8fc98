import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.ema import EMA
from kerasgan.step import train_step


@keras.saving.register_keras_serializable("test_ema")
class Counts(keras.layers.Layer):
    """Counts its calls in training."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")

    def call(self, x, training=False):
        if training:
            self.count.assign_add(1.0)
        return x


@pytest.fixture
def make(images):
    def make(ema, network=kerasgan.networks.dcgan, **options):
        keras.utils.set_random_seed(0)
        gan = kerasgan.GAN(*network((8, 8, 1), latent_dim=4, width=4), latent_dim=4, ema=ema, seed=0)
        gan.compile(
            **{"d_optimizer": keras.optimizers.Adam(1e-2), "g_optimizer": keras.optimizers.Adam(1e-2)} | options
        )
        return gan

    return make


def weights(network):
    return [weight.numpy() for weight in network.weights]


def test_the_average_worked_by_hand(make, images):
    gan = make(EMA(half_life_images=128, warm_up=0.5))
    average = weights(gan.averaged_generator)
    assert all(np.array_equal(a, b) for a, b in zip(average, weights(gan.generator), strict=True))
    for step in range(1, 7):
        train_step(gan, tf.constant(images))
        half_life = min(128, 0.5 * 64 * step)
        keep = 0.5 ** (64 / half_life)
        average = [keep * a + (1 - keep) * w for a, w in zip(average, weights(gan.generator), strict=True)]
    averaged = [weight.trainable or "moving" in weight.path for weight in gan.generator.weights]
    assert sum(averaged) >= 6
    for weight, a, is_averaged in zip(gan.averaged_generator.weights, average, averaged, strict=True):
        assert not is_averaged or np.allclose(weight, a, atol=1e-5)
    assert not gan.averaged_generator.trainable_variables


def test_weights_that_are_neither_trained_nor_statistics_are_copied(images):
    stack = [keras.Input((4,)), Counts(), keras.layers.Dense(64), keras.layers.Reshape((8, 8, 1))]
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    gan = kerasgan.GAN(keras.Sequential(stack), discriminator, 4, ema=EMA())
    gan.compile()
    gan.fit(images, verbose=0)
    average, last = (model.layers[0].count.numpy() for model in (gan.averaged_generator, gan.generator))
    assert average == last > 0


def test_a_round_counts_the_generators_images(make, images):
    """With k discriminator steps the generator draws a k-th of the batch."""
    gan = make(EMA(half_life_images=16, warm_up=None), updates=kerasgan.updates.Alternating(4))
    before = weights(gan.averaged_generator)[0]
    train_step(gan, tf.constant(images))
    expected = 0.5 * before + 0.5 * weights(gan.generator)[0]
    assert np.allclose(weights(gan.averaged_generator)[0], expected, atol=1e-6)


def test_samples_come_from_the_average(make, images, tmp_path):
    gan = make(EMA())
    gan.fit(images, epochs=3, verbose=0)
    latents = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    drawn = gan.generate(latents=latents)
    assert np.allclose(drawn, gan.averaged_generator(latents), atol=1e-6)
    assert not np.allclose(drawn, gan.generator(latents), atol=1e-4)
    assert np.allclose(drawn, gan.predict(latents, verbose=0), atol=1e-6)
    gan.export(tmp_path / "model")
    served = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_default"](z=tf.constant(latents))
    assert np.allclose(drawn, served["images"], atol=1e-5)


def test_averaging_does_not_change_training(make, images):
    plain, averaged = make(None), make(EMA())
    for gan in (plain, averaged):
        gan.fit(images, shuffle=False, epochs=2, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(weights(plain.generator), weights(averaged.generator), strict=True))
    assert plain.sampler is plain.generator


@pytest.mark.slow
def test_it_is_saved_and_goes_on(make, images, tmp_path):
    sgd = keras.optimizers.SGD
    gan = make(EMA(half_life_images=500), d_optimizer=sgd(0.1), g_optimizer=sgd(0.1))
    gan.fit(images, shuffle=False, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.ema == gan.ema
    for each in (gan, loaded):
        each.fit(images, shuffle=False, verbose=0)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(gan.weights, loaded.weights, strict=True))


@pytest.mark.parametrize("options", [{"half_life_images": 0}, {"half_life_images": -5}, {"warm_up": 0}])
def test_bad_values(options):
    with pytest.raises(ValueError, match=r"must be positive\. Received"):
        EMA(**options)
