"""Run folders: one numbered folder for each training run, with all that the run leaves behind."""

import contextlib
import json
import os
import pathlib
import re
import stat

try:
    import fcntl
except ImportError:  # there is none on Windows, where two resumes of one run are not kept apart
    fcntl = None

SETTINGS = "settings.json"
MODEL = "gan.keras"
SAMPLES = "samples.png"
EXPORT = "saved_model"
CHECKPOINTS = "checkpoints"
LOCK = ".lock"
LARGEST_SETTINGS_BYTES = 8 * 2**20
LONGEST_NAME = 100


def check_writable(log_dir):
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


def create(log_dir, name):
    """Makes the next numbered folder, such as `00003-digits`, and returns its path.

    Two runs that start at once never get the same folder: making it is the test of whether it is free.

    Args:
        log_dir: the folder of all runs; made if it is not there.
        name: what is trained; all but letters, digits, `-` and `_` become `-`, and a long one is cut short.
    """
    log_dir = pathlib.Path(log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", name)[:LONGEST_NAME].strip("-") or "run"
    numbers = [int(found.group(1)) for each in log_dir.iterdir() if (found := re.match(r"(\d{5})-", each.name))]
    number = max(numbers, default=0) + 1
    while True:
        run = log_dir / f"{number:05d}-{slug}"
        # Two names can race for one number, so the number itself is taken first, by a file that is removed again.
        taken = log_dir / f".{number:05d}"
        try:
            taken.touch(exist_ok=False)
        except FileExistsError:
            number += 1
            continue
        try:
            if not any(log_dir.glob(f"{number:05d}-*")):
                run.mkdir()
                return run
        finally:
            taken.unlink()
        number += 1


@contextlib.contextmanager
def claim(run):
    """Keeps a run to one process: within it, no other gets past this line. It is given up when the process ends, too.

    Raises:
        ValueError: if another process has it.
    """
    with open(pathlib.Path(run) / LOCK, "a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"A run is trained by one process at a time. Received: {run}, which is being trained. Stop that "
                    "first, or begin another with: kerasgan train --settings RUN"
                ) from None
        yield


def write_settings(run, settings):
    """Writes a run's settings, a dict that JSON can hold, as `settings.json`, whole or not at all."""
    with written_whole(run / SETTINGS) as beside, open(beside, "w") as file:
        file.write(json.dumps(settings, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def written_whole(path):
    """Gives a hidden path beside `path` to write to, and renames it when all is written; else nothing is left."""
    beside = path.with_name(f".{os.getpid()}.{path.name}")  # the end stays: some writers go by it
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def read_settings(path):
    """Reads settings from a run folder or from a settings file.

    Raises:
        ValueError: if there are none there, or they are not a JSON object of a bounded size.
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
    """Returns a file's text. A link out of a folder that a stranger made is not followed, nor a pipe waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is no plain file")
        content = file.read(LARGEST_SETTINGS_BYTES + 1)
    if len(content) > LARGEST_SETTINGS_BYTES:
        raise ValueError(f"it is larger than {LARGEST_SETTINGS_BYTES:,} bytes")
    return content.decode()


def is_finished(run):
    """Returns whether a run has come to its end.

    Raises:
        ValueError: if the folder is no run.
    """
    if not (pathlib.Path(run) / SETTINGS).is_file():
        raise ValueError(
            f"RUN must be the folder of a run, with its {SETTINGS}. Received: {str(run)!r}. Runs stand in the log "
            "folder, for example tensorboard_logs/00001-digits."
        )
    return (pathlib.Path(run) / SAMPLES).exists()  # it is written last


def find(run, part):
    """Returns the path of a part of a run (`MODEL`, `EXPORT`, ...).

    Raises:
        ValueError: if the folder is no run, or the run did not get as far as to write the part.
    """
    path = pathlib.Path(run) / part
    if not path.exists():
        raise ValueError(
            f"RUN must be the folder of a run that has come to its end. Received: {str(run)!r}, where there is no "
            f"{part}. Runs stand in the log folder, for example tensorboard_logs/00001-digits; one that was stopped "
            "goes on with: kerasgan train --resume RUN"
        )
    return path
