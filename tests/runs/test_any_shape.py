"""The whole road of sounds, signals, volumes, wide images and 16 bits: from files to files."""

import io
import json
import pathlib
import wave

import numpy as np
import pytest
from PIL import Image

import kerasgan_cli
from kerasgan import datasets
from kerasgan.datasets import ValueScale
from kerasgan.files import wav_bytes
from kerasgan.runs import kinds, samples

FAST = ["--epochs", "1", "--set", "passes_per_epoch=1", "--set", "network_options.width=2", "--set", "held_out=0"]


def tones(folder, n=8, rate=4000):
    for number in range(n):
        file = pathlib.Path(folder, "low" if number % 2 else "high", f"{number}.wav")
        file.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.5 * np.sin(2 * np.pi * (200 + 300 * (number % 2)) * np.arange(600) / rate + number)
        file.write_bytes(wav_bytes(tone[:, None], rate))
    return folder


def random(shape, dtype="uint16", high=4096):
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


def main(*arguments):
    assert kerasgan_cli.main(list(map(str, arguments))) == 0


def train(*arguments):
    main("train", *arguments)


def test_wav_files_are_read_back_as_they_were_written():
    values = np.linspace(-1, 1, 101)[:, None]
    with wave.open(io.BytesIO(wav_bytes(values, 8000))) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        found = np.frombuffer(file.readframes(101), "<i2")
    np.testing.assert_array_equal(found, np.round(values[:, 0] * 32767))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Of 8 files")
def test_a_folder_of_sounds_is_trained_on_and_sampled_by_class(tmp_path, capsys):
    tones(tmp_path / "tones")
    short = ["--set", "rate=4000", "--set", "length=512", "--batch-size", "4"]
    train(tmp_path / "tones", "--conditional", *FAST, *short, "--log-dir", tmp_path / "logs")
    run = next((tmp_path / "logs").iterdir())
    record = json.loads((run / "settings.json").read_text())
    assert record["recipe"]["kind"] == "sounds" and record["dataset"]["rate"] == 4000
    assert kerasgan_cli.main(["sample", str(run), "--n", "3", "--label", "1", "--out", str(tmp_path / "said")]) == 0
    written = sorted((tmp_path / "said").iterdir())
    assert len(written) == 3 and all(each.name.endswith("-class1.wav") for each in written)
    batches, info = datasets.load_sounds(tmp_path / "said", 3, rate=4000, length=512)
    assert info.rate == 4000 and len(batches) == 1
    assert any(run.joinpath("images").glob("samples-*.png")) and (run / "samples.png").is_file()
    assert kerasgan_cli.main(["evaluate", str(run), "--n", "6", "--seeds", "1"]) == 0
    assert "log-spectral distance" in capsys.readouterr().out
    card = json.loads((run / "saved_model" / "kerasgan.json").read_text())
    assert card["rate"] == 4000 and ValueScale(**card["value_scale"]) == ValueScale("float32", -1, 1)


@pytest.mark.slow
def test_wide_images_of_four_channels_and_16_bits_go_the_whole_road(tmp_path):
    np.save(tmp_path / "scan.npy", random((12, 48, 96, 4)))
    train(tmp_path / "scan.npy", *FAST, "--batch-size", "4", "--image-size", "48x96", "--log-dir", tmp_path / "logs")
    run = next((tmp_path / "logs").iterdir())
    assert samples.scale_of(run) == ValueScale("uint16", 0, 65535)
    grid = np.asarray(Image.open(run / "images" / "real.png"))
    assert grid.shape[1] > grid.shape[0] and len(list((run / "images").glob("samples-*.png"))) == 1
    train("--resume", run, "--epochs", "2")
    assert len(list((run / "images").glob("samples-*.png"))) == 2 and (run / "samples.png").is_file()
    main("evaluate", run, "--n", "6", "--seeds", "1", "--json", tmp_path / "figures.json")
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["extractor"] == "pixels" and figures["step"] == 6
    for out in ("out.npy", "out"):
        main("sample", run, "--n", "2", "--seed", "3", "--out", tmp_path / out)
    found = np.load(tmp_path / "out.npy")
    assert found.shape == (2, 48, 96, 4) and found.dtype == np.uint16
    np.testing.assert_array_equal(datasets.load_arrays(tmp_path / "out")[2].value_scale.dtype, "uint16")
    main("export", run, "--out", tmp_path / "gan.onnx")
    session = pytest.importorskip("onnxruntime").InferenceSession(tmp_path / "gan.onnx")
    card = json.loads((tmp_path / "gan.onnx.kerasgan.json").read_text())
    drawn = session.run(None, {"z": np.random.default_rng(0).normal(size=(2, *card["latent_shape"])).astype("float32")})
    assert drawn[0].shape == (2, 48, 96, 4)
    saved = json.loads((run / "saved_model" / "kerasgan.json").read_text())
    assert ValueScale(**card["value_scale"]) == ValueScale(**saved["value_scale"]) == ValueScale("uint16", 0, 65535)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [("signals", (64, 2)), ("volumes", (8, 8, 8, 1))])
