"""Event files: when they are opened, and the order of their groups of tags in TensorBoard."""

import pytest
from callback_helpers import file_names, scalars, steps

from kerasgan.callbacks import writer
from kerasgan.callbacks.writer import ScalarLog, SummaryWriter


def test_nothing_is_opened_before_the_first_write(tmp_path):
    summaries = SummaryWriter(tmp_path / "run")
    summaries.flush()
    summaries.close()
    assert not (tmp_path / "run").exists()


def test_one_file_is_opened_and_another_after_close(tmp_path):
    summaries = SummaryWriter(tmp_path)
    for step in (1, 2):
        summaries.scalar("a", 0.5 * step, step)
    summaries.flush()
    assert len(file_names(tmp_path, "events*")) == 1 and steps(tmp_path, "a") == [1, 2]
    summaries.close()
    summaries.scalar("a", 1.5, 3)
    summaries.close()
    assert len(file_names(tmp_path, "events*")) == 2
    assert steps(tmp_path, "a") == [1, 2, 3] and scalars(tmp_path, "a") == [0.5, 1.0, 1.5]


def test_a_write_that_fails_is_a_warning(tmp_path):
    (tmp_path / "file").touch()
    for log in (ScalarLog(tmp_path / "file" / "run", "group"), ScalarLog(None, "group")):
        if log._writer is None:
            log.write({"a": 1.0}, 1)  # nothing to write to, and no warning
        else:
            with pytest.warns(UserWarning, match="could not be written: .*Training goes on"):
                log.write({"a": 1.0}, 1)
        log.close()


def test_losses_and_samples_come_first():
    """TensorBoard sorts groups by the codes of their letters, and opens the first two."""
    groups = [writer.LOSSES, writer.SAMPLES, writer.EVALUATION, writer.TRAINING, writer.DIAGNOSTICS]
    assert [f"{group}/" for group in groups[:2]] == ["losses/", "samples/"] and groups == sorted(groups)
