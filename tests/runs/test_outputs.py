"""Where commands write, and what they print: outputs that are no files, closed pipes, names that are no text."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

import kerasgan_cli
from kerasgan.runs import run_folder

RECIPE = {
    "title": "",
    "source": "bell",
    "network": "mlp",
    "network_options": {"width": 4, "depth": 1},
    "latent_dim": 1,
    "batch_size": 5000,
    "epochs": 1,
}
LIMIT_SECONDS = 60
NO_TEXT = os.fsdecode(b"no text \xff\xfe")
CONTROL = "\x1b\x07\x9b\u202e"


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


@pytest.fixture
def settings(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"name": "bell", "recipe": RECIPE}))
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "settings.json").write_text(json.dumps({"name": "bell", "recipe": RECIPE}))
    with contextlib.redirect_stdout(io.StringIO()):
        command = ["train", "--settings", str(folder / "settings.json"), "--log-dir", str(folder / "logs")]
        assert kerasgan_cli.main(command) == 0
    return folder / "logs" / "00001-bell"


def refused(capsys, *arguments):
    """Runs a command that must be refused, and returns its one line."""
    capsys.readouterr()
    code = kerasgan_cli.main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    errors = [line for line in printed.err.splitlines() if line.startswith("kerasgan: error:")]
    assert code == 2 and len(errors) == 1 and "Traceback" not in printed.err, printed.err
    assert errors[0].isprintable()
    return errors[0]


# Outputs that are no files

OUTPUTS = {
    "sample --out": ("sample", ["--n", "2"], "--out", "out.png"),
    "evaluate --json": ("evaluate", ["--n", "60"], "--json", "out.json"),
    "evaluate --samples file": ("evaluate", ["--n", "60"], "--samples", "out.npz"),
    "evaluate --samples folder": ("evaluate", ["--n", "60"], "--samples", "out"),
    "export --out": ("export", [], "--out", "out"),
    "export --out file": ("export", ["--format", "onnx"], "--out", "out.onnx"),
}
FOLDERS = ("evaluate --samples folder", "export --out")
THINGS = ("pipe", "socket", "device", "the other kind", "link to a pipe", "link to itself")


def make(thing, path, is_folder):
    if thing.startswith("link to"):
        target = path if thing == "link to itself" else path.with_name("target")
        path.symlink_to(target)
        if target != path:
            os.mkfifo(target)
    elif thing == "pipe":
        os.mkfifo(path)
    elif thing == "socket":
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    elif thing == "device":
        try:
            # As /dev/null, which a test that fails would replace.
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("making a device needs privileges")
    elif is_folder:
        path.write_text("kept")
    else:
        path.mkdir()
        (path / "kept").write_text("kept")


def state(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[path.name] = (status.st_mode, status.st_ino, path.read_bytes() if stat.S_ISREG(status.st_mode) else None)
    return found


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_replace_only_what_they_are(run, tmp_path, capsys, output, thing):
    command, options, option, name = OUTPUTS[output]
    make(thing, tmp_path / name, output in FOLDERS)
    before = state(tmp_path)
    said = refused(capsys, command, run, *options, option, tmp_path / name)
    assert name in said and "unexpected" not in said
    assert state(tmp_path) == before


def test_an_output_behind_a_link_is_written_where_it_leads(run, tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    assert kerasgan_cli.main(["sample", str(run), "--n", "2", "--out", str(tmp_path / "link.png")]) == 0
    assert (tmp_path / "link.png").is_symlink() and Image.open(tmp_path / "real.png").size


# Nobody reads what is printed


@contextlib.contextmanager
def closed_pipe(name, monkeypatch):
    """Makes a standard stream one that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with monkeypatch.context() as patched, open(writing, "w", buffering=1) as stream:
        patched.setattr(sys, name, stream)
        yield


@pytest.mark.parametrize("streams", [["stdout"], ["stdout", "stderr"]])
def test_training_goes_on_when_nobody_reads_what_it_prints(settings, tmp_path, monkeypatch, streams):
    with contextlib.ExitStack() as stack:
        for name in streams:
            stack.enter_context(closed_pipe(name, monkeypatch))
        assert kerasgan_cli.main(["train", "--settings", str(settings), "--log-dir", str(tmp_path / "logs")]) == 0
    assert run_folder.is_finished(tmp_path / "logs" / "00001-bell")


@pytest.mark.parametrize("command", [["recipes"], ["sample", "no run"]])
def test_other_commands_end_as_usual_when_nobody_reads_what_they_print(monkeypatch, command):
    with closed_pipe("stdout", monkeypatch), closed_pipe("stderr", monkeypatch):
        assert kerasgan_cli.main(command) == (0 if command == ["recipes"] else 2)


def test_a_pipe_into_head_prints_no_error():
    code = 'import kerasgan_cli; raise SystemExit(kerasgan_cli.main(["recipes"]))'
    command = f"{sys.executable} -c '{code}' | head -c 1"
    ended = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 0 and not ended.stderr


# Names that are no text, and names with control characters


def test_a_log_folder_that_tensorflow_cannot_write_to_is_refused(settings, tmp_path, capsys):
    said = refused(capsys, "train", "--settings", settings, "--log-dir", tmp_path / NO_TEXT)
    assert "must be UTF-8" in said
    assert not list(tmp_path.glob("no text*"))


