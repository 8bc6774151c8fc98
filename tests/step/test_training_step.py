"""The laws of the training step: which weights change when, on which samples, by how much."""

import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import random, updates
from kerasgan.step import TrainingStep, train_step

RATE = 0.5


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, "float64")))


def weights_of(network):
    return [variable.numpy().copy() for variable in network.trainable_variables]


def changed(before, network):
    return [not np.array_equal(old, new.numpy()) for old, new in zip(before, network.trainable_variables, strict=True)]


@pytest.fixture
def scalar_gan():
    """A GAN of numbers that can be worked by hand: D(x) = w x + b, G(z) = c whatever z (its kernel is 0)."""

    def make(rule):
        generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
        discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        generator.layers[0].bias.assign([0.5])
        discriminator.set_weights([np.array([[0.3]]), np.array([0.1])])
        gan = kerasgan.GAN(generator, discriminator, latent_dim=1, seed=0)
        gan.compile(keras.optimizers.SGD(RATE), keras.optimizers.SGD(RATE), updates=rule)
        return gan

    return make


def test_a_discriminator_step_changes_the_discriminator_alone(make_gan, images):
    gan = make_gan()
    d_before, g_before = weights_of(gan.discriminator), weights_of(gan.generator)
    TrainingStep(gan).update_discriminator(keras.ops.convert_to_tensor(images))
    assert all(changed(d_before, gan.discriminator))
    assert not any(changed(g_before, gan.generator))


def test_a_generator_step_changes_the_generator_alone(make_gan, images):
    gan = make_gan()
    d_before, g_before = weights_of(gan.discriminator), weights_of(gan.generator)
    TrainingStep(gan).update_generator(keras.ops.convert_to_tensor(images))
    assert not any(changed(d_before, gan.discriminator))
    assert all(changed(g_before, gan.generator))


@pytest.mark.parametrize("d_steps", [1, 2, 3])
def test_alternating_makes_k_discriminator_steps_and_one_generator_step(make_gan, images, d_steps):
    gan = make_gan(updates=updates.Alternating(d_steps))
    gan.fit(images, batch_size=16, epochs=1, verbose=0)
    assert gan.g_optimizer.iterations.numpy() == 4
    assert gan.d_optimizer.iterations.numpy() == 4 * d_steps


@pytest.mark.parametrize("d_steps", [1, 2])
def test_alternating_worked_by_hand(scalar_gan, d_steps):
    """Each discriminator step on its own minibatch, in order; then the generator, evaluated by the updated D."""
    images = np.array([[1.0], [2.0], [-1.0], [4.0]], "float32")
    gan = scalar_gan(updates.Alternating(d_steps))
    logs = train_step(gan, keras.ops.convert_to_tensor(images))

    w, b, c, d_losses = 0.3, 0.1, 0.5, []
    for real in np.split(images[:, 0].astype("float64"), d_steps):
        on_real, on_fake = w * real + b, w * c + b
        d_losses.append(np.mean(np.log1p(np.exp(-on_real))) + np.log1p(np.exp(on_fake)))
        w_gradient = -np.mean(sigmoid(-on_real) * real) + sigmoid(on_fake) * c
        b_gradient = -np.mean(sigmoid(-on_real)) + sigmoid(on_fake)
        w, b = w - RATE * w_gradient, b - RATE * b_gradient
    updated_logit = w * c + b
    new_c = c + RATE * sigmoid(-updated_logit) * w

    assert gan.discriminator.get_weights()[0].item() == pytest.approx(w, rel=1e-5)
    assert gan.discriminator.get_weights()[1].item() == pytest.approx(b, rel=1e-5)
    assert gan.generator.get_weights()[1].item() == pytest.approx(new_c, rel=1e-5)
    assert float(logs["d_loss"]) == pytest.approx(np.mean(d_losses), rel=1e-5)
    assert float(logs["g_loss"]) == pytest.approx(np.log1p(np.exp(-updated_logit)), rel=1e-5)


def test_every_step_draws_new_latents(make_gan, images):
    gan = make_gan(updates=updates.Alternating(2))
    before = gan.seed_generator.state.numpy()[1]
    train_step(gan, keras.ops.convert_to_tensor(images))
    assert gan.seed_generator.state.numpy()[1] == before + 3


def test_a_batch_that_does_not_divide_is_split_as_evenly_as_it_can_be():
    parts = [images for images, _ in updates._split(keras.ops.arange(11), None, 3)]
    assert [len(part) for part in parts] == [3, 4, 4]
    assert np.concatenate(parts).tolist() == list(range(11))


def test_losses_of_layers_count_once(images):
    """A weight penalty in D counts once a step, though D is called on real and on generated images."""
    generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, depth=1)

    def step(regularizer):
        discriminator = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(1, kernel_regularizer=regularizer, kernel_initializer=keras.initializers.Ones()),
            ]
        )
        gan = kerasgan.GAN(generator, discriminator, latent_dim=4, seed=0)
        gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        TrainingStep(gan).update_discriminator(keras.ops.convert_to_tensor(images))
        return discriminator.get_weights()[0]

    difference = step(keras.regularizers.L2(1.0)) - step(None)
    assert np.allclose(difference, -0.1 * 2 * 1.0, atol=1e-5)  # the gradient of w^2 is 2 w, and w starts at 1


def test_xla_computes_the_same_step(make_gan, images, monkeypatch):
    # Compiled by XLA, TensorFlow's random generator draws other numbers from the same seed: fix them.
    latents = np.random.default_rng(1).normal(size=(32, 4)).astype("float32")
    monkeypatch.setattr(random.BatchRandom, "normal", lambda self, shape: keras.ops.convert_to_tensor(latents))
    plain, compiled = (
        make_gan(d_optimizer=keras.optimizers.SGD(0.1), g_optimizer=keras.optimizers.SGD(0.1), jit_compile=jit)
        for jit in (False, True)
    )
    start = [weight.numpy() for weight in plain.trainable_weights]
    for gan in (plain, compiled):
        gan.fit(images, batch_size=32, epochs=2, shuffle=False, verbose=0)
    assert compiled.jit_compile and not plain.jit_compile
    for before, one, other in zip(start, plain.trainable_weights, compiled.trainable_weights, strict=True):
        assert not np.array_equal(before, one), one.path
        assert np.allclose(one, other, atol=1e-5), one.path
