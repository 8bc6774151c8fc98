"""Laws of signals and sounds: what was mixed is said, nothing is invented, and values go back to their unit."""

import numpy as np
import pytest
from scipy import signal
from scipy.io import wavfile

from kerasgan import conditions
from kerasgan.datasets import load_signals, load_sounds
from kerasgan.runs import kinds
from kerasgan.validation import memory


def waves(num_signals=10, length=40, channels=2, seed=0):
    return np.random.default_rng(seed).normal(0, 3, (num_signals, length, channels))


def read(batches):
    return np.concatenate([np.asarray(each) for each in batches])


# Signals


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_arrays_of_signals_come_back_in_their_unit(dtype):
    signals = (waves() * 50).astype(dtype)
    batches, info = load_signals(signals, 5, unit="mV", shuffle=False)
    values = read(batches)
    assert info.image_shape == batches.image_shape == (40, 2) and info.value_scale.unit == "mV"
    assert info.scale == pytest.approx(info.value_scale.to_model(signals).std(), rel=1e-4)
    assert values.dtype == np.float32 and np.abs(values).max() == 1 and info.num_images == 10
    np.testing.assert_allclose(values * np.abs(signals.astype("float64")).max(), signals, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(info.value_scale.to_source(values), signals, rtol=1e-5, atol=1e-4)


def test_signals_have_labels_conditions_ranges_and_lengths():
    signals, table = np.clip(waves(), -9, 9), np.arange(20.0).reshape(10, 2)
    (values, labels), info = next(iter(load_signals((signals, np.arange(10) % 3), 10, labels=True)[0])), None
    assert np.asarray(values).shape == (10, 40, 2) and np.asarray(labels).dtype == np.int32
    batches, info = load_signals(signals, 10, conditions=table, value_range=(-10, 30), length=50, shuffle=False)
    values, found = map(np.asarray, next(iter(batches)))
    assert info.condition == conditions.Vector.from_data(table.astype("float32")) and values.shape == (10, 50, 2)
    np.testing.assert_array_equal(found, table)
    np.testing.assert_allclose(values[:, :40], (signals - 10) / 20, atol=1e-6)
    assert (values[:, 40:] == values[:, 39:40]).all()
    assert load_signals(signals[..., 0], 10, length=7)[1].image_shape == (7, 1)


def test_a_folder_holds_a_signal_in_each_file(tmp_path):
    signals = waves(3, 6)
    for number, name in enumerate(("a/0", "b/1")):
        (tmp_path / name).parent.mkdir()
        lines = [";".join(map(repr, map(float, row))) for row in signals[number]]
        (tmp_path / f"{name}.csv").write_text("\n".join(["left;right", *lines][number:]))
    np.save(tmp_path / "b" / "2.npy", signals[2])
    batches, info = load_signals(tmp_path, 3, labels=True, shuffle=False)
    values, labels = map(np.asarray, next(iter(batches)))
    np.testing.assert_allclose(info.value_scale.to_source(values), signals, rtol=1e-5, atol=1e-6)
    assert labels.tolist() == [0, 1, 1] and info.class_names == ("a", "b")
    np.save(tmp_path / "b" / "3.npy", waves(1, 9)[0])
    with pytest.warns(UserWarning, match=r"Of 4 files of 6 to 9 values, 1 were cut and 3 were padded to 8") as caught:
        assert load_signals(tmp_path, 3, length=8)[1].image_shape == (8, 2)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("files", "match"),
    [
        ({}, "must hold files of .csv, .npy"),
        ({"a.csv": "1,2\n3,4", "b.csv": "1,2\n3,4\n5,6"}, "one length.*1 of 2, 1 of 3 values. Use length=2"),
        ({"a.csv": "1,2\n3,4", "b.csv": "1\n3"}, "one number of channels. Received: 1 of 2, 1 of 1"),
        ({"a.csv": "1,2\n,4", "b.csv": "1,2\n3,4"}, "1 of 2 signals with NaN.*a.csv.*numpy.interp"),
        ({"a.csv": "1,2\n1,2"}, "1 signals, all constant"),
        ({"a.csv": "1,2\n1,x"}, "must be readable.*a.csv.*'x'"),
        ({"a.csv": "1,2\n1"}, "must be readable.*a.csv"),
        ({"a.csv": ""}, "one signal.*a.csv"),
    ],
)
def test_folders_of_signals_that_do_not_go_together_are_refused(tmp_path, files, match):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=match):
        load_signals(tmp_path, 1)


