"""The guard: each rule on looks made up for it, planted failures in real fits, and what each policy does."""

import logging
import pathlib
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.callbacks import Checkpoint, Guard, findings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "benchmarks"))

from guarded import PLANTED, Plant, dead_discriminator, nan_weights, with_nan_from

GOOD = {
    "d_loss": 1.3,
    "g_loss": 0.8,
    "d_real": 0.55,
    "d_fake": 0.45,
    "d_grad_norm": 1.0,
    "g_grad_norm": 1.0,
    "pairwise_accuracy": 0.6,
    "logit_spread": 0.5,
    "real_diversity": 0.3,
    "fake_diversity": 0.2,
}
GUESSING = 2 * np.log(2)


def looks(count=8, weights=None, **signs):
    """Looks every 20 steps at a game that is fine but for some signs; each of these may be a function of the look."""
    made = [findings.Look(0, {}, weights_at(0))]
    for number in range(1, count + 1):
        own = {name: value(number) if callable(value) else value for name, value in signs.items()}
        made.append(findings.Look(20 * number, GOOD | own, (weights or weights_at)(number)))
    return made


def weights_at(number, growth=1.01, still=()):
    sums = {name: np.array([4.0, 1.0]) * (1.0 if name in still else growth**number) for name in PLAYERS}
    return {name: (each, np.array([1.0])) for name, each in sums.items()}


PLAYERS = ("discriminator", "generator")


def what(made, neutral_loss=GUESSING):
    return [each.what for each in findings.findings(made, neutral_loss)]


def test_a_game_that_is_fine_raises_nothing():
    for count in range(1, 12):
        assert what(looks(count)) == []


def test_not_finite_names_the_step_and_the_sign_and_nothing_else_is_said():
    made = looks(3, fake_diversity=1e-9)
    made[-1] = findings.Look(60, GOOD, weights_at(3), broken_at=47, broken=("d_loss", "d_grad_norm"))
    (found,) = findings.findings(made, GUESSING)
    assert found.step == 47 and str(found).startswith("step 47: not finite: d_loss and d_grad_norm held NaN")


def test_weights_that_are_not_finite_are_found_though_no_loss_shows_it():
    made = looks(2)
    made[-1].weights["generator"][1][0] = np.nan  # a moving statistic, which training does not use
    assert what(made) == ["not finite"]


@pytest.mark.parametrize(("growth", "expected"), [(1.2, []), (2.0, ["runaway"])])
def test_weights_that_grow_threefold_in_two_hundred_steps_run_away(growth, expected):
    assert what(looks(10, weights=lambda n: weights_at(n, growth))) == expected  # sums of squares, so tenfold is 3.2


def test_a_loss_far_above_guessing_runs_away_if_it_lasts():
    assert what(looks(d_loss=14.0)) == ["runaway"]
    assert what(looks(d_loss=13.0)) == []
    assert what(looks(d_loss=lambda n: 14.0 if n != 6 else 1.0)) == []
    assert what(looks(d_loss=14.0), neutral_loss=0.0) == []  # a critic's loss is measured by nothing
    assert what(looks(logit_spread=101.0)) == ["runaway"]
    assert what(looks(logit_spread=101.0), neutral_loss=0.0) == []


@pytest.mark.parametrize("player", PLAYERS)
def test_weights_that_stand_still_are_dead(player):
    assert what(looks(weights=lambda n: weights_at(n, still=[player]))) == [f"dead {player}"]
    assert what(looks(4, weights=lambda n: weights_at(n, still=[player]))) == []  # not long enough


def test_a_discriminator_that_says_the_same_of_all_is_dead():
    assert what(looks(logit_spread=0.0)) == ["dead discriminator"]
    assert what(looks(logit_spread=lambda n: 0.0 if n != 6 else 0.1)) == []


def test_a_discriminator_has_won_when_its_loss_is_gone_or_the_generators_gradient():
    assert what(looks(pairwise_accuracy=1.0)) == []  # it leads, and there is something left to learn
    assert what(looks(pairwise_accuracy=1.0, d_loss=0.01)) == ["winning discriminator"]
    assert what(looks(pairwise_accuracy=0.9, d_loss=0.01)) == []
    gone = looks(pairwise_accuracy=1.0, g_grad_norm=lambda n: 1.0 if n < 3 else 0.005)
    assert what(gone, neutral_loss=0.0) == ["winning discriminator"]
    assert what(looks(pairwise_accuracy=0.9, g_grad_norm=lambda n: 1.0 if n < 3 else 0.005)) == []


