"""Run folders: one numbered folder for each training run, with everything the run writes."""

import contextlib
import json
import os
import pathlib
import re
import stat
import sys
from collections.abc import Iterator
from typing import Any

from kerasgan import backend, files
from kerasgan.validation import paths
from kerasgan.validation.printable import quoted

try:
    import fcntl
except ImportError:  # on Windows, where two processes can resume the same run
    fcntl = None

SETTINGS = "settings.json"
MODEL = "gan.keras"
SAMPLES = "samples.png"
EXPORT = "saved_model"
CHECKPOINTS = "checkpoints"
HISTORY = "history.csv"
EVALUATION = "evaluation.json"
LOCK = ".lock"
LARGEST_SETTINGS_BYTES = 8 * 2**20
LONGEST_NAME = 100
FILES = (SETTINGS, MODEL, SAMPLES, HISTORY, EVALUATION, LOCK, "guard.log")
FOLDERS = (EXPORT, CHECKPOINTS, "train", "validation", "images", "latent_walk", "guard")
"""The parts of a run that are files, and those that are folders."""


def check_writable(log_dir: str | os.PathLike[str]) -> None:
    """Checks that run folders can be made in `log_dir`, which need not exist yet. Makes nothing.

    Raises:
        ValueError: if `log_dir` is a file, or it (or the nearest folder above it that exists) cannot be written; if
            TensorFlow cannot write to a path of that name, or not load from it.
    """
    nearest = pathlib.Path(log_dir).absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = "cannot be written" if nearest.is_dir() else "is not a folder"
        raise ValueError(
            f"The log folder must be one that can be written. Received: log_dir={str(log_dir)!r}, but {nearest} "
            f"{reason}. Choose another with --log-dir."
        )
    name = os.path.abspath(log_dir)
    if os.name != "nt" and os.fsencode(name) != name.encode(errors="replace"):
        raise ValueError(
            "The log folder's name must be UTF-8, because TensorFlow writes to no other. Received: "
            f"log_dir={str(log_dir)!r} in a file system of {sys.getfilesystemencoding()}. Choose another with "
            "--log-dir, or set LC_ALL=C.UTF-8."
        )
    if backend.EXPORTS_RUNS and not paths.is_loadable(log_dir):
        raise ValueError(
            "The log folder's path must be without brackets [...] and backslashes, because TensorFlow takes the path "
            f"of a SavedModel for a pattern when it loads it. Received: log_dir={str(log_dir)!r}. Choose another with "
            "--log-dir."
        )


def create(log_dir: str | os.PathLike[str], name: str) -> pathlib.Path:
    """Makes the next numbered folder, such as `00003-digits`, and returns its path.

    Two runs that start at the same time never get the same folder: the first to make it has it.

    Args:
        log_dir: the folder of all runs; made if it does not exist.
        name: the name of the data; characters other than letters, digits, `-` and `_` become `-`, and a long name is
            cut short.
    """
    log_dir = pathlib.Path(log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", name)[:LONGEST_NAME].strip("-") or "run"
    numbers = [int(found.group(1)) for path in log_dir.iterdir() if (found := re.match(r"(\d{5})-", path.name))]
    number = max(numbers, default=0) + 1
    while True:
        run = log_dir / f"{number:05d}-{slug}"
        # Two names can compete for one number, so a hidden file reserves the number first. It is removed again.
        reserved = log_dir / f".{number:05d}"
        try:
            reserved.touch(exist_ok=False)
        except FileExistsError:
            number += 1
            continue
        try:
            if not any(log_dir.glob(f"{number:05d}-*")):
                run.mkdir()
                return run
        finally:
            reserved.unlink()
        number += 1


@contextlib.contextmanager
def claim(run: str | os.PathLike[str]) -> Iterator[None]:
    """Locks a run for this process. The lock also ends when the process ends.

    Raises:
        ValueError: if another process has the lock, or the run holds something that it would be wrong to write to.
    """
    check_plain(run)
    # A run folder may come from elsewhere: a link is not followed, and a pipe is not waited for.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(pathlib.Path(run) / LOCK, flags, 0o666), "r+") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"A run is trained by one process at a time. Received: {run}, which is being trained. Stop that "
                    f"process first, or start a new run with: kerasgan train --settings {quoted(run)}"
                ) from None
        yield


