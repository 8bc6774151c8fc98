"""`.keras` files from anywhere: what they ask for is bounded by what they hold, and every refusal is one ValueError."""

import io
import json
import os
import pathlib
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest

import kerasgan
import kerasgan_cli
from kerasgan import keras_internals
from kerasgan.runs import models
from kerasgan.validation import model_files

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
DATA = pathlib.Path(__file__).parents[1] / "data" / "before_the_move"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a trained GAN's file."""
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=4), latent_dim=4)
    gan.compile()
    gan.fit(np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32"), verbose=0)
    path = tmp_path_factory.mktemp("saved") / "gan.keras"
    gan.save(path)
    return path.read_bytes()


@pytest.fixture
def saved(content, tmp_path):
    path = tmp_path / "gan.keras"
    path.write_bytes(content)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def changed(content, **sizes):
    """Returns a config with other sizes for every layer that has such a field."""

    def walk(value):
        if isinstance(value, dict):
            return {name: sizes[name] if name in sizes and each else walk(each) for name, each in value.items()}
        return [walk(each) for each in value] if isinstance(value, list) else value

    return json.dumps(walk(json.loads(content))).encode()


def weights_file(**options):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, given in options.items():
            file.create_dataset(name, **given)
    return content.getvalue()


def with_link(link):
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers"] = link
    return content.getvalue()


def without_weights(contents):
    """Networks of 30 GiB, for which there are no weights."""
    with keras_internals.variables_without_values():
        generator, _ = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=50_000)
        described = keras.saving.serialize_keras_object(generator)
    config = json.loads(contents[CONFIG])
    config["config"]["generator"] = described
    return contents | {CONFIG: json.dumps(config).encode()}


def bombs():
    giant = {"shape": (2**33,), "dtype": "float32", "chunks": (2**20,), "compression": "gzip"}
    deep = b'{"config": ' * 100_000 + b"1" + b"}" * 100_000
    virtual = h5py.VirtualLayout((4,), "float32")
    virtual[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_virtual_dataset("x", virtual)
    return {
        "weights of zeros": (lambda c: c | {WEIGHTS: bytes(2**27)}, r"unpacks to 134,2\d\d,\d{3}"),
        "a config of zeros": (lambda c: c | {CONFIG: bytes(2**27)}, "unpacks to"),
        "an asset of zeros": (lambda c: c | {"assets/x": bytes(2**27)}, "unpacks to"),
        "a long config": (lambda c: c | {CONFIG: c[CONFIG] + b" " * 2**23}, "takes 8,3.* at most 4,194,304"),
        "a deep config": (lambda c: c | {CONFIG: deep}, "nested deeper than 100"),
        "deep lists": (lambda c: c | {CONFIG: b"[" * 10**6}, "nested deeper than 100"),
        "many files": (lambda c: c | {f"assets/{n}": b"" for n in range(2000)}, "holds 2,003 files"),
        "datasets never stored": (
            lambda c: c | {WEIGHTS: weights_file(x=giant)},
            r"unpack from [\d,]+ bytes to 34,359",
        ),
        "external link": (lambda c: c | {WEIGHTS: with_link(h5py.ExternalLink("/etc/passwd", "/"))}, "are a link"),
        "soft link": (lambda c: c | {WEIGHTS: with_link(h5py.SoftLink("/layers"))}, "are a link"),
        "virtual dataset": (lambda c: c | {WEIGHTS: content.getvalue()}, "are in another file"),
        "no weights": (without_weights, r"networks take [\d,]+ bytes, of which it holds"),
        "shape": (lambda c: c | {CONFIG: changed(c[CONFIG], target_shape=[2**20, 2**20, 1])}, "cannot be built"),
    }


BOMBS = bombs()


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_refused_before_anything_is_allocated(saved, bomb, monkeypatch):
    damage, message = BOMBS[bomb]
    write(saved, damage(members(saved)), zipfile.ZIP_DEFLATED)
    assert saved.stat().st_size < 3e6
    monkeypatch.setattr(keras.models, "load_model", lambda *given, **options: pytest.fail("Keras was let at it"))
    with pytest.raises(ValueError, match=message) as refused:
        model_files.load(saved)
    assert str(saved) in str(refused.value) and "\n" not in str(refused.value)


def test_outputs_have_a_bound(tmp_path):
    """Layers without weights can be as large as any."""
    small = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.UpSampling2D(4), keras.layers.MaxPooling2D(4)])
    small.save(tmp_path / "small.keras")
    assert model_files.load(tmp_path / "small.keras").output_shape == (None, 8, 8, 1)
    contents = members(tmp_path / "small.keras")
    config = changed(contents[CONFIG], size=[2**14, 2**14], pool_size=[2**14, 2**14], strides=[2**14, 2**14])
    write(tmp_path / "large.keras", contents | {CONFIG: config})
    with pytest.raises(ValueError, match=r"one layer returns 68,719,476,736 bytes"):
        model_files.load(tmp_path / "large.keras")


