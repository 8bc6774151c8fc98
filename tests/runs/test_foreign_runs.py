"""Run folders from elsewhere and changed settings: refused in one line, and nothing else is touched."""

import contextlib
import dataclasses
import io
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import typing
import zipfile

import keras
import pytest

import kerasgan_cli
from kerasgan import backend, datasets
from kerasgan.resume import callback_state
from kerasgan.runs import jobs, record, run_folder

RECIPE = {
    "title": "",
    "source": "bell",
    "network": "mlp",
    "network_options": {"width": 4, "depth": 1},
    "latent_dim": 1,
    "batch_size": 5000,
    "epochs": 1,
}
LIMIT_SECONDS = 30
HUGE = 2**31


@pytest.fixture(autouse=True)
def ends():
    """A command that waits, as for a pipe, is ended."""

    def end(number, frame):
        raise TimeoutError("the command waits")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "settings.json").write_text(json.dumps({"name": "bell", "recipe": RECIPE}))
    with contextlib.redirect_stdout(io.StringIO()):
        command = ["train", "--settings", str(folder / "settings.json"), "--log-dir", str(folder / "logs")]
        assert kerasgan_cli.main(command) == 0
    return folder / "logs" / "00001-bell"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of the finished run."""
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def stopped(run):
    """A copy of the run as it was before its results."""
    shutil.rmtree(run / "saved_model", ignore_errors=True)
    for part in ("gan.keras", "samples.png"):
        (run / part).unlink()
    return run


@pytest.fixture
def elsewhere(tmp_path):
    """What links lead to, and nothing may be written to."""
    folder = tmp_path / "elsewhere"
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("untouched")
    (folder / "folder" / "file").write_text("untouched")
    return folder


def content(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))
    }


def refused(capsys, *arguments):
    """Runs a command that must be refused, and returns its one line."""
    capsys.readouterr()
    code = kerasgan_cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("kerasgan: error:")]
    assert code == 2 and len(errors) == 1 and "Traceback" not in printed.err, printed.err
    assert printed.err.rstrip("\n").split("\n")[-1] == errors[0]
    assert errors[0].isprintable() and len(errors[0]) < 2500
    return errors[0]


# Links, pipes and other things in the place of what a run writes

WRITTEN = [
    ".lock",
    "settings.json",
    "gan.keras",
    "samples.png",
    "guard.log",
    "history.csv",
    "evaluation.json",
    "saved_model",
    "checkpoints",
    "train",
    "train/discriminator",
    "validation",
    "images",
    "latent_walk",
    "guard",
]
THINGS = ["a link to a file", "a link to a folder", "a link to nowhere", "a pipe", "a socket", "the other kind"]


def replace(path, thing, elsewhere):
    """Puts a thing in the place of a part of a run."""
    was_folder = path.is_dir() or (not path.suffix and path.name != ".lock")
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(exist_ok=True)
    if thing == "a pipe":
        os.mkfifo(path)
    elif thing == "a socket":
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    elif thing == "the other kind":
        path.write_text("not a folder") if was_folder else path.mkdir()
    else:
        path.symlink_to(elsewhere / thing.split()[-1])


# A file in the place of this folder is warned of when it cannot be written to, and nothing leaves the run.
WARNED_OF = ("train/discriminator", "the other kind")


@pytest.mark.parametrize(("part", "thing"), [pair for pair in itertools.product(WRITTEN, THINGS) if pair != WARNED_OF])
def test_a_run_is_resumed_only_where_writing_stays_inside(stopped, elsewhere, capsys, part, thing):
    replace(stopped / part, thing, elsewhere)
    before = content(elsewhere)
    said = refused(capsys, "train", "--resume", stopped)
    assert part.split("/")[-1] in said and "Received" in said
    assert content(elsewhere) == before
    assert os.path.lexists(stopped / part)


def test_the_parts_of_a_run_are_all_replaced_above(finished):
    written = {str(path.relative_to(finished)) for path in finished.iterdir()}
    assert written <= set(WRITTEN)


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize(
    ("command", "part"),  # only `evaluate` reads the settings
    [("sample", "gan.keras"), ("export", "gan.keras"), ("evaluate", "gan.keras"), ("evaluate", "settings.json")],
)
def test_finished_runs_are_read_from_files_only(run, elsewhere, tmp_path, capsys, command, part, thing):
    replace(run / part, thing, elsewhere)
    options = [] if command == "evaluate" else ["--out", tmp_path / "out.png"]
    assert part in refused(capsys, command, run, *options)
    assert not (tmp_path / "out.png").exists()


def test_a_link_to_a_run_is_that_run(run, tmp_path):
    (tmp_path / "newest").symlink_to(run)
    assert kerasgan_cli.main(["sample", str(tmp_path / "newest"), "--n", "2", "--out", str(tmp_path / "a.png")]) == 0


# Settings that are written can be read


def long_facts():
    """Facts of data of which everything that can grow with the data has grown."""
    values = {"name": "data", "image_shape": (8, 8, 3), "num_classes": 2, "num_images": 10**6, "class_names": None}
    names = tuple(f"folder/{number:06d}-{'x' * 200}.png" for number in range(50_000))
    lists = [field.name for field in dataclasses.fields(datasets.DatasetInfo) if "str, ..." in str(field.type)]
    assert {"skipped", "class_names"} <= set(lists)
    return datasets.DatasetInfo(**values | dict.fromkeys(lists, names))


def test_settings_are_bounded_by_what_is_read(tmp_path):
    facts = record.facts(long_facts(), jobs.Job())
    run_folder.write_settings(tmp_path, {"recipe": RECIPE} | facts)
    dataset = run_folder.read_settings(tmp_path)["dataset"]
    assert dataset["num_skipped"] == 50_000 and len(dataset["skipped"]) == record.NUM_NAMES
    assert dataset["skipped"][0].startswith("folder/000000")


def test_settings_that_could_not_be_read_are_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"at most .* in 'recipe'"):
        run_folder.write_settings(tmp_path, {"recipe": RECIPE | {"title": "\u20ac" * 2 * 2**20}})
    assert not list(tmp_path.iterdir())


def test_a_long_title_is_refused_before_training(tmp_path, capsys):
    """Each character takes three bytes in the file that is read, and six in the one that would be written."""
    (tmp_path / "settings.json").write_text(
        json.dumps({"recipe": RECIPE | {"title": "\u20ac" * 2**21}}, ensure_ascii=False)
    )
    assert "title" in refused(
        capsys, "train", "--settings", tmp_path / "settings.json", "--log-dir", tmp_path / "logs"
    ) or not list((tmp_path / "logs").glob("*-*"))


# What is printed, and advised

CONTROL = "\x1b[2J\x1b]0;title\x07\u202e\n"


@pytest.mark.parametrize("engine", ["jax; touch X #", CONTROL, "torch", ["jax"], {"a": 1}, 3, None])
def test_an_engine_that_does_not_exist_is_not_advised(stopped, capsys, engine):
    settings = json.loads((stopped / "settings.json").read_text())
    (stopped / "settings.json").write_text(json.dumps(settings | {"engine": engine}))
    said = refused(capsys, "train", "--resume", stopped)
    assert "KERAS_BACKEND" not in said and "tensorflow, jax" in said


def test_the_other_engine_is_advised(stopped, capsys):
    settings = json.loads((stopped / "settings.json").read_text())
    other = {"jax": "tensorflow", "tensorflow": "jax"}[backend.NAME]
    (stopped / "settings.json").write_text(json.dumps(settings | {"engine": other}))
    assert f"KERAS_BACKEND={other} kerasgan train --resume {stopped}" in refused(capsys, "train", "--resume", stopped)


PLACES = [
    ("name",),
    ("guard",),
    ("seed",),
    ("recipe", "title"),
    ("recipe", "source"),
    ("recipe", "network"),
    ("recipe", "network_options", CONTROL),
    ("recipe", "objective"),
    ("recipe", "updates"),
    ("recipe", "augment"),
    ("recipe", "precision"),
    ("recipe", CONTROL),
    ("dataset", "fingerprint"),
    ("dataset", "name"),
    ("versions",),
    (CONTROL,),
]


@pytest.mark.parametrize("command", ["--resume", "--settings"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(place).encode("unicode_escape").decode())
def test_no_control_character_of_settings_reaches_the_terminal(stopped, tmp_path, capsys, place, command):
    settings = json.loads((stopped / "settings.json").read_text())
    inner = settings
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = CONTROL
    (stopped / "settings.json").write_text(json.dumps(settings))
    kerasgan_cli.main(["train", command, str(stopped), "--log-dir", str(tmp_path / "logs")])
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))


def test_no_control_character_of_tables_reaches_the_terminal(run, tmp_path, capsys):
    settings = json.loads((run / "settings.json").read_text())
    settings["recipe"] |= {CONTROL: CONTROL}
    shutil.copytree(run, tmp_path / "other")
    (run / "settings.json").write_text(json.dumps(settings))
    figures = {"fid": 1.5, "kid": 1e308, "extractor": CONTROL, "generated": CONTROL}
    (run / "evaluation.json").write_text(json.dumps(figures | {CONTROL: 2.5, "inner": {CONTROL: 10**400}}))
    assert kerasgan_cli.main(["compare", str(run), str(tmp_path / "other")]) == 0
    printed = capsys.readouterr()
    assert "1.5" in printed.out and all(line.isprintable() for line in (printed.out + printed.err).split("\n"))


@pytest.mark.parametrize("part", ["evaluation.json", "history.csv"])
@pytest.mark.parametrize(
    "content", ["{", "[" * 100_000, "\0", "9" * 5000, "epoch,step,seconds\n1,x,1\n", "a,b\n1,2,3\n"]
)
def test_damaged_tables_are_refused_in_one_line(run, capsys, part, content):
    (run / part).write_text(content)
    assert str(run) in refused(capsys, "compare", run, run)


# States of callbacks


@pytest.mark.parametrize("error", [OverflowError, KeyError, TypeError, AttributeError, RecursionError, ValueError])
def test_a_callback_that_cannot_take_a_state_is_named(error):
    class Odd(keras.callbacks.Callback):
        def get_state(self):
            return {}

        def set_state(self, state):
            raise error("Odd cannot take it")

    with pytest.raises(ValueError, match="Odd"):
        callback_state.restore(Odd(), {"a": 1})


# Models that are no GAN


def members_changed(file, change):
    """Writes an archive again with other members."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(file, "w") as archive:
        for name, each in members.items():
            archive.writestr(name, each)


