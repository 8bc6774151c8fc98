"""The guard: planted failures in real fits, and what each policy does."""

import logging
import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import keras_internals
from kerasgan.callbacks import Checkpoint, Guard
from kerasgan.callbacks.guard import another_seed
from kerasgan.step import forward

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "benchmarks"))

from guarded import PLANTED, Plant, dead_discriminator, flipped, nan_weights, with_nan_from

NETWORKS = ("discriminator", "generator")


@pytest.fixture(scope="module")
def digits():
    return kerasgan.datasets.load("digits", 32, seed=0)[0].repeat(10)


def fit(gan, data, *callbacks, epochs=1, **options):
    return gan.fit(data, epochs=epochs, verbose=0, callbacks=list(callbacks), **options)


@pytest.mark.parametrize("failure", [name for name, (_, act) in PLANTED.items() if act])
def test_a_planted_failure_is_found_within_two_hundred_steps(make_gan, digits, failure):
    expected, act = PLANTED[failure]
    gan, guard = make_gan(width=64), Guard()
    fit(gan, digits.take(400), Plant(200, act), guard)
    first = next(each for each in guard.failures if each.what == expected)
    assert 200 <= first.step <= 400
    assert min(each.step for each in guard.failures) >= 200  # not one before it


def test_nan_in_the_data_is_refused_before_it_is_trained_on(make_gan, digits):
    gan = make_gan(width=64)
    with pytest.raises(ValueError, match="Images must be finite"):
        fit(gan, with_nan_from(digits, 40).take(80), Guard())
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())


@pytest.mark.parametrize("updates", ("alternating", "one_stage"))
def test_sound_training_is_no_failure(make_gan, digits, updates):
    guard = Guard()
    fit(make_gan(width=64, updates=updates, penalties="r1"), digits.take(500), guard)
    assert guard.failures == []


def swapped_losses(gan, monkeypatch):
    gan.compile(objective=flipped(gan.objective))


def swapped_logits(gan, monkeypatch):
    pair = forward.discriminate_pair

    def swapped(*arguments):
        real_logits, fake_logits, *losses = pair(*arguments)
        return fake_logits, real_logits, *losses

    monkeypatch.setattr(forward, "discriminate_pair", swapped)


@pytest.mark.parametrize(
    ("objective", "mistake"),
    [("non_saturating", swapped_losses), ("relativistic", swapped_logits), ("hinge", swapped_logits)],
)
def test_flipped_labels_are_named(make_gan, digits, monkeypatch, objective, mistake):
    gan, guard = make_gan(width=64, objective=objective), Guard()
    mistake(gan, monkeypatch)
    fit(gan, digits.take(250), guard)
    assert {each.what for each in guard.failures} == {"flipped labels"}


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_that_does_not_learn_is_named(make_gan, digits, network):
    rates = {f"{network[0]}_optimizer": keras.optimizers.Adam(1e-12)}
    guard = Guard()
    fit(make_gan(width=64, **rates), digits.take(200), guard)
    assert [each.what for each in guard.failures] == [f"{network} does not learn"]
    assert "learning rate 1e-12" in guard.failures[0].evidence


@pytest.mark.parametrize(("number", "as_dataset"), [(1, False), (3, True), (9, False)])
def test_a_handful_of_images_is_named(make_gan, images, number, as_dataset):
    few = np.concatenate([images[:number]] * (64 // number))
    data = tf.data.Dataset.from_tensor_slices(few).shuffle(64, seed=0).batch(len(few)).repeat(10)
    guard = Guard(every_steps=2)
    fit(make_gan(), data if as_dataset else few, guard, epochs=1 if as_dataset else 10)
    assert guard.failures[0].what == "too few images"
    assert ("the same one" in guard.failures[0].evidence) == (number == 1)


def test_constant_images_are_named(make_gan):
    guard = Guard(every_steps=2)
    fit(make_gan(), np.full((64, 8, 8, 1), -1.0, "float32"), guard, epochs=10)
    assert guard.failures[0].what == "too few images"


def test_twenty_images_are_enough_for_the_guard(make_gan, images):
    guard = Guard(every_steps=2)
    fit(make_gan(), np.concatenate([images[:20]] * 3), guard, epochs=20)
    assert "too few images" not in [each.what for each in guard.failures]


@pytest.mark.parametrize("policy", ["warn", "rollback"])
def test_a_schedule_that_ends_at_zero_is_no_failure(make_gan, digits, tmp_path, policy):
    schedules = [keras.optimizers.schedules.CosineDecay(1e-3, 100) for _ in NETWORKS]
    optimizers = [keras.optimizers.Adam(schedule, beta_1=0.5) for schedule in schedules]
    gan = make_gan(width=64, d_optimizer=optimizers[0], g_optimizer=optimizers[1])
    checkpoint = Checkpoint(tmp_path)
    guard = Guard(policy, checkpoint, every_steps=10)
    fit(gan, digits.take(200), guard, checkpoint)
    assert guard.failures == [] and guard.num_rollbacks == 0
    assert int(gan.g_optimizer.iterations) == 200 and float(gan.g_optimizer.learning_rate) == 0


def test_a_critic_that_grows_from_a_small_start_does_not_run_away(make_gan, digits):
    """The weights of DCGAN start from N(0, 0.02), a third of what keeps the variance here; those of a critic grow."""
    rates = {f"{name}_optimizer": keras.optimizers.Adam(5e-4, beta_1=0.5) for name in "dg"}
    wasserstein = {"objective": "wasserstein", "penalties": "gradient_penalty"}
    updates = kerasgan.updates.Alternating(5)
    gan = make_gan(width=8, network=kerasgan.networks.dcgan, updates=updates, **wasserstein, **rates)
    norms = Norms()
    guard = Guard()
    fit(gan, digits.take(200), norms, guard)
    assert norms.growth > 3.0  # which alone is no failure
    assert guard.failures == []


class Norms(keras.callbacks.Callback):
    """Measures how much the weights of the discriminator grow."""

    def on_train_begin(self, logs=None):
        self.begin = self.norm()

    def on_train_end(self, logs=None):
        self.growth = self.norm() / self.begin

    def norm(self):
        return np.sqrt(sum(np.sum(np.square(weight)) for weight in self.model.discriminator.get_weights()))


def test_the_dirac_gan_oscillates():
    """Dirac-GAN: one real and one generated point, which circle each other without a penalty."""
    gan = dirac()
    guard = Guard(every_steps=2)
    fit(gan, tf.data.Dataset.from_tensors(np.zeros((8, 1), "float32")).repeat(400), guard)
    assert "oscillation" in [each.what for each in guard.failures]


def dirac():
    latents = keras.Input((1,))
    outputs = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones")(latents)
    generator = keras.Model(latents, outputs)
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=1, seed=0)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), updates="simultaneous")
    return gan


