"""Run folders: one numbered folder for each training run, with everything the run writes."""

import contextlib
import json
import os
import pathlib
import re
import stat
from collections.abc import Iterator
from typing import Any

from kerasgan import files

try:
    import fcntl
except ImportError:  # on Windows, where two processes can resume the same run
    fcntl = None

SETTINGS = "settings.json"
MODEL = "gan.keras"
SAMPLES = "samples.png"
EXPORT = "saved_model"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
LARGEST_SETTINGS_BYTES = 8 * 2**20
LONGEST_NAME = 100


def check_writable(log_dir: str | os.PathLike[str]) -> None:
    """Checks that run folders can be made in `log_dir`, which need not exist yet. Makes nothing.

    Raises:
        ValueError: if `log_dir` is a file, or it (or the nearest folder above it that exists) cannot be written.
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
        ValueError: if another process has the lock.
    """
    with open(pathlib.Path(run) / LOCK, "a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"A run is trained by one process at a time. Received: {run}, which is being trained. Stop that "
                    "process first, or start a new run with: kerasgan train --settings RUN"
                ) from None
        yield


def write_settings(run: pathlib.Path, settings: dict[str, Any]) -> None:
    """Writes a run's settings, a dict that JSON can hold, as `settings.json`, whole or not at all."""
    with files.written_whole(run / SETTINGS) as unfinished:
        unfinished.write_text(json.dumps(settings, indent=2) + "\n")


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads settings from a run folder or from a settings file.

    Raises:
        ValueError: if there are no settings, or they are not a JSON object of a bounded size.
    """
    path = pathlib.Path(path)
    within = path.is_dir()
    file = path / SETTINGS if within else path
    try:
        settings = json.loads(_text(file, follow=not within))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"A run's settings must be readable JSON. Received: {file} ({error}).") from None
    if not isinstance(settings, dict):
        raise ValueError(f"A run's settings must be a JSON object. Received: a {type(settings).__name__} in {file}.")
    return settings


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
    if not (pathlib.Path(run) / SETTINGS).is_file():
        raise ValueError(
            f"RUN must be the folder of a run, with its {SETTINGS}. Received: {str(run)!r}. Runs are in the log "
            "folder, for example tensorboard_logs/00001-digits."
        )
    return (pathlib.Path(run) / SAMPLES).exists()  # it is written last


def find(run: str | os.PathLike[str], part: str) -> pathlib.Path:
    """Returns the path of a part of a run (`MODEL`, `EXPORT`, ...).

    Raises:
        ValueError: if the folder is not a run, or the run has not written this part.
    """
    path = pathlib.Path(run) / part
    if not path.exists():
        raise ValueError(
            f"RUN must be the folder of a finished run. Received: {str(run)!r}, which has no {part}. Runs are in the "
            "log folder, for example tensorboard_logs/00001-digits; resume one that was stopped with: kerasgan train "
            "--resume RUN"
        )
    return path