def keras_model(file):
    keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).save(file)


def without_key(members, *path):
    config = json.loads(members["config.json"])
    inner = config
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    members["config.json"] = json.dumps(config).encode()


MODELS = {
    "a plain Keras model": keras_model,
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:3000]),
    "empty": lambda file: file.write_bytes(b""),
    "text": lambda file: file.write_text("no archive"),
    "deep": lambda file: members_changed(file, lambda all: all.update({"config.json": b"[" * 10**5})),
    "deep objects": lambda file: members_changed(file, lambda all: all.update({"config.json": b'{"a":' * 10**5})),
    "a number": lambda file: members_changed(file, lambda all: all.update({"config.json": b"3"})),
    "no config": lambda file: members_changed(file, lambda all: all.pop("config.json")),
    "no weights": lambda file: members_changed(file, lambda all: all.pop("model.weights.h5")),
    "no class": lambda file: members_changed(file, lambda all: without_key(all, "class_name")),
    "no networks": lambda file: members_changed(file, lambda all: without_key(all, "config", "generator")),
    "no latents": lambda file: members_changed(file, lambda all: without_key(all, "config", "latent_dim")),
}


@pytest.mark.parametrize("command", ["sample", "evaluate", "export"])
@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_is_no_gan_is_refused(run, tmp_path, capsys, model, command):
    MODELS[model](run / "gan.keras")
    options = ["--n", 60] if command == "evaluate" else ["--out", tmp_path / "out.png"]
    said = refused(capsys, command, run, *options)
    assert "gan.keras" in said and "unexpected" not in said and "not found" not in said.lower()
    assert not (tmp_path / "out.png").exists()