def test_a_size_that_is_not_what_the_archive_says(saved):
    """The directory of the archive says less than the member holds: reading stops there, and the checksum differs."""
    contents = members(saved)
    write(saved, contents | {WEIGHTS: bytes(2**20)}, zipfile.ZIP_DEFLATED)
    raw = saved.read_bytes()
    saved.write_bytes(raw.replace((2**20).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(ValueError, match="damaged"):
        model_files.load(saved)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.99, 0.9999])
def test_a_truncated_file_is_damaged_not_missing(saved, share):
    raw = saved.read_bytes()
    saved.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(ValueError, match="damaged or cut short") as refused:
        model_files.load(saved)
    assert "not found" not in str(refused.value).lower()


NO_FILES = {
    "nothing": (lambda path: None, "There is no such .keras file"),
    "folder": (lambda path: path.mkdir(), "cannot be read|not a plain file"),
    "pipe": (lambda path: os.mkfifo(path), "not a plain file"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "not a plain file"),
    "text": (lambda path: path.write_text("hello"), "damaged"),
    "another archive": (lambda path: write(path, {"x": b""}), "holds no config.json"),
    "list": (lambda path: write(path, {CONFIG: b"[]", WEIGHTS: b""}), "describes no model"),
    "no weights": (lambda path: write(path, {CONFIG: b'{"config": {}}', WEIGHTS: b""}), "h5 is damaged"),
    "not JSON": (lambda path: write(path, {CONFIG: b"{\xff}", WEIGHTS: b""}), "json is damaged"),
    "bzip2": (lambda path: write(path, {CONFIG: b"{}"}, zipfile.ZIP_BZIP2), "Keras does not use"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_such_file(tmp_path, name):
    make, message = NO_FILES[name]
    make(tmp_path / "gan.keras")
    with pytest.raises(ValueError, match=message):
        model_files.load(tmp_path / "gan.keras")


def test_random_damage_is_one_value_error_or_loads(saved):
    """Bytes changed, cut out and doubled; and configs with other values, in archives that are sound."""
    raw, contents, draws = saved.read_bytes(), members(saved), random.Random(0)
    outcomes = []
    for number in range(60):
        if number % 2:
            at, width = draws.randrange(len(raw)), draws.choice([1, 8, 1000])
            piece = draws.choice([b"", draws.randbytes(width), raw[at : at + width] * 2])
            saved.write_bytes(raw[:at] + piece + raw[at + width :])
        else:
            text = contents[CONFIG].decode()
            at = draws.choice([place for place, each in enumerate(text) if each in "0123456789tfn"])
            value = draws.choice(["-1", "0", "1e9", "99999999", "null", '"x"', "[]", "{}"])
            write(saved, contents | {CONFIG: (text[:at] + value + text[at + 1 :]).encode()})
        try:
            model_files.load(saved)
            outcomes.append("loaded")
        except ValueError as error:
            assert "Received: " in str(error)
            outcomes.append("refused")
    assert outcomes.count("refused") > 20


@pytest.mark.parametrize(("network", "num_classes"), [("mlp", None), ("dcgan", 3), ("resnet", 3)])
def test_sound_files_load_and_leave_nothing_behind(network, num_classes, tmp_path):
    options = {"latent_dim": 4, "num_classes": num_classes}
    gan = kerasgan.GAN(
        *getattr(kerasgan.networks, network)((16, 16, 1), width=4, **options), ema=kerasgan.ema.EMA(10), **options
    )
    gan.compile(penalties="r1")
    gan.save(tmp_path / "gan.keras")
    loaded = model_files.load(tmp_path / "gan.keras")
    labels = None if num_classes is None else [0, 1]
    assert np.array_equal(loaded.generate(2, seed=0, labels=labels), gan.generate(2, seed=0, labels=labels))
    model_files.check(tmp_path / "gan.keras")
    variable = keras.Variable(np.ones(3))  # outside of the check variables have values again
    assert np.array_equal(variable, np.ones(3))


@pytest.mark.parametrize("name", ["points.keras", "conditional.keras", "00001-digits/gan.keras"])
def test_files_from_before_load(name):
    assert model_files.load(DATA / name).compiled


def test_commands_check_the_model_of_a_run(saved, tmp_path, capsys):
    run = tmp_path / "00001-digits"
    run.mkdir()
    (run / "settings.json").write_text((DATA / "00001-digits" / "settings.json").read_text())
    write(run / "gan.keras", without_weights(members(saved)))
    with pytest.raises(ValueError, match="networks take"):
        models.load(run)
    out = tmp_path / "out"
    for command in (["sample", "--out", f"{out}.png"], ["evaluate"], ["export", "--out", str(out)]):
        assert kerasgan_cli.main([command[0], str(run), *command[1:]]) == 2
        assert "networks take" in capsys.readouterr().err