def test_a_failure_is_reported_once(make_gan, images, caplog, tmp_path):
    guard = Guard(every_steps=1, log_dir=tmp_path)
    with caplog.at_level(logging.WARNING):
        fit(make_gan(), images, Plant(0, dead_discriminator), guard, epochs=12)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("guard:")]
    assert len(lines) == len(guard.failures) == 1 and "dead discriminator" in lines[0] and "Try:" in lines[0]
    assert (tmp_path / "guard.log").read_text() == lines[0].removeprefix("guard: ") + "\n"
    assert list((tmp_path / "guard").glob("events*"))


def test_a_failure_is_reported_again_if_it_was_gone_in_between(make_gan, images):
    class DeadAliveDead(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            step = int(self.model.g_optimizer.iterations.numpy())
            if step == 0:
                self.weights = self.model.discriminator.get_weights()
            if step == 10:
                self.model.discriminator.set_weights(self.weights)
            if not 10 <= step < 20:
                dead_discriminator(self.model, False)

    guard = Guard(every_steps=1)
    fit(make_gan(), images, DeadAliveDead(), guard, epochs=8, batch_size=16)
    assert [(each.what, each.step) for each in guard.failures] == [
        ("dead discriminator", 5),
        ("dead discriminator", 25),
    ]


def test_stop_ends_training_at_once(make_gan, images):
    guard = Guard("stop", every_steps=1)
    history = fit(make_gan(), images, Plant(4, nan_weights), guard, epochs=20)
    assert len(history.epoch) == 3 and guard.failures[0].step in (5, 6)


def test_a_rollback_restores_the_last_sound_state(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path, every_steps=1, every_epochs=None, keep=100)
    guard = Guard("rollback", checkpoint, every_steps=2, max_rollbacks=2)
    kept = {}

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step = int(self.model.g_optimizer.iterations.numpy())
            if guard.num_rollbacks == 1 and not kept:
                kept.update(step=step, rate=float(self.model.g_optimizer.learning_rate))
                kept["files"] = sorted(path.name for path in tmp_path.iterdir())
                kept["weights"] = self.model.get_weights()

    gan = make_gan()
    rate = float(gan.g_optimizer.learning_rate)
    fit(gan, images, Plant(7, nan_weights), guard, Keep(), checkpoint, batch_size=16, epochs=3)
    assert kept["step"] == 6 and kept["files"][-1] == "step-00000006.checkpoint"
    assert kept["rate"] == pytest.approx(0.5 * rate)
    assert all(np.isfinite(weight).all() for weight in kept["weights"])


def test_training_stops_after_the_last_rollback(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path, every_steps=1, every_epochs=None)
    guard = Guard("rollback", checkpoint, every_steps=1, max_rollbacks=2, log_dir=tmp_path)
    gan = make_gan()
    rate = float(gan.g_optimizer.learning_rate)
    fit(gan, images, Plant(3, always_broken), guard, checkpoint, batch_size=16, epochs=50)
    assert guard.num_rollbacks == 2 and gan.stop_training
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(0.25 * rate)
    lines = (tmp_path / "guard.log").read_text().splitlines()
    assert sum("rolled back to step" in line for line in lines) == 2 and "training stops" in lines[-1]


def always_broken(gan, first):
    nan_weights(gan, first=True)


def test_a_failure_in_the_first_steps_goes_back_to_the_beginning(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path, every_epochs=100)
    gan, guard = make_gan(), Guard("rollback", checkpoint, every_steps=1)
    fit(gan, images, Plant(0, nan_weights), guard, checkpoint, epochs=2)
    assert guard.num_rollbacks == 1 and not gan.stop_training
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())


