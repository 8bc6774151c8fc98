"""The kind of a run's data, read off its files: images, signals, sounds or volumes."""

import dataclasses
import math
import os
import pathlib
from collections.abc import Collection
from typing import Any

from kerasgan import datasets
from kerasgan.datasets import exact, own_files, sounds

KINDS: tuple[str, ...] = ("images", "signals", "sounds", "volumes")
RECIPES: dict[str, str] = {"images": "photos", "signals": "signal", "sounds": "sound", "volumes": "volume"}
"""The recipe of each kind of a folder or file."""

MOST_CHANNELS, LEAST_LENGTH = 16, 32
"""An array whose last axis is at most 16 and whose axis before it is at least 32, and longer, is taken for signals."""

LEAST_AN_EPOCH = 5_000
"""Small data sets are passed through several times an epoch, so that an epoch is worth a point in the curves."""


def of_source(source: Any) -> str:
    """Returns the kind of the data in a folder or a file: "images" where it cannot be read off.

    A folder with photos holds images; one with sound files, sounds; one with CSV files, signals. Arrays are known by
    their shape: five axes are volumes, and a last axis of at most 16 after a longer one of at least 32 are channels of
    signals.
    """
    path = pathlib.Path(os.path.expanduser(str(source)))
    if path.is_file():
        return _of_array(path, is_stack=True)
    if not path.is_dir() or datasets.num_photos(path):
        return "images"
    suffixes = {each.suffix.lower(): each for each in files_of(path)}
    if suffixes.keys() & set(sounds.SUFFIXES):
        return "sounds"
    if ".csv" in suffixes:
        return "signals"
    arrays = [suffixes[each] for each in (".npy", ".npz") if each in suffixes]
    return _of_array(arrays[0], is_stack=False) if arrays else "images"


def files_of(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the files below a folder, in the order of their names, without hidden ones and those of runs."""
    return [path for path in own_files.files_and_runs(folder)[0] if path.is_file()]


def count(source: Any, kind: str) -> int:
    """Returns how many images, signals, sounds or volumes a folder or a file of an array holds.

    Those are included that cannot be read.
    """
    path = pathlib.Path(os.path.expanduser(str(source)))
    if path.is_file():
        shape = exact.array_shape(path)
        return shape[0] if shape else 0
    if kind == "images":
        return datasets.num_photos(path) or sum(map(exact.num_images, exact.array_paths(path)))
    suffixes = sounds.SUFFIXES if kind == "sounds" else (".csv", ".npy") if kind == "signals" else (".npy", ".npz")
    found = [each for each in files_of(path) if each.suffix.lower() in suffixes]
    if kind == "volumes":
        shapes = [exact.array_shape(each) for each in found]
        return sum(shape[0] if shape and len(shape) == 5 else 1 for shape in shapes)
    return len(found)


def is_counted(source: Any, kind: str) -> bool:
    """Returns whether `count` knows the size of a source: not that of a named set, or of images in other files."""
    path = pathlib.Path(os.path.expanduser(str(source)))
    return kind != "images" or path.is_dir() or (path.is_file() and path.suffix.lower() in exact.ARRAYS)


def fitted(recipe: Any, num_samples: int, given: Collection[str]) -> Any:
    """Returns the recipe of signals, sounds or volumes with as many epochs as fit the size of the data.

    The samples of a whole training are those of the recipe: `epochs` of 5,000.

    Args:
        recipe: the `kerasgan.runs.recipes.Recipe`.
        num_samples: number of signals, sounds or volumes that are trained on.
        given: fields that somebody has set; they stay as they are.
    """
    if {"epochs", "passes_per_epoch"} & set(given):  # who counts epochs means passes through the data
        return recipe
    batch_size = max(1, min(recipe.batch_size, num_samples))
    shown = max(num_samples // batch_size, 1) * batch_size
    passes = math.ceil(LEAST_AN_EPOCH / shown)
    epochs = max(1, round(recipe.epochs * LEAST_AN_EPOCH / (shown * passes)))
    return dataclasses.replace(recipe, passes_per_epoch=passes, epochs=epochs)


def _of_array(path, is_stack):
    """The kind of an array in a file: a stack of samples, or one of a folder."""
    shape = exact.array_shape(path)
    if shape is None:
        return "images"
    if (is_stack and len(shape) == 5) or (not is_stack and len(shape) in (4, 5) and _is_volume(shape)):
        return "volumes"
    sides = shape[1:] if is_stack else shape
    is_signal = len(sides) == 2 and sides[-1] <= MOST_CHANNELS and sides[0] >= LEAST_LENGTH > sides[-1]
    return "signals" if is_signal or (not is_stack and len(sides) == 1) else "images"


def _is_volume(shape):
    """Whether a file of a folder holds one volume or several: four axes may also be several images."""
    return len(shape) == 5