# Sizes

SIZED = {
    "mlp": ["latent_dim", "image_size", "batch_size", "width", "depth"],
    "dcgan": ["latent_dim", "image_size", "batch_size", "width", "depth"],
    "resnet": ["latent_dim", "image_size", "batch_size", "width", "depth"],
}


BOUNDED = ["pool_images", "rate", "length"]
"""Sizes that have a bound of their own."""


@pytest.mark.parametrize("size", BOUNDED)
def test_sizes_with_a_bound_of_their_own(tmp_path, capsys, size):
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": RECIPE | {size: HUGE}}))
    command = ["train", "--settings", tmp_path / "settings.json", "--log-dir", tmp_path / "logs"]
    assert f"{size}={HUGE}" in refused(capsys, *command)
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("network", "size"), [(network, size) for network, sizes in SIZED.items() for size in sizes])
def test_sizes_are_bounded_before_anything_is_made(tmp_path, capsys, network, size, dry_run):
    recipe = RECIPE | {"source": "digits", "network": network, "network_options": {"width": 4}}
    place = recipe["network_options"] if size in ("width", "depth") else recipe
    place[size] = HUGE
    recipe["batch_size"] = min(recipe["batch_size"], 64) if size != "batch_size" else HUGE
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": recipe}))
    options = ["--dry-run"] if dry_run else []
    command = ["train", "--settings", tmp_path / "settings.json", "--log-dir", tmp_path / "logs", *options]
    assert f"{size}={HUGE}" in refused(capsys, *command)
    assert not (tmp_path / "logs").exists()


def test_every_whole_number_of_a_recipe_is_tried_as_a_size():
    """The others bound how long a run takes, which is asked for, not how much memory."""
    from kerasgan.runs.recipes import Recipe

    hints = typing.get_type_hints(Recipe)
    whole = {name for name, hint in hints.items() if int in (hint, *typing.get_args(hint))}
    steps = {"epochs", "passes_per_epoch", "penalties_every", "steps_per_execution"}
    assert whole - steps <= {size for sizes in SIZED.values() for size in sizes} | set(BOUNDED)


def test_a_dry_run_ends_however_long_a_call_into_the_engine_is(tmp_path):
    recipe = RECIPE | dict.fromkeys(("steps_per_execution", "passes_per_epoch", "epochs"), HUGE - 1)
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": recipe}))
    assert kerasgan_cli.main(["train", "--settings", str(tmp_path / "settings.json"), "--dry-run"]) == 0


@pytest.mark.parametrize("n", [HUGE, 10**12, 10**30])
def test_more_samples_than_memory(run, tmp_path, capsys, n):
    assert "memory" in refused(capsys, "sample", run, "--n", n, "--out", tmp_path / "out.png")
