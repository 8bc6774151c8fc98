"""The CSV file of a fit's logs: complete, one row per epoch, also after a resume and on a full disk."""

import csv
import errno
import os

import keras
import numpy as np
import pytest
from callback_helpers import IMAGES, fit, image_gan

from kerasgan.callbacks import Checkpoint, HistoryCSV, history_csv
from kerasgan.callbacks.history_csv import read_history


def cells(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_a_row_per_epoch_with_all_logs(tmp_path):
    history = fit(image_gan(), IMAGES, HistoryCSV(tmp_path / "new" / "history.csv"), epochs=3)
    header, *rows = cells(tmp_path / "new" / "history.csv")
    assert header == ["epoch", "step", "seconds", "d_fake", "d_loss", "d_real", "g_loss", "loss"]
    assert [row[:2] for row in rows] == [["1", "2"], ["2", "4"], ["3", "6"]]
    read = read_history(tmp_path / "new" / "history.csv")
    assert [row["d_loss"] for row in read] == history.history["d_loss"]
    assert all(row["seconds"] > 0 for row in read)


def test_logs_that_come_later_have_empty_cells_before(tmp_path):
    class Late(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                logs["val_fid"] = np.float32(0.5)

    fit(image_gan(), IMAGES, Late(), HistoryCSV(tmp_path / "history.csv"), epochs=3)
    assert [row.get("val_fid") for row in read_history(tmp_path / "history.csv")] == [None, 0.5, None]


def test_a_new_fit_starts_a_new_file(tmp_path):
    gan, callback = image_gan(), HistoryCSV(tmp_path / "history.csv")
    fit(gan, IMAGES, callback, epochs=3)
    fit(gan, IMAGES, callback, epochs=1)
    assert [(row["epoch"], row["step"]) for row in read_history(callback.path)] == [(1, 8)]


def test_a_resumed_training_goes_on_in_the_file(tmp_path):
    """Rows after the checkpoint, of epochs that are trained again, are replaced; a torn last row does no harm."""
    path = tmp_path / "history.csv"

    def train(epochs):
        return fit(image_gan(), IMAGES, HistoryCSV(path), Checkpoint(tmp_path, resume=True), epochs=epochs)

    train(2)
    text = path.read_text()
    row = text.splitlines()[-1]
    path.write_text(text + row.replace("2,4,", "3,6,", 1) + "\n4,8,0.1,0.")
    train(4)
    rows = read_history(path)
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 2), (2, 4), (3, 6), (4, 8)]
    assert rows[2]["d_loss"] != rows[1]["d_loss"]


def test_a_folder_in_its_place_is_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"history.csv could not be written"):
        history = fit(image_gan(), IMAGES, HistoryCSV(tmp_path / "file" / "history.csv"), *[blocked(tmp_path)])
    assert len(history.history["loss"]) == 2


def test_a_row_that_is_cut_short_costs_no_other(tmp_path, monkeypatch):
    path = tmp_path / "history.csv"

    class Torn(keras.callbacks.Callback):
        """The disk is full for as long as the second epoch is written."""

        def on_epoch_begin(self, epoch, logs=None):
            monkeypatch.setattr(history_csv, "open", cut_short if epoch == 1 else open, raising=False)

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                logs["late"] = 0.5

    def cut_short(file, *arguments, **options):
        with open(file, "a") as written:
            written.write("2,4,0.0,1.2")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.warns(UserWarning, match=r"history.csv could not be written"):
        fit(image_gan(), IMAGES, Torn(), HistoryCSV(path), epochs=4)
    rows = read_history(path)
    assert [row["epoch"] for row in rows] == [1, 3, 4] and rows[-1]["late"] == 0.5
    assert all(len(row) >= 8 for row in rows)


def blocked(folder):
    (folder / "file").write_text("")
    return keras.callbacks.Callback()


@pytest.mark.parametrize("text", ["", "a,b,c\n1,2,3\n", "epoch,step\n1,2\n"])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "other.csv").write_text(text)
    with pytest.raises(ValueError, match="epoch, step, seconds") as error:
        read_history(tmp_path / "other.csv")
    assert os.fspath(tmp_path) in str(error.value)