def test_a_log_folder_in_another_encoding_is_refused(tmp_path, monkeypatch):
    """As in a locale of Latin-1: TensorFlow would write to a folder of another name."""
    monkeypatch.setattr(os, "fsencode", lambda name: str(name).encode("latin-1"))
    with pytest.raises(ValueError, match="must be UTF-8"):
        run_folder.check_writable(tmp_path / "caf\u00e9")
    run_folder.check_writable(tmp_path / "cafe")


def test_a_run_in_a_folder_that_is_no_text_is_read(run, tmp_path, capsys):
    shutil.copytree(run, tmp_path / NO_TEXT)
    for name in ("plain.png", f"{NO_TEXT}.png"):
        assert kerasgan_cli.main(["sample", str(tmp_path / NO_TEXT), "--n", "2", "--out", str(tmp_path / name)]) == 0
    capsys.readouterr().out.encode()


def test_a_terminal_that_lacks_characters_gets_escapes(monkeypatch):
    printed = io.BytesIO()
    stream = io.TextIOWrapper(printed, encoding="latin-1", write_through=True)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        assert kerasgan_cli.main(["sample", "\u65e5\u672c"]) == 2
    assert b"\\u65e5\\u672c" in printed.getvalue()


def test_names_with_control_characters_are_escaped_wherever_they_are_printed(tmp_path, capsys):
    photos = tmp_path / f"photos{CONTROL}"
    photos.mkdir()
    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), 80 * number, "uint8")).save(photos / f"{number}.png")
    (photos / f"broken{CONTROL}.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="broken") as caught:
        logs = str(tmp_path / f"logs{CONTROL}")
        assert kerasgan_cli.main(["train", str(photos), "--batch-size", "2", "--log-dir", logs, "--dry-run"]) == 0
    printed = capsys.readouterr()
    assert all(line.isprintable() for line in (printed.out + printed.err).split("\n"))
    shown = kerasgan_cli.terminal._format_warning(f"{caught[0].message} {CONTROL}", UserWarning, "", 0)
    assert shown.removesuffix("\n").isprintable()


def test_a_command_shows_a_warning_once_wherever_it_comes_from():
    usual = warnings.showwarning
    with pytest.warns(UserWarning) as caught:
        with kerasgan_cli.terminal.short_warnings():
            for message in ("2 files left out", "2 files left out", "3 files left out"):
                warnings.warn(message, stacklevel=1)
        warnings.warn("2 files left out", stacklevel=1)  # another command
    assert [str(each.message)[0] for each in caught] == ["2", "3", "2"]
    assert warnings.showwarning is usual


def test_the_paths_of_the_results_are_quoted_and_printable(settings, tmp_path, capsys):
    logs = tmp_path / f"two words; touch x{CONTROL}"
    assert kerasgan_cli.main(["train", "--settings", str(settings), "--log-dir", str(logs)]) == 0
    printed = capsys.readouterr().out
    assert all(line.isprintable() for line in printed.split("\n"))
    advised = next(line for line in printed.splitlines() if "kerasgan sample" in line).split("kerasgan sample")[1]
    said = subprocess.run(["bash", "-c", f"printf %s {advised}"], capture_output=True, check=True).stdout
    assert pathlib.Path(os.fsdecode(said)) == logs / "00001-bell"


# Errors that no check has foreseen


class Unforeseen(Exception):
    """An error of no known class."""


@pytest.mark.parametrize("error", [Unforeseen, KeyError, RecursionError, MemoryError, TypeError, RuntimeError])
def test_an_unforeseen_error_is_one_line_with_the_way_to_its_traceback(run, capsys, monkeypatch, error):
    def fail(*arguments):
        raise error(f"a{CONTROL}\nb")

    monkeypatch.setattr(kerasgan_cli, "UNEXPECTED", (Exception,))
    monkeypatch.setattr(kerasgan_cli, "_run", fail)
    said = refused(capsys, "sample", run)
    assert f"unexpected {error.__name__}" in said and "KERASGAN_DEBUG=1" in said
    monkeypatch.setenv("KERASGAN_DEBUG", "1")
    assert kerasgan_cli.main(["sample", str(run)]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_tests_see_unforeseen_errors_themselves(run, monkeypatch):
    def fail(*arguments):
        raise Unforeseen

    monkeypatch.setattr(kerasgan_cli, "_run", fail)
    with pytest.raises(Unforeseen):
        kerasgan_cli.main(["sample", str(run)])


def test_a_long_message_is_cut_in_its_middle(capsys):
    said = refused(capsys, "train", "--settings", "x" * 100_000)
    assert len(said) < 2 * kerasgan_cli.text.LONGEST_MESSAGE


# Too few samples


@pytest.mark.parametrize("n", [1, 2, 5])
def test_too_few_samples_are_refused_by_the_name_of_their_option(run, capsys, n):
    assert f"at least 6 samples, and thousands to mean something. Received: n={n}." in refused(
        capsys, "evaluate", run, "--n", n
    )


def test_the_fewest_samples_are_evaluated(run, capsys):
    assert kerasgan_cli.main(["evaluate", str(run), "--n", "6"]) == 0


# Results that cannot be written


@pytest.mark.parametrize(("number", "way_out"), [(28, "Make room"), (13, "Mend this"), (30, "Mend this")])
def test_making_room_is_advised_only_where_there_is_none(settings, tmp_path, capsys, monkeypatch, number, way_out):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("kerasgan.runs.results.write", fail)
    said = refused(capsys, "train", "--settings", settings, "--log-dir", tmp_path / "logs")
    assert way_out in said and "kerasgan train --resume" in said
    assert (tmp_path / "logs" / "00001-bell").is_dir()
