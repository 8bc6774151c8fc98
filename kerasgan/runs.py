"""Run folders: one numbered folder for each training run, with all that the run leaves behind."""

import json
import os
import pathlib
import re

SETTINGS = "settings.json"
MODEL = "gan.keras"
SAMPLES = "samples.png"
EXPORT = "saved_model"


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
        name: what is trained; all but letters, digits, `-` and `_` become `-`.
    """
    log_dir = pathlib.Path(log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-") or "run"
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


def write_settings(run, settings):
    """Writes a run's settings, a dict that JSON can hold, as `settings.json`."""
    (run / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


def read_settings(path):
    """Reads settings from a run folder or from a settings file.

    Raises:
        ValueError: if there are none there, or they are not a JSON object.
    """
    path = pathlib.Path(path)
    file = path / SETTINGS if path.is_dir() else path
    try:
        settings = json.loads(file.read_text())
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"A run's settings must be readable JSON. Received: {file} ({error}).") from None
    if not isinstance(settings, dict):
        raise ValueError(f"A run's settings must be a JSON object. Received: a {type(settings).__name__} in {file}.")
    return settings


def find(run, part):
    """Returns the path of a part of a run (`MODEL`, `EXPORT`, ...).

    Raises:
        ValueError: if the folder is no run, or the run did not get as far as to write the part.
    """
    path = pathlib.Path(run) / part
    if not path.exists():
        raise ValueError(
            f"RUN must be the folder of a run that has come to its end. Received: {str(run)!r}, where there is no "
            f"{part}. Runs stand in the log folder, for example tensorboard_logs/00001-digits."
        )
    return path
