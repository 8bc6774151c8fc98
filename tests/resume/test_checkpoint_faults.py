"""Disks that fail during training: a warning, and nothing learned is lost."""

import json
import os
import pathlib
import shutil
import subprocess
import warnings

import keras
import numpy as np
import pytest
from tensorflow.python.ops import summary_ops_v2

import kerasgan_cli
from kerasgan.callbacks import Checkpoint, ImageGrid, LatentWalk
from kerasgan.resume import checkpoint_files, model_state

IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")


def mount(*arguments):
    return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0


@pytest.fixture(autouse=True)
def default_writer_given_back():
    """TensorFlow leaves a writer whose disk was full as the default one: not for the tests that follow."""
    before = summary_ops_v2._summary_state.writer
    yield
    summary_ops_v2._summary_state.writer = before


@pytest.fixture
def disk(tmp_path):
    """A file system of 256 KiB of its own: root passes over permission bits, but not over these."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not shutil.which("mount") or not mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)):
        pytest.skip("mounting a file system needs privileges")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


class At(keras.callbacks.Callback):
    """Does something at the beginning of each of some epochs."""

    def __init__(self, **acts):
        super().__init__()
        self.acts = {int(name.removeprefix("epoch_")): act for name, act in acts.items()}

    def on_epoch_begin(self, epoch, logs=None):
        self.acts.get(epoch, lambda: None)()


def train(make_gan, folder, *before, epochs=6, **options):
    """Trains for an epoch of one step each. Returns the steps that stand there, and the warnings."""
    gan = make_gan()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        callbacks = [*before, Checkpoint(folder, **options)]
        history = gan.fit(IMAGES, batch_size=32, epochs=epochs, callbacks=callbacks, verbose=0)
    assert len(history.epoch) == epochs  # to the end
    found = [
        checkpoint_files.read(path, model_state.spec(gan)) for path in checkpoint_files.files(folder)
    ]  # every one is sound
    messages = [str(each.message) for each in caught if each.category is UserWarning]
    return [int(each.path.stem.removeprefix("step-")) for each in found], messages


def size_of_one(make_gan, folder):
    train(make_gan, folder, epochs=1)
    return checkpoint_files.files(folder)[0].stat().st_size


def test_a_full_disk(make_gan, disk, tmp_path):
    """From the third epoch on there is no room, from the fifth on there is again."""
    need, filler = size_of_one(make_gan, tmp_path / "one"), disk / "filler"

    def fill():
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        filler.write_bytes(b"\0" * (free - need // 2))

    acts = At(epoch_2=fill, epoch_4=filler.unlink)
    steps, messages = train(make_gan, disk / "checkpoints", acts, keep=9)
    assert steps == [6, 5, 2, 1]
    assert [("of step 3 " in m, "of step 4 " in m) for m in messages] == [(True, False), (False, True)]
    assert all("No space left on device" in m and "step-00000002.checkpoint" in m for m in messages)
    assert not [name for name in os.listdir(disk / "checkpoints") if name.startswith(".")]


def test_a_disk_that_becomes_read_only(make_gan, disk):
    acts = At(
        epoch_2=lambda: mount("-o", "remount,ro", str(disk)),
        epoch_4=lambda: mount("-o", "remount,rw", str(disk)),
    )
    steps, messages = train(make_gan, disk / "checkpoints", acts, keep=9)
    assert steps == [6, 5, 2, 1] and len(messages) == 2
    assert all("Read-only file system" in message for message in messages)


def test_a_folder_that_is_removed_is_made_again(make_gan, tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    steps, messages = train(make_gan, folder, At(epoch_2=lambda: shutil.rmtree(folder)), keep=9)
    assert steps == [6, 5, 4, 3] and not messages


def test_a_run_that_is_removed_or_replaced_costs_no_training(make_gan, tmp_path):
    run = tmp_path / "run"
    acts = At(epoch_2=lambda: run.rename(tmp_path / "gone"), epoch_4=run.touch)
    steps, messages = train(make_gan, run / "checkpoints", acts, keep=9)
    assert steps == [] and len(messages) == 4
    assert "No such file" in messages[0] and "Not a directory" in messages[3]
    assert len(checkpoint_files.files(tmp_path / "gone" / "checkpoints")) == 2


@pytest.mark.slow
def test_a_folder_that_cannot_be_made(make_gan, tmp_path):
    (tmp_path / "file").write_text("")
    steps, messages = train(make_gan, tmp_path / "file" / "checkpoints", epochs=2)
    assert steps == [] and len(messages) == 3 and all("There is none yet" in message for message in messages)


def test_permission_taken_away(make_gan, tmp_path, monkeypatch):
    """The bits do not bind root, so the system's answer is given in its place."""
    folder, real_open = tmp_path / "checkpoints", open

    def denied(path, *arguments, **options):
        if pathlib.Path(path).name.startswith(f".{os.getpid()}.step"):
            raise PermissionError(13, "Permission denied", str(path))
        return real_open(path, *arguments, **options)

    acts = At(
        epoch_2=lambda: monkeypatch.setattr("builtins.open", denied),
        epoch_4=lambda: monkeypatch.setattr("builtins.open", real_open),
    )
    steps, messages = train(make_gan, folder, acts, keep=9)
    assert steps == [6, 5, 2, 1] and len(messages) == 2 and "Permission denied" in messages[0]


@pytest.mark.slow
def test_pictures_that_cannot_be_written_cost_no_training(make_gan, tmp_path):
    (tmp_path / "images").write_text("a file in the way")
    pictures = [ImageGrid(tmp_path, n=4), LatentWalk(tmp_path, rows=1, frames=2)]
    steps, messages = train(make_gan, tmp_path / "checkpoints", *pictures, epochs=2)
    assert steps == [2, 1] and messages and all("images" in message for message in messages)


SMALL = {
    "title": "",
    "source": "bell",
    "network": "mlp",
    "network_options": {"width": 32, "depth": 2},
    "latent_dim": 1,
    "batch_size": 5000,
}
"""Its checkpoints fit on the disk, with the pictures of a few epochs."""


@pytest.mark.slow
def test_a_run_on_a_small_disk_keeps_its_last_good_state(disk, tmp_path, capsys):
    """The whole command: the disk fills up while it trains, and when there is room again it is resumed."""
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"name": "bell", "recipe": SMALL | {"epochs": 8}}))
    with pytest.warns(UserWarning, match="could not be written"):
        assert kerasgan_cli.main(["train", "--settings", str(settings), "--log-dir", str(disk)]) == 2
    run = disk / "00001-bell"
    printed = capsys.readouterr()
    assert "Epoch 8/8" in printed.out
    assert "No space left" in printed.err and f"kerasgan train --resume {run}" in printed.err
    assert checkpoint_files.peek(run / "checkpoints")["epoch"] >= 1
    assert mount("-o", "remount,size=8m", str(disk))
    assert kerasgan_cli.main(["train", "--resume", str(run)]) == 0
    assert (run / "saved_model").is_dir() and (run / "samples.png").exists()