def check_plain(run: str | os.PathLike[str]) -> None:
    """Checks that a run folder holds only files and folders, each where a run has it, so that writing stays inside.

    Raises:
        ValueError: for a link, a pipe, a device, a file in place of a folder or a folder in place of a file.
        OSError: if the folder cannot be read.
    """
    run = pathlib.Path(run)
    expected = {run / name: "a file" for name in FILES} | {run / name: "a folder" for name in FOLDERS}
    for parent, folders, names in os.walk(run, onerror=_raise):
        for path in (pathlib.Path(parent, name) for name in (*folders, *names)):
            found = files.kind(path)
            if found not in ((expected[path], None) if path in expected else ("a file", "a folder", None)):
                wanted = f"{path.name} must be {expected[path]}" if path in expected else "links and pipes are refused"
                raise ValueError(
                    f"A run is written to only where its folder holds plain files and folders: {wanted}. Received: "
                    f"{path}, which is {found}. Remove it, or start a new run with: kerasgan train --settings "
                    f"{quoted(run)}"
                )


def _raise(error):
    raise error


def write_settings(run: pathlib.Path, settings: dict[str, Any]) -> None:
    """Writes a run's settings, a dict that JSON can hold, as `settings.json`, whole or not at all.

    Raises:
        ValueError: if they are longer than `read_settings` reads.
        OSError: if they cannot be written.
    """
    text = json.dumps(settings, indent=2) + "\n"
    if len(text) > LARGEST_SETTINGS_BYTES:
        sizes = {name: len(json.dumps(value)) for name, value in settings.items()}
        longest = max(sizes, key=sizes.get)
        raise ValueError(
            f"A run's settings must take at most {LARGEST_SETTINGS_BYTES:,} bytes. Received: {len(text):,} bytes, "
            f"{sizes[longest]:,} of them in {longest!r}. Shorten its texts."
        )
    with files.written_whole(run / SETTINGS) as unfinished:
        unfinished.write_text(text)


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads settings from a run folder or from a settings file.

    Raises:
        ValueError: if there are no settings, or they are not a JSON object of a bounded size.
    """
    path = pathlib.Path(path)
    within = files.kind(path, follow=True) == "a folder"
    return read_object(path / SETTINGS if within else path, follow=not within)


def read_object(file: pathlib.Path, follow: bool = False) -> dict[str, Any]:
    """Reads a JSON object from a plain file of at most `LARGEST_SETTINGS_BYTES`.

    Args:
        file: the file.
        follow: whether it may be a link; not in a run folder, which may come from elsewhere.

    Raises:
        ValueError: if it cannot be read, or holds something else.
    """
    try:
        found = json.loads(_text(file, follow))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"A run's {_named(file)} must be readable JSON. Received: {file} ({error}).") from None
    if not isinstance(found, dict):
        raise ValueError(f"A run's {_named(file)} must be a JSON object. Received: a {type(found).__name__} in {file}.")
    return found


def _named(file):
    return "settings" if file.name != EVALUATION else "evaluation"


def _text(path, follow):
    """Returns a file's text. In a folder from elsewhere, no link that leads out is followed, and no pipe is read."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a plain file")
        content = file.read(LARGEST_SETTINGS_BYTES + 1)
    if len(content) > LARGEST_SETTINGS_BYTES:
        raise ValueError(f"it is larger than {LARGEST_SETTINGS_BYTES:,} bytes")
    return content.decode()


def is_finished(run: str | os.PathLike[str]) -> bool:
    """Returns whether a run is finished.

    Raises:
        ValueError: if the folder is not a run.
    """
    if files.kind(pathlib.Path(run) / SETTINGS) != "a file":
        raise ValueError(
            f"RUN must be the folder of a run, with its {SETTINGS}. Received: {str(run)!r}. Runs are in the log "
            "folder, for example tensorboard_logs/00001-digits."
        )
    return files.kind(pathlib.Path(run) / SAMPLES) == "a file"  # it is written last


def find(run: str | os.PathLike[str], part: str) -> pathlib.Path:
    """Returns the path of a part of a run (`MODEL`, `EXPORT`, ...).

    Raises:
        ValueError: if the folder is not a run, the run has not written this part, or something else is in its place.
    """
    path = pathlib.Path(run) / part
    found, wanted = files.kind(path, follow=True), "a file" if part in FILES else "a folder"
    if found not in (None, wanted):
        raise ValueError(f"The {part} of a run must be {wanted}. Received: {path}, which is {found}. Put it back.")
    if found is None:
        raise ValueError(
            f"RUN must be the folder of a finished run. Received: {str(run)!r}, which has no {part}. Runs are in the "
            "log folder, for example tensorboard_logs/00001-digits; resume one that was stopped with: kerasgan train "
            "--resume RUN"
        )
    return path