def test_samples_that_become_alike_have_collapsed():
    assert what(looks(fake_diversity=lambda n: 0.2 if n < 3 else 0.005)) == ["collapsed generator"]
    assert what(looks(fake_diversity=lambda n: 0.2 if n < 3 else 0.01)) == []
    assert what(looks(fake_diversity=0.005)) == []  # little as yet
    assert what(looks(fake_diversity=1e-6)) == ["collapsed generator"]  # nothing, and that is no start
    assert what(looks(fake_diversity=1e-9, real_diversity=0.0)) == []  # real images that are alike are no measure


def test_players_that_run_around_each_other_oscillate():
    assert what(looks(20, pairwise_accuracy=lambda n: 0.95 if n % 8 < 4 else 0.05)) == ["oscillation"]
    assert what(looks(20, pairwise_accuracy=lambda n: 0.7 if n % 8 < 4 else 0.4)) == []
    assert what(looks(20, pairwise_accuracy=lambda n: 0.95 if n < 9 else 0.05)) == []


def test_every_finding_has_advice():
    assert all(str(findings.Finding(1, name, "evidence")).endswith(f"Try: {advice}.") for name, advice in ADVICE)


ADVICE = findings.ADVICE.items()


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
    first = next(each for each in guard.found if each.what == expected)
    assert 200 <= first.step <= 400
    assert min(each.step for each in guard.found) >= 200  # not one before it


def test_nan_in_the_data_is_refused_before_it_is_trained_on(make_gan, digits):
    gan = make_gan(width=64)
    with pytest.raises(ValueError, match="Images must be finite"):
        fit(gan, with_nan_from(digits, 40).take(80), Guard())
    assert all(np.isfinite(weight).all() for weight in gan.get_weights())


@pytest.mark.parametrize("updates", ("alternating", "one_stage"))
def test_a_run_that_is_fine_raises_nothing(make_gan, digits, updates):
    guard = Guard()
    fit(make_gan(width=64, updates=updates, penalties="r1"), digits.take(500), guard)
    assert guard.found == []


def test_a_slow_swing_is_called_oscillation():
    """Dirac-GAN: one real point and one generated, which run around each other where nothing holds them."""
    gan = dirac()
    guard = Guard(every=2)
    fit(gan, tf.data.Dataset.from_tensors(np.zeros((8, 1), "float32")).repeat(400), guard)
    assert "oscillation" in [each.what for each in guard.found]


def dirac():
    latents = keras.Input((1,))
    place = keras.layers.Dense(1, kernel_initializer="zeros", bias_initializer="ones")(latents)
    generator = keras.Model(latents, place)
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=1, seed=0)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1), updates="simultaneous")
    return gan


def test_it_speaks_once_and_again_only_when_it_was_gone(make_gan, images, caplog, tmp_path):
    guard = Guard(every=1, log_dir=tmp_path)
    with caplog.at_level(logging.WARNING):
        fit(make_gan(), images, Plant(0, dead_discriminator), guard, epochs=12)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("guard:")]
    assert len(lines) == len(guard.found) == 1 and "dead discriminator" in lines[0] and "Try:" in lines[0]
    assert (tmp_path / "guard.log").read_text() == lines[0].removeprefix("guard: ") + "\n"
    assert list((tmp_path / "guard").glob("events*"))


def test_stop_ends_training_at_once(make_gan, images):
    guard = Guard("stop", every=1)
    history = fit(make_gan(), images, Plant(4, nan_weights), guard, epochs=20)
    assert len(history.epoch) == 3 and guard.found[0].step in (5, 6)


def test_rollback_goes_to_the_last_state_that_was_well(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path, every_steps=1, every_epochs=None, keep=100)
    guard = Guard("rollback", checkpoint, every=2, rollbacks=2)
    kept = {}

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            step = int(self.model.g_optimizer.iterations.numpy())
            if guard.rolled_back == 1 and not kept:
                kept.update(step=step, rate=float(self.model.g_optimizer.learning_rate))
                kept["files"] = sorted(path.name for path in tmp_path.iterdir())
                kept["weights"] = self.model.get_weights()

    gan = make_gan()
    rate = float(gan.g_optimizer.learning_rate)
    fit(gan, images, Plant(7, nan_weights), guard, Keep(), checkpoint, batch_size=16, epochs=3)
    assert kept["step"] == 6 and kept["files"][-1] == "step-00000006.checkpoint"
    assert kept["rate"] == pytest.approx(0.5 * rate)
    assert all(np.isfinite(weight).all() for weight in kept["weights"])


