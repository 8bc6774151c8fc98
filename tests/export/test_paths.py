"""TensorFlow takes the path of a SavedModel for a pattern: what is written loads, or it is said."""

import os
import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

import kerasgan
import kerasgan_cli
from kerasgan.validation import model_files, paths

NAMES = ["plain", "a[b]c", "[[]", "[]", "a[b", "a]b[c", "a[b/c]d", "a*b", "a?b", "{a,b}", "a\\b", "é"]


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_loads_or_its_path_is_warned_of(make_gan, tmp_path, name):
    gan, folder = make_gan(width=4), tmp_path / name / "saved"
    folder.parent.mkdir(parents=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        gan.export(folder)
    messages = [str(each.message) for each in caught if "pattern" in str(each.message)]
    try:
        tf.saved_model.load(str(folder))
        loads = True
    except Exception:
        loads = False
    assert loads == (not messages) == paths.is_loadable(folder)
    if not loads:
        assert str(folder) in messages[0].replace("\\\\", "\\") and "Move it" in messages[0]
        folder.rename(tmp_path / "moved")
        tf.saved_model.load(str(tmp_path / "moved"))  # as the warning says


@pytest.mark.parametrize("name", ["a[b]c", "a*b?", "a\\b"])
def test_everything_else_works_in_folders_that_look_like_patterns(make_gan, images, tmp_path, name):
    """Event files, pictures, checkpoints, `.keras` files and the other formats are opened by their very names."""
    folder = tmp_path / name
    for _ in range(2):
        gan = make_gan(width=4)
        callbacks = [
            kerasgan.callbacks.TensorBoard(folder, write_graph=False),
            kerasgan.callbacks.ImageGrid(folder, n=4),
            kerasgan.callbacks.Checkpoint(folder / "checkpoints", resume=True),
        ]
        history = gan.fit(images, batch_size=64, epochs=2, callbacks=callbacks, verbose=0)
    assert callbacks[-1].position.epoch == 2 and not history.epoch  # the second fit went on from the first
    events = [path for path in folder.rglob("events.out.tfevents.*") if path.stat().st_size]
    tags = {
        value.tag
        for path in events
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
        for value in event_pb2.Event.FromString(record).summary.value
    }
    assert any(tag.startswith("losses/") for tag in tags) and any(tag.startswith("samples/") for tag in tags)
    assert list(folder.rglob("*.png"))
    gan.save(folder / "gan.keras")
    loaded = model_files.load(folder / "gan.keras")
    assert np.array_equal(loaded.generate(2, seed=0), gan.generate(2, seed=0))
    gan.export(folder / "gan.tflite", format="litert")
    assert (folder / "gan.tflite").stat().st_size


@pytest.mark.parametrize("name", ["a[b]c", "a\\b"])
def test_a_run_is_refused_before_training_where_its_saved_model_would_not_load(tmp_path, capsys, name):
    assert kerasgan_cli.main(["train", "digits", "--epochs", "1", "--log-dir", str(tmp_path / name)]) == 2
    assert "pattern" in capsys.readouterr().err and not list(tmp_path.iterdir())


LATIN_1 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def latin_1(tmp_path):
    folder = tmp_path / LATIN_1
    try:
        folder.mkdir()
    except (OSError, UnicodeEncodeError):
        pytest.skip("the file system takes names in UTF-8 only")
    return folder


def test_an_export_to_a_name_in_latin_1_is_refused_before_it_is_written(make_gan, latin_1):
    with pytest.raises(ValueError, match=r"UTF-8. Received: filepath=.*Choose another name"):
        make_gan().export(latin_1 / "saved")
    assert not list(latin_1.iterdir())


def test_a_model_and_checkpoints_in_latin_1(make_gan, images, latin_1):
    gan = make_gan()
    checkpoint = kerasgan.callbacks.Checkpoint(latin_1 / "checkpoints")
    gan.fit(images, callbacks=[checkpoint], verbose=0)
    gan.save(latin_1 / "gan.keras")
    loaded = model_files.load(latin_1 / "gan.keras")
    assert np.array_equal(loaded.generate(2, seed=0), gan.generate(2, seed=0))
    resumed = make_gan(seed=1)
    again = kerasgan.callbacks.Checkpoint(latin_1 / "checkpoints", resume=True)
    resumed.fit(images, callbacks=[again], verbose=0)
    assert again.position.epoch == 1


@pytest.mark.parametrize(
    "make",
    [
        kerasgan.callbacks.ImageGrid,
        kerasgan.callbacks.LatentWalk,
        kerasgan.callbacks.TensorBoard,
    ],
)
def test_callbacks_that_write_events_refuse_a_name_in_latin_1_before_training(latin_1, make):
    with pytest.raises(ValueError, match="UTF-8"):
        make(latin_1)
