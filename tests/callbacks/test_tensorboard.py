"""The TensorBoard callback: which chart a log is on, at which steps, with which value."""

import errno
import os

import keras
import pytest
from callback_helpers import events, file_names, fit

from kerasgan.callbacks import Equilibrium, Evaluate, Guard, TensorBoard
from kerasgan.callbacks.writer import DIAGNOSTICS, EVALUATION, LOSSES, SAMPLES, TRAINING

RUNS = {"loss": "", "d_loss": "discriminator", "g_loss": "generator"}


def points(folder, tag):
    """Returns the steps and the values of a chart's line."""
    steps, values = zip(*events(folder)[tag], strict=True)
    return list(steps), [float(value) for value in values]


def test_the_three_losses_are_on_one_chart_with_those_of_validation(make_gan, images, tmp_path):
    history = fit(make_gan(), images, TensorBoard(tmp_path), epochs=3, validation_data=images[:32]).history
    for name, run in RUNS.items():
        for folder, log in (("train", name), ("validation", f"val_{name}")):
            steps, values = points(tmp_path / folder / run, "losses/loss")
            assert steps[-3:] == [2, 4, 6] and values[-3:] == pytest.approx(history[log], rel=1e-6)


def test_each_log_has_its_chart(make_gan, images, tmp_path):
    class Own(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"own": 1.0, "val_own": 2.0}

    watching = [Evaluate(images, "pixels", metrics="fid"), Guard(log_dir=tmp_path), Equilibrium(images), Own()]
    gan = make_gan(penalties="r1", d_optimizer=keras.optimizers.Adam(4e-4), g_optimizer=keras.optimizers.Adam(1e-4))
    history = fit(gan, images, *watching, TensorBoard(tmp_path), validation_data=images[:32]).history
    charts = {
        "train": {
            "losses/loss": "loss",
            "losses/d_penalty": "d_penalty",
            "training/d_real": "d_real",
            "training/d_fake": "d_fake",
            "training/own": "own",
            "training_diagnostics/d_memorization_auc": "d_memorization_auc",
            "training_diagnostics/js_bound": "js_bound",
        },
        "validation": {
            "losses/loss": "val_loss",
            "training/d_real": "val_d_real",
            "training/d_fake": "val_d_fake",
            "training/own": "val_own",
            "samples_evaluation/fid": "val_fid",
        },
    }
    for run, tags in charts.items():
        assert set(events(tmp_path / run)) == set(tags)
        for tag, log in tags.items():
            assert points(tmp_path / run, tag)[1][-2:] == pytest.approx(history[log], rel=1e-6)
    rates = [points(tmp_path / "train" / run, "training/learning_rate")[1] for run in ("discriminator", "generator")]
    assert rates == [pytest.approx([4e-4] * 2), pytest.approx([1e-4] * 2)]
    groups = {tag.split("/")[0] for path in tmp_path.rglob("events*") for tag in events(path.parent)}
    assert groups <= {LOSSES, SAMPLES, EVALUATION, TRAINING, DIAGNOSTICS}


def test_steps_go_on_in_the_next_fit(make_gan, images, tmp_path):
    gan, board = make_gan(), TensorBoard(tmp_path)
    for _ in range(2):
        fit(gan, images, board)
    assert points(tmp_path / "train", "losses/loss")[0] == [1, 2, 4, 6, 8]


def test_objectives_without_a_total_have_two_lines(make_gan, images, tmp_path):
    with pytest.warns(UserWarning):
        gan = make_gan(objective="hinge")
    fit(gan, images, TensorBoard(tmp_path))
    assert "losses/loss" not in events(tmp_path / "train")
    assert all("losses/loss" in events(tmp_path / "train" / run) for run in ("discriminator", "generator"))


@pytest.mark.parametrize(("update_freq", "steps"), [(1, [1, 2, 3, 4, 4]), (3, [1, 3, 4]), ("epoch", [1, 4])])
def test_lines_begin_with_the_first_batch_and_have_more_within_an_epoch_only_if_asked_for(
    make_gan, images, tmp_path, update_freq, steps
):
    found = []
    note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(logs["d_loss"]))
    board = TensorBoard(tmp_path, update_freq=update_freq)
    fit(make_gan(), images, note, board, epochs=1, batch_size=16)
    line = points(tmp_path / "train" / "discriminator", "losses/loss")
    assert line == (steps, pytest.approx([found[step - 1] for step in steps], rel=1e-6))


def test_keras_is_offered_no_logs_of_batches(make_gan, images, tmp_path, monkeypatch):
    """Offering them to no writer costs memory with every step (`benchmarks/long_run.py`)."""
    board = TensorBoard(tmp_path)
    offered, scalar = [], board.summary.scalar

    def record(name, *args, **options):
        offered.append(name)
        return scalar(name, *args, **options)

    monkeypatch.setattr(board.summary, "scalar", record)
    fit(make_gan(), images, board, epochs=1, batch_size=16)
    at_epoch_end = [*3 * ["losses/loss"], "training/d_fake", "training/d_real", *2 * ["training/learning_rate"]]
    assert sorted(offered) == sorted([*at_epoch_end[:5], *at_epoch_end])  # and of the first batch


def test_evaluate_outside_of_a_fit_is_written_too(make_gan, images, tmp_path):
    gan, board = make_gan(), TensorBoard(tmp_path)
    fit(gan, images, board)
    assert file_names(tmp_path / "validation", "events*") == []
    results = gan.evaluate(images, callbacks=[board], return_dict=True, verbose=0)
    assert points(tmp_path / "validation", "training/d_real") == ([4], [pytest.approx(results["d_real"], rel=1e-6)])


def test_histograms_and_steps_per_second_are_written_if_asked_for(make_gan, images, tmp_path):
    fit(make_gan(), images, TensorBoard(tmp_path, histogram_freq=1, write_steps_per_second=True))
    found = events(tmp_path / "train")
    assert any(tag.endswith("/histogram") for tag in found)
    assert all(value > 0 for _, value in found["training/steps_per_second"])


def test_a_full_disk_is_a_warning(make_gan, images, tmp_path, monkeypatch):
    board = TensorBoard(tmp_path)

    def fail(*args, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(board.summary, "scalar", fail)
    with pytest.warns(UserWarning, match="could not be written: No space left on device. Training goes on"):
        history = fit(make_gan(), images, board)
    assert len(history.epoch) == 2