@pytest.mark.parametrize(
    ("signals", "options", "match"),
    [
        (np.zeros((3, 4, 4, 1)), {}, r"numbers \(n, length\[, channels\]\)"),
        (np.array(["a"]), {}, r"numbers \(n, length\[, channels\]\)"),
        (np.ones((3, 4)), {}, "3 signals, all constant"),
        (waves(), {"value_range": (-1, 1)}, "between which all values lie"),
        (waves(), {"batch_size": 11}, "batch_size=11 for 10 signals"),
        (waves(), {"labels": True}, "must have labels"),
        (waves(), {"length": 0}, "Received: length=0"),
        (waves() * np.nan, {}, "10 of 10 signals with NaN"),
    ],
)
def test_signals_that_cannot_be_trained_on_are_refused(signals, options, match):
    with pytest.raises(ValueError, match=match):
        load_signals(signals, **{"batch_size": 2, **options})


def test_constant_signals_are_counted():
    signals = waves()
    signals[3] = 4
    with pytest.warns(UserWarning, match="1 of 10 signals are constant: 3") as caught:
        load_signals(signals, 1)
    assert caught[0].filename == __file__


# Sounds


def tone(rate, seconds=0.5, frequency=440.0, channels=1):
    wave = 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)
    return np.stack([wave] * channels, axis=-1) if channels > 1 else wave


def write(folder, name, rate, values, dtype="int16"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = {"int16": 32767, "int32": 2**31 - 1, "float32": 1}.get(dtype)
    stored = np.round(values * 127 + 128) if dtype == "uint8" else values * scale
    wavfile.write(path, rate, stored.astype(dtype))


@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "uint8"])
def test_sounds_are_read_as_they_are(tmp_path, dtype):
    write(tmp_path, "a.wav", 8000, tone(8000), dtype)
    batches, info = load_sounds(tmp_path, 1, rate=8000, length=4000)
    assert info.image_shape == (4000, 1) and info.rate == 8000 and info.value_scale.high == 1
    np.testing.assert_allclose(read(batches)[0, :, 0], tone(8000), atol=0.01 if dtype == "uint8" else 5e-5)


def test_rates_lengths_and_channels_are_mixed_and_said(tmp_path):
    """The same tone from two rates is the same sound."""
    write(tmp_path, "high/a.wav", 16_000, tone(16_000))
    write(tmp_path, "high/b.wav", 44_100, tone(44_100, 1.0))
    write(tmp_path, "low/c.wav", 16_000, tone(16_000, 0.25, channels=2))
    with pytest.warns(UserWarning) as caught:
        batches, info = load_sounds(tmp_path, 3, length=8000, labels=True, shuffle=False)
    sounds, labels = map(np.asarray, next(iter(batches)))
    said = " | ".join(str(each.message) for each in caught)
    assert "1 of 3 files were resampled to 16,000 Hz: 1 of 44,100 Hz" in said
    assert "Of 1 of 3 files the mean of the channels was taken: 1 of 2 channels" in said
    assert "1 were cut and 1 were padded to 8,000" in said and {each.filename for each in caught} == {__file__}
    assert labels.tolist() == [0, 0, 1] and info.class_names == ("high", "low")
    middle = slice(100, 3900)  # away from the ends, where a filter sees no more of the tone
    np.testing.assert_allclose(sounds[1, middle], sounds[0, middle], atol=2e-3)
    np.testing.assert_allclose(sounds[2, :4000], sounds[0, :4000], atol=1e-4)
    assert (sounds[2, 4000:] == 0).all()
    with pytest.warns(UserWarning, match="became two"):
        assert load_sounds(tmp_path, 1, length=8000, channels=2)[1].image_shape == (8000, 2)