def test_training_stops_without_a_checkpoint_to_roll_back_to(make_gan, images, tmp_path, caplog):
    class Lose(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            for path in tmp_path.glob("*.checkpoint"):
                path.unlink()

    checkpoint = Checkpoint(tmp_path, every_epochs=100)
    gan = make_gan()
    guard = Guard("rollback", checkpoint, every_steps=1)
    fit(gan, images, Plant(0, nan_weights), Lose(), guard, checkpoint, epochs=9)
    assert gan.stop_training and "no checkpoint from before the failure" in caplog.text


def test_schedules_are_scaled_too_and_stay_so_when_resumed(make_gan, images, tmp_path):
    def new_gan():
        schedules = [keras.optimizers.schedules.PolynomialDecay(0.1, 1000, 0.1) for _ in NETWORKS]  # always 0.1
        return make_gan(d_optimizer=keras.optimizers.SGD(schedules[0]), g_optimizer=keras.optimizers.SGD(schedules[1]))

    gan, checkpoint = new_gan(), Checkpoint(tmp_path, every_steps=1)
    fit(gan, images, Plant(3, nan_weights), Guard("rollback", checkpoint, every_steps=1), checkpoint, batch_size=16)
    assert float(gan.d_optimizer.learning_rate) == float(gan.g_optimizer.learning_rate) == pytest.approx(0.05)
    before = gan.generator.get_weights()
    fit(gan, images[:16], Guard(every_steps=1), batch_size=16)
    moved = np.abs(before[-1] - gan.generator.get_weights()[-1]).max()

    resumed, checkpoint = new_gan(), Checkpoint(tmp_path, every_steps=1, resume=True)
    guard = Guard("rollback", checkpoint, every_steps=1)
    fit(resumed, images, guard, checkpoint, batch_size=16, epochs=2)
    assert guard.num_rollbacks == 1
    assert float(resumed.d_optimizer.learning_rate) == pytest.approx(0.05) and moved > 0


def test_latents_after_a_rollback_are_others(make_gan, images, tmp_path):
    gan, checkpoint = make_gan(), Checkpoint(tmp_path, every_steps=1)
    fit(gan, images, Plant(3, nan_weights), Guard("rollback", checkpoint, every_steps=1), checkpoint, batch_size=16)
    state = np.array(gan.seed_generator.state)
    assert state[0] not in (0, 1) and np.array_equal(state[0], seed_after_one(gan))


def seed_after_one(gan):
    return another_seed(gan.seed, 1, keras_internals.seed_generators(gan).index(gan.seed_generator))


def test_a_discriminator_that_memorizes_is_found_by_its_ranking():
    """The generator is exact and stays so: its samples differ from the 32 real images only for one who knows these."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, "tanh", kernel_initializer="identity"), keras.layers.Reshape((4, 4, 1))]
    generator = keras.Sequential([keras.Input((16,)), *layers])
    _, discriminator = kerasgan.networks.mlp((4, 4, 1), latent_dim=16, width=256)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=16, seed=0)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.SGD(1e-3))
    real = np.tanh(np.random.default_rng(0).normal(size=(2, 32, 4, 4, 1))).astype("float32")
    guard = Guard()
    logs = fit(gan, real[0], guard, epochs=30, batch_size=32, validation_data=real[1]).history
    (found,) = guard.failures
    auc = logs["d_memorization_auc"]
    third = next(epoch for epoch in range(2, 30) if min(auc[epoch - 2 : epoch + 1]) > 0.791)
    assert found.what == "overfitted discriminator" and found.step == third + 1
    assert f"with a probability of {auc[third]:.2f}" in found.evidence


@pytest.mark.parametrize(
    "options",
    [
        {"policy": "ignore"},
        {"policy": "rollback"},
        {"every_steps": 0},
        {"max_rollbacks": 0},
        {"lr_factor": 0},
        {"lr_factor": 1.5},
    ],
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="Received: "):
        Guard(**options)


@pytest.mark.parametrize("name", ["num_rollbacks", "rolled_back"])
def test_the_state_of_this_and_of_older_versions_is_restored(make_gan, name):
    guard = Guard()
    guard.set_model(make_gan())
    guard.set_state({name: 2})
    assert guard.num_rollbacks == 2 and guard.get_state()["num_rollbacks"] == 2


STATES = [None, {}, {"num_rollbacks": -1}, {"num_rollbacks": 99}, {"num_rollbacks": "1"}, {"rolled_back": True}]


@pytest.mark.parametrize("state", STATES)
def test_any_other_state_is_refused(state):
    with pytest.raises(ValueError, match="The state must be one that Guard returned"):
        Guard().set_state(state)
