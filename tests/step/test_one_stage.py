"""The identity between two update rules: one backward pass through D gives the gradients of two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.objectives import Hinge, LeastSquares, Relativistic
from kerasgan.penalties import R1, R2
from kerasgan.step import train_step

pytestmark = pytest.mark.filterwarnings("ignore:.*`loss` is not reported")


@pytest.fixture
def gradients(make_gan, images):
    """The step of an update rule with SGD(1), so that the change of each weight is its gradient."""

    def step(updates, objective, network, shift=0.0, penalties=()):
        gan = make_gan(
            network=network,
            width=8,
            d_optimizer=keras.optimizers.SGD(1.0),
            g_optimizer=keras.optimizers.SGD(1.0),
            objective=objective,
            penalties=penalties,
            updates=updates,
        )
        _, bias = gan.discriminator.layers[-1].trainable_variables
        bias.assign(bias + shift)
        before = [weight.numpy() for weight in gan.trainable_variables]
        logs = train_step(gan, tf.constant(images))
        after = [weight.numpy() for weight in gan.trainable_variables]
        moved = [was - now for was, now in zip(before, after, strict=True)]
        return moved, {name: float(value) for name, value in logs.items()}

    return step


@pytest.mark.parametrize("network", [kerasgan.networks.mlp, kerasgan.networks.dcgan])
@pytest.mark.parametrize("objective", ["non_saturating", "minimax", Hinge(), LeastSquares(), Relativistic()], ids=str)
def test_equals_simultaneous_on_every_weight(gradients, objective, network):
    one, logs = gradients("one_stage", objective, network)
    two, same = gradients("simultaneous", objective, network)
    assert logs == pytest.approx(same, rel=1e-5)
    for a, b in zip(one, two, strict=True):
        assert b.ndim == 1 or np.abs(b).max() > 0  # the hinge's gradients cancel on the last bias
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize("objective", ["non_saturating", Hinge(), Relativistic()], ids=str)
@pytest.mark.parametrize("shift", [-60.0, 60.0, -200.0])
def test_equals_simultaneous_for_large_logits(gradients, objective, shift):
    """Logits of +-60, and beyond what float32 can hold the probability of."""
    one, _ = gradients("one_stage", objective, kerasgan.networks.mlp, shift=shift)
    two, _ = gradients("simultaneous", objective, kerasgan.networks.mlp, shift=shift)
    for a, b in zip(one, two, strict=True):
        # Weights are near 1, so a gradient below 1e-7 is lost in the subtraction that measures it.
        assert np.allclose(a, b, rtol=1e-4, atol=1e-6 + 1e-5 * np.abs(b).max())
    if objective == "non_saturating" and shift < 0:
        assert np.abs(one[0]).max() > 1e-3  # rejected with confidence, the generator still learns


def test_equals_simultaneous_with_penalties(gradients):
    penalties = (R1(2.0), R2(0.5))
    one, logs = gradients("one_stage", Relativistic(), kerasgan.networks.dcgan, penalties=penalties)
    two, same = gradients("simultaneous", Relativistic(), kerasgan.networks.dcgan, penalties=penalties)
    assert logs == pytest.approx(same, rel=1e-4) and logs["d_penalty"] > 0
    for a, b in zip(one, two, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


def test_differs_from_alternating(gradients):
    one, _ = gradients("simultaneous", "non_saturating", kerasgan.networks.mlp)
    two, _ = gradients("alternating", "non_saturating", kerasgan.networks.mlp)
    assert not all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, two, strict=True))


def test_simultaneous_updates_use_the_weights_before_the_step(make_gan, images):
    gan = make_gan(updates="simultaneous", d_optimizer=keras.optimizers.SGD(100.0))
    twin = make_gan(updates="simultaneous", d_optimizer=keras.optimizers.SGD(0.0))
    for each in (gan, twin):
        train_step(each, tf.constant(images))
    assert all(np.array_equal(a, b) for a, b in zip(gan.generator.weights, twin.generator.weights, strict=True))


def test_layer_losses_count_in_both_rules(make_gan, images):
    """A weight penalty on each network moves its weights alike in one-stage and simultaneous."""

    def networks(image_shape, latent_dim, width):
        l2 = keras.regularizers.L2(0.5)
        generator = keras.Sequential(
            [keras.Input((latent_dim,)), keras.layers.Dense(64, kernel_regularizer=l2), keras.layers.Reshape((8, 8, 1))]
        )
        discriminator = keras.Sequential(
            [keras.Input(image_shape), keras.layers.Flatten(), keras.layers.Dense(1, kernel_regularizer=l2)]
        )
        return generator, discriminator

    sgd = keras.optimizers.SGD
    gans = [
        make_gan(network=networks, updates=updates, d_optimizer=sgd(0.1), g_optimizer=sgd(0.1))
        for updates in ("one_stage", "simultaneous")
    ]
    for gan in gans:
        train_step(gan, tf.constant(images))
    for a, b in zip(gans[0].weights, gans[1].weights, strict=True):
        assert np.allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("updates", ["alternating", "simultaneous", "one_stage"])
def test_loss_scaling_changes_nothing(make_gan, images, updates):
    gans = []
    for d_scale, g_scale in ((None, None), (128.0, 64.0)):
        d_sgd = keras.optimizers.SGD(0.1, loss_scale_factor=d_scale)
        g_sgd = keras.optimizers.SGD(0.1, loss_scale_factor=g_scale)
        gans.append(make_gan(d_optimizer=d_sgd, g_optimizer=g_sgd, penalties=R1(1.0), updates=updates))
        train_step(gans[-1], tf.constant(images))
    for a, b in zip(gans[0].weights, gans[1].weights, strict=True):
        assert np.allclose(a, b, atol=1e-6)


def batch_norm_pair(image_shape, latent_dim, width):
    generator, _ = kerasgan.networks.mlp(image_shape, latent_dim, width)
    layers = [keras.layers.Flatten(), keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    return generator, keras.Sequential([keras.Input(image_shape), *layers])


def test_refuses_a_discriminator_that_mixes_the_batch(make_gan, images):
    with pytest.raises(ValueError, match=r"normalizes across the batch.*Use updates='simultaneous'"):
        make_gan(network=batch_norm_pair, updates="one_stage")
    gan = make_gan(network=batch_norm_pair, updates="simultaneous")
    assert np.isfinite(gan.fit(images, verbose=0).history["loss"][0])


@pytest.mark.parametrize("updates", ["simultaneous", "one_stage"])
def test_trains_saves_and_goes_on(make_gan, images, tmp_path, updates):
    sgd = keras.optimizers.SGD
    gan = make_gan(network=kerasgan.networks.dcgan, updates=updates, d_optimizer=sgd(0.1), g_optimizer=sgd(0.1))
    gan.fit(images, shuffle=False, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.updates == gan.updates
    for each in (gan, loaded):
        each.fit(images, shuffle=False, verbose=0)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(gan.weights, loaded.weights, strict=True))