def test_after_so_many_times_training_stops(make_gan, images, tmp_path):
    checkpoint = Checkpoint(tmp_path, every_steps=1, every_epochs=None)
    guard = Guard("rollback", checkpoint, every=1, rollbacks=2, log_dir=tmp_path)
    gan = make_gan()
    rate = float(gan.g_optimizer.learning_rate)
    fit(gan, images, Plant(3, always_broken), guard, checkpoint, batch_size=16, epochs=50)
    assert guard.rolled_back == 2 and gan.stop_training
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(0.25 * rate)
    lines = (tmp_path / "guard.log").read_text().splitlines()
    assert sum("gone back to step" in line for line in lines) == 2 and "training stops here" in lines[-1]


def always_broken(gan, first):
    nan_weights(gan, first=True)


def test_without_a_checkpoint_to_go_back_to_training_stops(make_gan, images, tmp_path, caplog):
    checkpoint = Checkpoint(tmp_path, every_epochs=100)
    gan = make_gan()
    fit(gan, images, Plant(0, nan_weights), Guard("rollback", checkpoint, every=1), checkpoint, epochs=9)
    assert gan.stop_training and "no checkpoint from before that" in caplog.text


def test_rates_of_a_schedule_are_cut_too_and_stay_cut_when_resumed(make_gan, images, tmp_path):
    def game():
        schedules = [keras.optimizers.schedules.PolynomialDecay(0.1, 1000, 0.1) for _ in PLAYERS]  # always 0.1
        return make_gan(d_optimizer=keras.optimizers.SGD(schedules[0]), g_optimizer=keras.optimizers.SGD(schedules[1]))

    gan, checkpoint = game(), Checkpoint(tmp_path, every_steps=1)
    fit(gan, images, Plant(3, nan_weights), Guard("rollback", checkpoint, every=1), checkpoint, batch_size=16)
    assert float(gan.d_optimizer.learning_rate) == float(gan.g_optimizer.learning_rate) == pytest.approx(0.05)
    before = gan.generator.get_weights()
    fit(gan, images[:16], Guard(every=1), batch_size=16)
    moved = np.abs(before[-1] - gan.generator.get_weights()[-1]).max()

    resumed, checkpoint = game(), Checkpoint(tmp_path, every_steps=1, resume=True)
    guard = Guard("rollback", checkpoint, every=1)
    fit(resumed, images, guard, checkpoint, batch_size=16, epochs=2)
    assert guard.rolled_back == 1
    assert float(resumed.d_optimizer.learning_rate) == pytest.approx(0.05) and moved > 0


def test_rolled_back_games_draw_other_latents(make_gan, images, tmp_path):
    gan, checkpoint = make_gan(), Checkpoint(tmp_path, every_steps=1)
    fit(gan, images, Plant(3, nan_weights), Guard("rollback", checkpoint, every=1), checkpoint, batch_size=16)
    state = np.array(gan.seed_generator.state)
    assert state[0] not in (0, 1) and np.array_equal(state[0], seed_after_one(gan))


def seed_after_one(gan):
    from kerasgan.callbacks import guard

    return guard._another_seed(gan.seed, 1, gan._all_seed_generators().index(gan.seed_generator))


def test_a_discriminator_that_learns_by_heart_is_told_by_its_gap():
    """The generator is right from the start and stays so: only by heart can its 32 real images be told from it."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(16, "tanh", kernel_initializer="identity"), keras.layers.Reshape((4, 4, 1))]
    generator = keras.Sequential([keras.Input((16,)), *layers])
    _, discriminator = kerasgan.networks.mlp((4, 4, 1), latent_dim=16, width=256)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=16, seed=0)
    gan.compile(keras.optimizers.Adam(1e-3), keras.optimizers.SGD(1e-3))
    real = np.tanh(np.random.default_rng(0).normal(size=(2, 32, 4, 4, 1))).astype("float32")
    guard = Guard()
    logs = fit(gan, real[0], guard, epochs=120, batch_size=32, validation_data=real[1]).history
    assert np.allclose(logs["d_gap"], np.subtract(logs["d_real"], logs["val_d_real"]))
    (found,) = guard.found
    third = next(epoch for epoch in range(2, 120) if min(logs["d_gap"][epoch - 2 : epoch + 1]) > 0.3)
    assert found.what == "overfitted discriminator" and found.step == third + 1
    assert f"D says {logs['d_real'][third]:.2f} of real images that it trains on" in found.evidence


@pytest.mark.parametrize(
    "options", [{"policy": "pray"}, {"policy": "rollback"}, {"every": 0}, {"rollbacks": 0}, {"cut": 0}, {"cut": 1.5}]
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="Received: "):
        Guard(**options)


@pytest.mark.parametrize("state", [None, {}, {"rolled_back": -1}, {"rolled_back": 99}, {"rolled_back": "1"}])
def test_a_state_from_elsewhere_is_refused(state):
    with pytest.raises(ValueError, match="The state must be one that Guard returned"):
        Guard().set_state(state)
