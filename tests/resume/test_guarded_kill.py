"""Guarded trainings that roll back, are killed, and end as those that were not."""

import json
import os
import pathlib
import signal
import subprocess
import sys

import forked
import keras
import numpy as np
import pytest
from power_cut import PowerCut

import kerasgan
from kerasgan.callbacks import Checkpoint, Guard
from kerasgan.callbacks.guard_log import GuardLog
from kerasgan.resume import checkpoint_files

GUARDED = pathlib.Path(__file__).with_name("killed_with_guard.py")
BEFORE, AT, AFTER, BETWEEN, LAST = "0:9", "1:1", "1:2", "2:12", "3:6"
"""Moments: before the first rollback; right after it, before and after its checkpoint; between two; after the last."""


def ends(folder, *moments):
    """How a training ended that was not killed, and one for each moment at which it was killed and then resumed."""
    command = [sys.executable, GUARDED, folder, *moments]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.mark.parametrize("moments", [(AT, BETWEEN), pytest.param((BEFORE, AFTER, LAST), marks=pytest.mark.slow)])
def test_a_guarded_training_that_was_killed_ends_as_one_that_was_not(tmp_path, moments):
    found = ends(tmp_path, *moments)
    straight = found.pop("straight")
    assert straight["rollbacks"] == 3 and len(straight["failures"]) == 4 and len(straight["log"]) == 8
    assert set(found) == set(moments)
    for end in found.values():
        assert end["log"] == straight["log"] and end["failures"] == straight["failures"]
        assert end == straight  # bit for bit: weights, slots, seeds, and the guard's memory


def fit(make_gan, folder, images, epochs, *callbacks, policy="warn", **options):
    """Trains with batches of 16, a guard and a checkpoint after every third step. Returns the guard."""
    gan = make_gan(**options)
    checkpoint = Checkpoint(folder, every_steps=3, keep=100, resume=True)
    guard = Guard(policy, checkpoint if policy == "rollback" else None, every_steps=2, log_dir=folder)
    data = kerasgan.datasets.load(images, 16, seed=0)[0]
    gan.fit(data, epochs=epochs, verbose=0, callbacks=[guard, *callbacks, checkpoint])
    return guard


@pytest.mark.parametrize("cut_after", [6, pytest.param(16, marks=pytest.mark.slow)])
def test_a_resumed_guard_has_observed_what_one_did_that_was_not_interrupted(make_gan, images, tmp_path, cut_after):
    straight = fit(make_gan, tmp_path / "straight", images, 6)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(make_gan, tmp_path / "cut", images, 6, PowerCut(cut_after))
    resumed = fit(make_gan, tmp_path / "cut", images, 6)
    assert len(straight.get_state()["observations"]) == 13  # the first, and one after every second of 24 steps
    assert resumed.get_state() == straight.get_state()


def large_generator(image_shape, latent_dim, width):
    """Networks of which the generator has weights of five times the usual scale."""
    generator, discriminator = kerasgan.networks.mlp(image_shape, latent_dim, width)
    generator.set_weights([5 * weight for weight in generator.get_weights()])
    return generator, discriminator


def test_restored_weights_are_not_compared_with_fresh_ones(make_gan, images, tmp_path):
    """A guard that begins before the checkpoint is restored takes the difference for growth: a runaway."""
    fit(make_gan, tmp_path, images, 2, network=large_generator)
    guard = fit(make_gan, tmp_path, images, 3)
    assert "runaway" not in [each.what for each in guard.failures]


def test_a_rollback_leaves_a_checkpoint_from_which_training_goes_on(make_gan, images, tmp_path):
    """Of the weights before the failure, with the lower rates, the other seed, and the position after the failure."""

    class Break(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.g_optimizer.iterations.numpy()) == 8:
                weight = self.model.generator.trainable_weights[-1]  # behind no ReLU, which makes 0 of NaN
                weight.assign(np.full(weight.shape, np.nan))

    with pytest.raises(RuntimeError, match="power cut"):
        fit(make_gan, tmp_path, images, 4, Break(), PowerCut(11), policy="rollback")  # it fails at batch 10
    (newest,) = checkpoint_files.files(tmp_path)[:1]
    counters = checkpoint_files.peek_at(newest)
    assert counters["step"] == 8 and (counters["epoch"], counters["batch"]) == (2, 2)
    assert counters["callbacks"]["0 Guard"]["num_rollbacks"] == 1
    resumed = fit(make_gan, tmp_path, images, 4, policy="rollback")
    assert resumed.num_rollbacks == 1 and [each.what for each in resumed.failures] == ["not finite"]
    assert int(resumed.model.g_optimizer.iterations) == 8 + 6  # ten of sixteen batches were trained on before
    rate = float(resumed.model.g_optimizer.learning_rate.numpy())
    assert rate == pytest.approx(1e-4)
    assert all(np.isfinite(weight).all() for weight in resumed.model.get_weights())
    lines = (tmp_path / "guard.log").read_text().splitlines()
    assert len(lines) == 2 and "rolled back to step 8" in lines[1]


