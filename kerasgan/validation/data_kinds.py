"""What `fit` and `evaluate` take as data, and what to do with everything else."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

RULE = (
    "Images to train on must be an array (n, height, width, channels), what kerasgan.datasets.load returns, or batches "
    "from a tf.data.Dataset, a keras.utils.PyDataset or a Python generator"
)
KNOWN_TO_KERAS = ("grain", "torch")
"""Packages whose sets of batches Keras takes."""


def check_kind(x: Any, known: tuple[type, ...]) -> None:
    """Checks that data are of a kind that can be trained on.

    Args:
        x: the data of `fit` or `evaluate`.
        known: the types of batches; arrays of all packages are known as well.

    Raises:
        ValueError: if they are of another kind; it says how to get from that kind to one that is known.
    """
    if isinstance(x, known) or is_array(x) or type(x).__module__.split(".")[0] in KNOWN_TO_KERAS:
        return
    kind = "None" if x is None else f"{_article(type(x).__name__)} {type(x).__name__}"
    raise ValueError(f"{RULE}. Received: {kind}. {_way_out(x)}.")


def is_array(x: Any) -> bool:
    """Returns whether something is an array of numbers, of whatever package, that can be cut into batches."""
    if isinstance(x, type | keras.KerasTensor | keras.Variable):
        return False
    return all(hasattr(x, name) for name in ("shape", "dtype", "__array__", "__len__", "__getitem__"))


def _way_out(x):
    if x is None:
        return "Pass the images as x"
    if isinstance(x, list | tuple) and len(x) == 0:
        return "There are no images in it"
    if isinstance(x, list | tuple):
        return "Use np.stack(images) if these are images of one size; kerasgan.datasets.load resizes others"
    if isinstance(x, Mapping):
        return (
            "Pass the array under its key, such as data['images']; of a dataset: dataset.map(lambda row: row['image'])"
        )
    if isinstance(x, str | bytes | os.PathLike):
        return "Load what has that name: batches, info = kerasgan.datasets.load(name)"
    if hasattr(x, "to_numpy"):
        return "Use frame.to_numpy('float32'), reshaped to (n, height, width, channels) where these are images"
    if hasattr(x, "to_tensor") or type(x).__name__ == "SparseTensor":
        return "Make it dense: images.to_tensor(), or tf.sparse.to_dense(images); all images must have one size"
    if isinstance(x, keras.Variable) or hasattr(x, "numpy"):
        return "Use its value: np.asarray(variable)"
    if isinstance(x, Iterator):
        return "Make it a generator: (batch for batch in iterator)"
    if isinstance(x, np.generic | int | float):
        return "One number is no image"
    return "Convert it with np.asarray, or load it with kerasgan.datasets.load"


def _article(name):
    return "an" if name[:1].lower() in "aeiou" else "a"