def test_signals_and_volumes_with_labels_go_the_whole_road(tmp_path, capsys, kind, shape):
    values = np.random.default_rng(0).uniform(-3, 3, (12, *shape)).astype("float32")
    values = values if kind == "signals" else random((12, *shape), "uint8", 256)
    for number, value in enumerate(values):
        file = tmp_path / "data" / "ab"[number % 2] / (f"{number}.csv" if kind == "signals" else f"{number}.npy")
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(file, value, delimiter=",") if kind == "signals" else np.save(file, value)
    log_dir = tmp_path / "logs"
    recipe = () if kind == "signals" else ("--recipe", "volume")
    options = (*FAST, *recipe, "--conditional", "--batch-size", "4", "--guard", "rollback", "--log-dir", log_dir)
    train(tmp_path / "data", *options)
    run = next(log_dir.iterdir())
    train("--resume", run, "--epochs", "2")
    assert len(list((run / "images").glob("samples-*.png"))) == 2
    main("sample", run, "--n", "3", "--label", "1", "--out", tmp_path / "out")
    written = [np.load(file) for file in sorted((tmp_path / "out").iterdir())]
    scale = samples.scale_of(run)
    assert len(written) == 3 and all(each.shape == shape and each.dtype == scale.dtype for each in written)
    assert scale.dtype == ("float64" if kind == "signals" else "uint8") and 2 < scale.high
    card = json.loads((run / "saved_model" / "kerasgan.json").read_text())
    assert ValueScale(**card["value_scale"]) == scale and card["num_classes"] == 2
    code = kerasgan_cli.main(["evaluate", str(run), "--n", "6", "--seeds", "1"])
    printed = capsys.readouterr()
    if kind == "signals":
        assert code == 0 and "log-spectral distance" in printed.out
    else:
        assert code == 2 and "There are no figures for volumes" in printed.err


def test_16_bits_come_back_bit_for_bit_through_the_record_of_a_run_and_png_files(tmp_path):
    scan = random((3, 8, 12, 1), high=65536)
    (tmp_path / "scans").mkdir()
    for number, image in enumerate(scan):
        Image.fromarray(image[..., 0]).save(tmp_path / "scans" / f"{number}.png")
    images, _, info = datasets.load_arrays(str(tmp_path / "scans"), image_size=(8, 12))
    record = {"dataset": {"value_scale": vars(info.value_scale)}}
    (tmp_path / "settings.json").write_text(json.dumps(record))
    samples.write(tmp_path, None, images, tmp_path / "out")
    samples.write(tmp_path, None, images, tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), scan)
    for image, file in zip(scan, sorted((tmp_path / "out").iterdir()), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(file)), image[..., 0])


def test_kinds_are_read_off_the_files(tmp_path):
    for name, shape in {"signals": (40, 64, 2), "volumes": (3, 4, 4, 4, 1), "images": (5, 28, 28)}.items():
        np.save(tmp_path / f"{name}.npy", np.zeros(shape))
        assert kinds.of_source(tmp_path / f"{name}.npy") == name
        assert kinds.count(tmp_path / f"{name}.npy", name) == shape[0]
    assert kinds.of_source(tones(tmp_path / "tones")) == "sounds" and kinds.count(tmp_path / "tones", "sounds") == 8
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("1\n2\n")
    assert kinds.of_source(tmp_path / "csv") == "signals"
    assert kinds.of_source("mnist") == "images"


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.full((8, 64, 1), np.nan), (), "must be finite"),
        (np.ones((8, 64, 1)), (), "must vary"),
        (np.random.default_rng(0).normal(size=(8, 66, 1)), (), "multiple of 4"),
        (np.random.default_rng(0).normal(size=(8, 64, 1)), ("--set", "augment=ada"), "not for signals"),
        (np.random.default_rng(0).normal(size=(8, 64, 1)), ("--image-size", "32"), "not for signals"),
        (np.random.default_rng(0).normal(size=(8, 64, 1)), ("--conditional",), "must have labels"),
        (np.zeros((8, 8, 8, 8, 1), "uint8"), ("--set", "rate=100"), "not for volumes"),
        (np.full((8, 8, 8, 8, 1), 7.0), (), "must lie in"),
        (np.zeros((8, 16, 16, 16, 1), "uint8"), ("--set", "network_options.width=100000"), "must fit into memory"),
        (np.zeros((8, 10, 8, 8, 1), "uint8"), (), "multiples of 4"),
    ],
)
def test_bad_signals_and_volumes_are_one_clear_line(tmp_path, capsys, array, options, message):
    np.save(tmp_path / "data.npy", array)
    arguments = ["train", str(tmp_path / "data.npy"), *FAST, "--batch-size", "4", "--log-dir", str(tmp_path / "logs")]
    assert kerasgan_cli.main([*arguments, *options]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error and "Received" in error and not (tmp_path / "logs").exists()


def test_samples_of_an_unknown_ending_or_a_damaged_record_are_refused(tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"dataset": {"value_scale": {"dtype": "uint16", "low": 5}}}))
    with pytest.raises(ValueError, match=r"png, \.npy or \.npz"):
        samples.write(tmp_path, None, np.zeros((1, 8, 1)), "x.doc")
    with pytest.raises(ValueError, match="scale of its data"):
        samples.scale_of(tmp_path)