def test_the_epoch_of_a_rollback_has_means_of_the_steps_after_it(make_gan, images, tmp_path):
    """Otherwise NaN would stay in them, and no checkpoint of the epoch would be written."""

    class Break(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if int(self.model.g_optimizer.iterations.numpy()) == 4 and batch == 4:
                weight = self.model.generator.trainable_weights[-1]  # behind no ReLU, which makes 0 of NaN
                weight.assign(np.full(weight.shape, np.nan))

    gan, checkpoint = make_gan(), Checkpoint(tmp_path, every_steps=2, keep=100)
    guard = Guard("rollback", checkpoint, every_steps=2)
    history = gan.fit(images, batch_size=4, verbose=0, callbacks=[Break(), guard, checkpoint])
    assert guard.num_rollbacks == 1
    assert np.isfinite(history.history["d_loss"]).all()
    steps = [checkpoint_files.step_of(path) for path in checkpoint_files.files(tmp_path)]
    assert steps == list(range(14, -2, -2))  # of 16 batches two were undone


def test_an_interruption_is_no_end_of_training(make_gan, images, tmp_path):
    """`kerasgan train` closes the callbacks when it is stopped; what was not observed yet is observed on resume."""
    with pytest.raises(RuntimeError, match="power cut"):
        fit(make_gan, tmp_path, images, 6, PowerCut(5), cut := Kept())
    before = cut.guard.get_state()
    cut.guard.on_train_end()
    assert cut.guard.get_state() == before and len(before["observations"]) == 3


class Kept(keras.callbacks.Callback):
    """Keeps the guard of a training that does not end."""

    def on_train_begin(self, logs=None):
        self.guard = next(each for each in self.model.current_fit.callbacks if isinstance(each, Guard))


# guard.log


def test_lines_that_a_killed_process_wrote_are_not_repeated(tmp_path):
    log = GuardLog(tmp_path)
    for line in ("one", "two"):
        log.write(line)
    position = log.position
    log.write("three")
    (tmp_path / "guard.log").open("a").write("fo")  # killed here
    resumed = GuardLog(tmp_path)
    resumed.begin_at(position)
    assert resumed.position == position
    resumed.write("three")
    assert resumed.position > position
    resumed.write("four")
    assert (tmp_path / "guard.log").read_text().splitlines() == ["one", "two", "three", "four"]


def test_other_lines_are_written_after_those_of_the_killed_process(tmp_path):
    log = GuardLog(tmp_path)
    log.write("one")
    resumed = GuardLog(tmp_path)
    resumed.begin_at(0)
    resumed.write("another")
    resumed.write("one")
    assert (tmp_path / "guard.log").read_text().splitlines() == ["one", "another", "one"]


def test_a_new_training_goes_on_in_the_file(tmp_path):
    for _ in range(2):
        log = GuardLog(tmp_path)
        log.begin_at(None)
        log.write("one")
    assert (tmp_path / "guard.log").read_text().splitlines() == ["one", "one"]


def test_a_process_that_is_killed_within_a_rollback_leaves_checkpoints_to_resume_from(tmp_path):
    """Checkpoints are removed from the newest to the oldest: a kill in between leaves no gap."""
    for step in (4, 8, 12, 16):
        checkpoint_files.write(tmp_path, step, {}, {"step": step})
    removed = []

    def killed():
        unlink = pathlib.Path.unlink

        def unlink_once(path, *arguments, **options):
            if removed:
                os.kill(os.getpid(), signal.SIGKILL)
            removed.append(path)
            unlink(path, *arguments, **options)

        pathlib.Path.unlink = unlink_once
        Checkpoint(tmp_path).roll_back(8)

    assert forked.exit_code(forked.start(killed)) == -signal.SIGKILL
    assert [checkpoint_files.step_of(path) for path in checkpoint_files.files(tmp_path)] == [12, 8, 4]


@pytest.mark.parametrize("by_the_clock", [[], [5], [3, 7, 9], list(range(1, 12))])
def test_checkpoints_of_the_clock_do_not_change_where_a_rollback_goes_to(make_gan, images, tmp_path, by_the_clock):
    """They are at other steps in a training that was killed and resumed."""

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            step = int(self.model.g_optimizer.iterations.numpy())
            checkpoint.every_seconds = 1e-9 if step + 1 in by_the_clock else 1e9
            if step == 12:
                weight = self.model.generator.trainable_weights[0]
                weight.assign(np.full(weight.shape, np.nan))

    gan = make_gan()
    checkpoint = Checkpoint(tmp_path, every_epochs=1, every_steps=6, every_seconds=1e9, keep=2)
    guard = Guard("rollback", checkpoint, every_steps=2, log_dir=tmp_path)
    data = kerasgan.datasets.load(images, 8, seed=0)[0]  # eight batches
    gan.fit(data, epochs=2, verbose=0, callbacks=[Clock(), guard, checkpoint])
    lines = (tmp_path / "guard.log").read_text().splitlines()
    assert "rolled back to step 8 " in lines[1]
