"""What kerasgan writes, found again in folders of photos, so that it is never taken for data."""

import concurrent.futures
import json
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

from kerasgan import pictures
from kerasgan.validation.printable import printable

SETTINGS = "settings.json"
PARTS = ("gan.keras", "checkpoints")
"""Parts that are in the folder of every run that has trained."""
LARGEST_SETTINGS_BYTES = 8 * 2**20
NAMED = 10


def is_run_folder(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a folder is that of a run: its settings hold a recipe, or cannot be read and it has trained."""
    settings = pathlib.Path(folder, SETTINGS)
    if not settings.is_file():
        return False
    try:
        with open(settings, "rb") as file:
            content = json.loads(file.read(LARGEST_SETTINGS_BYTES))
    except (OSError, ValueError, RecursionError):
        return any(os.path.lexists(settings.with_name(part)) for part in PARTS)
    recipe = content.get("recipe") if isinstance(content, dict) else None
    return isinstance(recipe, dict) and {"title", "source"} <= set(recipe)


def files_and_runs(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Returns the files below a folder, without hidden ones and those of runs, and the run folders, by their names.

    Folders that cannot be read are left out with a warning.
    """
    found, runs, seen = [], [], set()
    for parent, subfolders, names in os.walk(folder, followlinks=True, onerror=_warn_of_unreadable):
        real = os.path.realpath(parent)
        if real in seen:  # a link back to a folder above, which would be followed forever
            subfolders.clear()
            continue
        seen.add(real)
        if is_run_folder(parent):
            runs.append(pathlib.Path(parent))
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [pathlib.Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix()), sorted(runs)


def _warn_of_unreadable(error):
    reason = f"'{printable(error.filename)}' ({printable(error.strerror)})"
    warnings.warn(f"Left out a folder that cannot be read: {reason}", stacklevel=4)


def without_own_pictures(paths: Sequence[pathlib.Path]) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Returns the paths of photos, and of pictures that kerasgan has marked as its own (`pictures.is_marked`)."""
    with concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        marked = list(pool.map(pictures.is_marked, paths))
    photos = [path for path, own in zip(paths, marked, strict=True) if not own]
    return photos, [path for path, own in zip(paths, marked, strict=True) if own]


def described(runs: Sequence[Any], own_pictures: Sequence[Any]) -> str:
    """Returns what was left out in words, with the first names, such as "1 run folder and 2 pictures (a, b, c)"."""
    kinds = ((len(runs), "run folder"), (len(own_pictures), "picture"))
    counted = " and ".join(f"{count:,} {kind}{'s' * (count != 1)}" for count, kind in kinds if count)
    names = [printable(name) for name in (*runs, *own_pictures)]
    rest = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{counted} ({', '.join(names[:NAMED])}{rest})"
