"""Images that a command is asked about, each with a name: a file, a folder, an array, or a data set."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan.validation.model_files import DAMAGED
from kerasgan.validation.printable import printable

from . import exact, photos
from .load import has_test_split, load_arrays


@dataclasses.dataclass(frozen=True)
class NamedImages:
    """Images with their names.

    Attributes:
        images: float32 (n, height, width, channels) in [-1, 1], or points (n, d).
        labels: int32 (n,), or None.
        names: n names: of the files; of an array or a data set the numbers.
    """

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None
    names: tuple[str, ...]


def load_named(
    source: str,
    image_shape: Sequence[int],
    split: str | None = None,
    n: int | None = None,
    value_range: Sequence[float] | None = None,
) -> NamedImages:
    """Returns images of the size of a GAN's, with their names.

    Args:
        source: a picture; a folder of photos; a .npy file, or a .npz file with "images" and perhaps "labels", of 8 or
            16 bits, or floats in [-1, 1] or `value_range`; or a data set, as for `load`.
        image_shape: (height, width, channels) to which photos are cropped and resized; (d,) for points.
        split: split of a data set or folder; None for "test" where there is one, else "train".
        n: only the first n; None for all.
        value_range: (low, high), the values that become -1 and 1, as for `load`; None for all that the dtype holds.

    Raises:
        ValueError: if they cannot be read, or have another shape.
    """
    path = pathlib.Path(os.path.expanduser(source))
    options: dict[str, Any] = {} if value_range is None else {"value_range": tuple(value_range)}
    if len(image_shape) == 3:
        options |= {"image_size": tuple(image_shape[:2]), "channels": image_shape[2]}
    if path.is_file():
        found = _read_file(path, image_shape, value_range)
    elif path.is_dir():
        if exact.is_folder_of_arrays(path):
            options.pop("channels", None)  # these have their own
        images, labels, info = load_arrays(path, split=split or "train", **options)
        skipped = set(info.skipped)
        names = [name for name in photos.photo_names(path) if name not in skipped]
        names = names if len(names) == len(images) else [str(number) for number in range(len(images))]
        found = NamedImages(images, labels, tuple(map(printable, names)))
    else:
        split = split or ("test" if has_test_split(source) else "train")
        images, labels, _ = load_arrays(source, split=split, **options)
        found = NamedImages(images, labels, tuple(f"{split} {number}" for number in range(len(images))))
    if found.images.shape[1:] != tuple(image_shape):
        raise ValueError(
            f"The images must have the shape of the GAN's, {tuple(image_shape)}. Received: shape "
            f"{found.images.shape[1:]} from '{printable(source)}'. Resize them."
        )
    labels = None if found.labels is None else found.labels[:n]
    return NamedImages(found.images[:n], labels, found.names[:n])


def _read_file(path, image_shape, value_range):
    if path.suffix not in (".npy", ".npz"):
        height, width, channels = image_shape if len(image_shape) == 3 else (1, 1, 1)
        image = exact.read_deep_photo(path, (height, width), channels)
        image = photos.read_photo(path, (height, width), channels) if image is None else image
        return NamedImages(_scaled(image[None], value_range), None, (printable(path.name),))
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            arrays = {"images": stored} if isinstance(stored, np.ndarray) else {name: stored[name] for name in stored}
    except (OSError, ValueError, *DAMAGED) as error:
        raise ValueError(
            f"An array must be a file of NumPy's. Received: '{printable(path)}' ({printable(str(error))})."
        ) from None
    images = arrays.get("images", arrays.get("samples"))
    if images is None:
        raise ValueError(
            f"A .npz file holds the array 'images'. Received: '{printable(path)}' with {sorted(arrays)}. Write it with "
            "numpy.savez(path, images=images)."
        )
    labels = arrays.get("labels")
    return NamedImages(_scaled(images, value_range), labels, tuple(str(number) for number in range(len(images))))


def _scaled(images, value_range):
    if value_range is None and images.dtype.kind in "iu" and images.dtype.itemsize <= 2:
        value_range = np.iinfo(images.dtype).min, np.iinfo(images.dtype).max
    if value_range is None:
        return images
    low, high = map(float, value_range)
    return ((images.astype("float64") - low) * (2 / (high - low)) - 1).astype("float32")