def test_silence_is_left_out_and_clipped_sounds_are_named(tmp_path):
    write(tmp_path, "loud.wav", 8000, np.clip(4 * tone(8000), -1, 1))
    write(tmp_path, "good.wav", 8000, tone(8000))
    write(tmp_path, "none.wav", 8000, np.zeros(4000))
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.warns(UserWarning) as caught:
        _, info = load_sounds(tmp_path, 2, rate=8000, length=4000)
    said = " | ".join(str(each.message) for each in caught)
    assert "Left out 1 silent files: none.wav" in said and "1 of 2 files are clipped: loud.wav" in said
    assert "Skipped 1 of 4 sounds" in said and info.skipped == ("text.wav", "none.wav") and info.num_images == 2
    assert {each.filename for each in caught} == {__file__}


def test_the_part_of_a_sound_that_is_kept_decides_and_is_that_of_the_whole(tmp_path):
    long = tone(22_050, seconds=2)
    write(tmp_path, "late.wav", 22_050, np.concatenate([np.zeros(22_050), long]))
    write(tmp_path, "long.wav", 22_050, long)
    with pytest.warns(UserWarning) as caught:
        batches, info = load_sounds(tmp_path, 1, rate=8000, length=4000)
    assert "Left out 1 silent files: late.wav" in " | ".join(str(each.message) for each in caught)
    assert "16,000 to 16,000 samples at 8,000 Hz, 1 were cut" in " | ".join(str(each.message) for each in caught)
    whole = signal.resample_poly(np.trunc(long * 32767) / 32768, 160, 441)
    assert info.num_images == 1
    np.testing.assert_allclose(read(batches)[0, :, 0], whole[:4000], atol=1e-6)


def test_sounds_that_the_memory_does_not_hold_are_refused(tmp_path, monkeypatch):
    write(tmp_path, "a.wav", 8000, tone(8000))
    monkeypatch.setattr(memory, "total_bytes", lambda: 4 * 3999)
    with pytest.raises(ValueError, match=r"must fit into memory.*length=4000, channels=1 for 1 files"):
        load_sounds(tmp_path, 1, rate=8000, length=4000)


def test_flac_is_read_by_soundfile(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", tone(8000), 8000)
    batches, _ = load_sounds(tmp_path, 1, rate=8000, length=4000)
    np.testing.assert_allclose(read(batches)[0, :, 0], tone(8000), atol=5e-5)


@pytest.mark.parametrize(
    ("files", "options", "match"),
    [
        ([], {}, "must hold files of .wav, .flac"),
        ([0.0], {}, "must not be silent.*1 silent files"),
        ([1.0], {"channels": 3}, "Received: channels=3"),
        ([1.0], {"rate": 0}, "Received: rate=0"),
        ([1.0], {"length": 1.5}, "Received: length=1.5"),
        ([1.0], {"labels": True}, "must have labels"),
        ([1.0], {"batch_size": 2}, "batch_size=2 for 1 signals"),
    ],
)
def test_sounds_that_cannot_be_trained_on_are_refused(tmp_path, files, options, match):
    for number, loudness in enumerate(files):
        write(tmp_path, f"{number}.wav", 8000, loudness * tone(8000))
    with pytest.raises(ValueError, match=match):
        load_sounds(tmp_path, **{"batch_size": 1, "rate": 8000, "length": 4000, **options})


def test_files_of_runs_beside_the_signals_are_left_out(tmp_path):
    for number in range(4):
        rows = "\n".join(str(value) for value in np.sin(np.arange(32) + number))
        (tmp_path / f"{number}.csv").write_text(rows)
    run = tmp_path / "tensorboard_logs" / "00001-beats"
    run.mkdir(parents=True)
    (run / "settings.json").write_text('{"recipe": {"title": "", "source": "."}}')
    (run / "history.csv").write_text("epoch,step,d_loss\n1,2,0.5\n")
    _, info = load_signals(tmp_path, batch_size=2)
    assert info.num_images == 4 and kinds.count(tmp_path, "signals") == 4 and kinds.of_source(tmp_path) == "signals"
