import keras
import numpy as np
import pytest

import kerasgan
from kerasgan import optimizers, penalties, schedules
from kerasgan.schedules import Cosine

DATA = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")


def number(value):
    return float(keras.ops.convert_to_numpy(value))


@pytest.mark.parametrize(("step", "expected"), [(0, 2.0), (5, 1.5 + 0.5 * np.sqrt(0.5)), (10, 1.5), (20, 1), (99, 1)])
def test_a_cosine_by_hand(step, expected):
    assert number(Cosine(2.0, 1.0, steps=20)(step)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("steps", [0, 1.5, None])
def test_steps_are_a_whole_number(steps):
    with pytest.raises(ValueError, match="steps"):
        Cosine(1.0, 0.0, steps)


def test_a_value_at_a_step_has_numbers_for_schedules():
    penalty = penalties.R1(Cosine(4.0, 2.0, steps=2), every=3)
    assert number(schedules.at(penalty, 1).gamma) == pytest.approx(3.0)
    assert schedules.at(penalty, 1).every == 3 and penalty.gamma == Cosine(4.0, 2.0, steps=2)
    constant = penalties.R1(4.0)
    assert schedules.at(constant, 1) is constant


def test_a_weight_that_falls_below_zero_is_refused():
    with pytest.raises(ValueError, match=r"gamma must be positive\. Received: gamma=Cosine"):
        penalties.R1(Cosine(1.0, 0.0, steps=10))


class Recorder(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        self.penalties = []

    def on_train_batch_end(self, batch, logs=None):
        self.penalties.append(logs["d_penalty"])


def linear_gan(gamma, optimizer):
    """D(x) = w . x with |w| = 5 that never moves: R1 of weight gamma is gamma / 2 * 25."""
    keras.utils.set_random_seed(0)
    generator, _ = kerasgan.networks.mlp((2,), latent_dim=2, width=4)
    discriminator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    discriminator.set_weights([np.array([[3.0], [-4.0]], "float32")])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=2, seed=0)
    gan.compile(keras.optimizers.SGD(0.0), optimizer, penalties=penalties.R1(gamma))
    return gan


def test_the_weight_of_a_penalty_follows_the_updates_of_the_discriminator():
    gan = linear_gan(Cosine(4.0, 2.0, steps=2), keras.optimizers.SGD(0.0))
    recorder = Recorder()
    points = np.zeros((8, 2), "float32")
    gan.fit(points, batch_size=2, epochs=1, verbose=0, callbacks=[recorder])
    # Keras's logs are means over the epoch so far; the weights are 4, 3, 2, 2.
    assert recorder.penalties == pytest.approx([50.0, 43.75, 37.5, 34.375], rel=1e-5)


def adam_by_hand(gradients, beta_2s, rate=0.1, beta_1=0.5, epsilon=1e-7):
    weight = m = v = 0.0
    for step, (gradient, beta_2) in enumerate(zip(gradients, beta_2s, strict=True), 1):
        m, v = beta_1 * m + (1 - beta_1) * gradient, beta_2 * v + (1 - beta_2) * gradient**2
        alpha = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight -= alpha * m / (np.sqrt(v) + epsilon)
    return weight


def test_scheduled_adam_by_hand():
    schedule = Cosine(0.5, 0.9, steps=2)
    optimizer = optimizers.ScheduledAdam(0.1, beta_1=0.5, beta_2=schedule)
    weight = keras.Variable(0.0)
    optimizer.build([weight])
    gradients = [1.0, -3.0, 0.5]
    for gradient in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [weight])
    assert number(weight) == pytest.approx(adam_by_hand(gradients, [0.5, 0.7, 0.9]), rel=1e-5)


def compiled(beta_2):
    keras.utils.set_random_seed(0)
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8), latent_dim=4, seed=0)
    adam = optimizers.ScheduledAdam if isinstance(beta_2, Cosine) else keras.optimizers.Adam
    gan.compile(*(adam(1e-3, 0.5, beta_2, name=name) for name in ("d", "g")))
    return gan


def trained(beta_2, epochs=2):
    gan = compiled(beta_2)
    gan.fit(DATA, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return np.concatenate([np.ravel(weight) for weight in gan.get_weights()])


def test_a_schedule_that_stays_is_keras_adam():
    assert np.allclose(trained(Cosine(0.9, 0.9, steps=5)), trained(0.9), atol=1e-6)
    assert not np.allclose(trained(Cosine(0.9, 0.99, steps=5)), trained(0.9), atol=1e-4)


def test_a_gan_with_schedules_is_saved_and_trains_on_the_same(tmp_path):
    def new():
        gan = compiled(Cosine(0.9, 0.99, steps=12))
        gamma = Cosine(1.0, 0.1, steps=12)
        gan.compile(gan.d_optimizer, gan.g_optimizer, penalties=penalties.R1(gamma), augment="ramp")
        return gan

    def fit(gan):
        gan.fit(DATA, batch_size=8, shuffle=False, verbose=0)

    whole, halved = new(), new()
    fit(whole), fit(whole)
    fit(halved)
    halved.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert loaded.penalties == whole.penalties and loaded.augment == whole.augment
    fit(loaded)
    assert number(loaded.augment_probability) == pytest.approx(number(whole.augment_probability))
    for one, other in zip(whole.get_weights(), loaded.get_weights(), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("beta_2", [None, 0.9, Cosine(0.9, 1.0, steps=3)])
def test_scheduled_adam_takes_a_schedule(beta_2):
    with pytest.raises(ValueError, match="Received: beta_2="):
        optimizers.ScheduledAdam(1e-3, 0.0, beta_2)


def test_the_probability_of_a_ramp_rises_evenly_and_stops():
    ramp = kerasgan.augment.Ramp(end_probability=0.4, images=400)
    logits, probability, seen = np.zeros(100), 0.0, []
    for _ in range(6):
        probability = number(ramp.next_probability(probability, logits))
        seen.append(probability)
    assert seen == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


@pytest.mark.parametrize("options", [{"end_probability": 1.0}, {"images": 0}, {"policy": ()}, {"policy": "blur"}])
def test_a_bad_ramp(options):
    with pytest.raises(ValueError, match=r"Received"):
        kerasgan.augment.Ramp(**options)
