"""Images whose values are kept as they are: 16 bits, alpha, any number of channels, physical units.

A folder holds pictures (PNG and TIFF of 16 bits, TIFF of floats) or arrays (`.npy` and `.npz`), of one dtype and one
number of channels.
"""

import concurrent.futures
import dataclasses
import os
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.validation.model_files import DAMAGED
from kerasgan.validation.printable import printable

from . import decoding, own_files, photos
from .source import Source, split_indices

ARRAYS = (".npy", ".npz")
PNG_MARK = b"\x89PNG\r\n\x1a\n"
PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Channels of the color types of a PNG that may have 16 bits."""
DEEP_MODES = {"F": "float32", "I": "int32"}
DEEP_SUFFIXES = {".png", ".tif", ".tiff"}
EIGHT_TO_SIXTEEN = 257


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a file holds.

    Attributes:
        dtype: name of the dtype.
        channels: number of channels.
    """

    dtype: str
    channels: int

    def __str__(self) -> str:
        return f"{self.dtype} of {self.channels} channel{'s' * (self.channels != 1)}"


def kind_of(path: pathlib.Path) -> Kind | None:
    """Returns what a picture holds if that is more than 8 bits, from its header; None for others and broken files."""
    if path.suffix.lower() not in DEEP_SUFFIXES or not path.is_file():
        return None
    try:
        with open(path, "rb") as file:
            head = file.read(26)
    except OSError:  # decoding names the file and the reason
        return None
    if head.startswith(PNG_MARK) and len(head) == 26:
        return Kind("uint16", PNG_CHANNELS[head[25]]) if head[24] == 16 and head[25] in PNG_CHANNELS else None
    try:
        with photos.opened(path) as photo:
            mode = photo.mode
    except Exception:  # the same
        return None
    return Kind("uint16", 1) if mode.startswith("I;16") else Kind(DEEP_MODES[mode], 1) if mode in DEEP_MODES else None


def kinds_of(paths: Sequence[pathlib.Path]) -> list[Kind | None]:
    """Returns the `kind_of` each file."""
    with concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        return list(pool.map(kind_of, paths))


Read = tuple[np.ndarray, list[str | None], str | None]


def deep_reader(
    size: tuple[int, int], channels: int | None, bits: int | None
) -> Callable[[pathlib.Path, list[str]], Read | None]:
    """Returns a function, for `photos.read_folder`, that reads pictures of more than 8 bits.

    It returns the pictures with all their bits, for each None or why it cannot be read, and the fingerprint or None; or
    None where pictures have 8 bits.

    Args:
        size: (height, width) of the center that is kept, resized where it is larger or smaller.
        channels: 1, 3 or 4; None for the pictures' own, of which there is one number.
        bits: 16 widens 8 bits, 255 to 65535; 8 narrows 16; None keeps them, and narrows those among others of 8 bits.
    """

    def read(folder: pathlib.Path, names: list[str], of_all: list[str]) -> Read | None:
        kinds = [] if bits == 8 else kinds_of([folder / name for name in of_all])  # the same for every split
        num_deep = sum(kind is not None for kind in kinds)
        if bits is None and 0 < num_deep < len(kinds):
            warnings.warn(
                f"{num_deep} of {len(kinds)} pictures in {printable(folder)} have more than 8 bits, of which 8 are "
                "kept, as the others have. Use bits=16 to keep them all, or bits=8 to say so.",
                stacklevel=6,
            )
            return None
        return _read_deep(folder, names, kinds, size, channels) if num_deep or bits == 16 else None

    return read


def _read_deep(folder, names, kinds, size, channels):
    found = [kind for kind in kinds if kind is not None] or [Kind("uint16", channels or 3)]
    dtype = _only("dtype", [kind.dtype for kind in found], folder, "Convert them to one")
    if channels is None:
        channels = _only("number of channels", [kind.channels for kind in found], folder, "Use channels=1, 3 or 4")

    def decode(number):
        return resized(_with_channels(read_picture(folder / names[number], dtype), channels), size)

    def key():
        return [(name, *decoding.state(folder / name)) for name in names]

    return decoding.held(decoding.slug(folder), key, len(names), (*size, channels), decode, dtype)


def _only(what, values, folder, way_out):
    different = sorted(set(values))
    if len(different) > 1:
        counts = ", ".join(f"{values.count(each)} of {each}" for each in different)
        raise ValueError(f"All files must have one {what}. Received: '{printable(folder)}' with {counts}. {way_out}.")
    return different[0]


def read_picture(path: pathlib.Path, dtype: str) -> np.ndarray:
    """Returns a picture with all its bits, (height, width, channels) of a dtype; 8 bits are widened to 16.

    Raises:
        Exception: of any kind, if it cannot be read.
    """
    from PIL import ImageOps

    kind = kind_of(path)
    if kind is not None and kind.channels > 1:
        return backend.decode_png(path.read_bytes())
    with photos.opened(path) as photo:
        if kind is not None:
            return np.asarray(ImageOps.exif_transpose(photo)).astype(dtype)[..., None]
        if dtype != "uint16":
            raise ValueError(f"it has 8 bits, and others {dtype}")
        photo = ImageOps.exif_transpose(photo)
        image = np.asarray(photo.convert("RGBA" if photo.has_transparency_data else _plain_mode(photo)))
    return image.reshape(*image.shape[:2], -1).astype("uint16") * np.uint16(EIGHT_TO_SIXTEEN)


def read_deep_photo(path: pathlib.Path, size: tuple[int, int], channels: int) -> np.ndarray | None:
    """Returns a picture of more than 8 bits as a folder of such is read: (*size, channels); None for one of 8 bits.

    Raises:
        ValueError: if it cannot be read.
    """
    kind = kind_of(path)
    if kind is None:
        return None
    try:
        return resized(_with_channels(read_picture(path, kind.dtype), channels), size)
    except Exception as error:  # of every kind, as damaged pictures cause them
        raise ValueError(
            f"A picture must be whole. Received: '{printable(path)}', which fails with: {printable(str(error))}."
        ) from None


def _plain_mode(photo):
    return "L" if photo.mode in ("1", "L") else "RGB"


def _with_channels(image, channels):
    """An image of another number of channels: gray is repeated, color is weighted, what is transparent is white."""
    if image.shape[-1] == channels:
        return image
    highest = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1.0
    if image.shape[-1] in (2, 4) and channels != 4:
        alpha = image[..., -1:] / highest
        image = np.round(image[..., :-1] * alpha + highest * (1 - alpha)).astype(image.dtype)
    if image.shape[-1] == 2:  # gray with alpha
        return np.concatenate([image[..., :1].repeat(3, axis=-1), image[..., 1:]], axis=-1)
    if image.shape[-1] == 3 and channels == 1:
        return np.round(image @ np.array([0.299, 0.587, 0.114])).astype(image.dtype)[..., None]
    image = image.repeat(3, axis=-1) if image.shape[-1] == 1 and channels != 1 else image
    if channels == 4 and image.shape[-1] == 3:
        image = np.concatenate([image, np.full_like(image[..., :1], highest)], axis=-1)
    return image


def resized(image: np.ndarray, size: tuple[int, int] | None) -> np.ndarray:
    """Returns the center of an image, in the ratio of `size`, resized to it, each channel by itself, in its dtype.

    Values stay between the least and the greatest of their channel, which the resizing would overshoot at edges.

    An image of that size is not touched.

    Args:
        image: (height, width, channels) of integers of at most 16 bits or of floats.
        size: (height, width), or None to keep the image's.
    """
    from PIL import Image

    if size is None or image.shape[:2] == tuple(size):
        return image
    channels = [
        photos.center(Image.fromarray(np.ascontiguousarray(image[..., number], "float32")), size)
        for number in range(image.shape[-1])
    ]
    result = np.stack([np.asarray(each) for each in channels], axis=-1)
    result = result if image.dtype.kind == "f" else np.round(result)
    return np.clip(result, image.min(axis=(0, 1)), image.max(axis=(0, 1))).astype(image.dtype)


# Arrays


def array_paths(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the `.npy` and `.npz` files below a folder, in the order of their names."""
    return [path for path in own_files.files_and_runs(folder)[0] if path.suffix.lower() in ARRAYS]


def is_folder_of_arrays(folder: pathlib.Path) -> bool:
    """Returns whether a folder holds arrays and no photos."""
    return not photos.num_photos(folder) and bool(array_paths(folder))


def array_shape(path: str | os.PathLike[str]) -> tuple[int, ...] | None:
    """Returns the shape of the array in a file, without reading its values where it is `.npy`; None if it has none."""
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored.shape
        names = [name for name in ("images", "arr_0", *stored.files) if name in stored.files]
        return getattr(stored[names[0]], "shape", None) if names else None  # other ZIP files have bytes
    except (OSError, ValueError, *DAMAGED):
        return None


def num_images(path: str | os.PathLike[str]) -> int:
    """Returns how many images a file of a folder of arrays holds: 1 where that cannot be read."""
    shape = array_shape(path)
    return shape[0] if shape is not None and len(shape) == 4 else 1


def read_array_file(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the images of a `.npy` file, or of an `.npz` file with "images", or one array, and "labels", or None.

    Raises:
        ValueError: if it cannot be read, or holds no such array.
    """
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                return stored, None
            held = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, *DAMAGED) as error:
        raise ValueError(
            f"An array must be a file of NumPy's. Received: '{printable(path)}' ({printable(str(error))}). Write it "
            "with numpy.save."
        ) from None
    images = held.get("images", held.get("arr_0", next(iter(held.values())) if len(held) == 1 else None))
    if images is None:
        raise ValueError(
            f"A .npz file holds the array 'images'. Received: '{printable(path)}' with {sorted(held)}. Write it with "
            "numpy.savez(path, images=images)."
        )
    return images, held.get("labels")


def read_array_folder(
    folder: pathlib.Path, paths: Sequence[pathlib.Path], size: tuple[int, int] | None, split: str
) -> Source:
    """Returns the images in the `.npy` and `.npz` files of a folder as `Source`, labeled by first-level sub-folder.

    A file holds one image (height, width[, channels]), or several (n, height, width, channels).

    Args:
        folder: the folder.
        paths: the files, of `array_paths`.
        size: (height, width) of the center that is kept and resized; None where all have one size.
        split: `"train"` or a slice of it, of the images.

    Raises:
        ValueError: for files of several dtypes, sizes or numbers of channels, or that cannot be read.
    """
    names = [path.relative_to(folder).as_posix() for path in paths]
    labels, class_names = photos.labels_of(names)
    counts = [num_images(path) for path in paths]
    firsts, file_of = np.cumsum([0, *counts[:-1]]), np.repeat(np.arange(len(paths)), counts)
    chosen = split_indices(split, sum(counts))
    used, starts = np.unique(file_of[chosen], return_index=True)
    stacks = []
    for number, rows in zip(used, np.split(chosen, starts[1:]), strict=True):
        stacks.append(_stack(read_array_file(paths[number])[0], names[number])[rows - firsts[number]])
    _only("dtype", [each.dtype.name for each in stacks], folder, "Convert them to one")
    _only("number of channels", [each.shape[-1] for each in stacks], folder, "Pick the channels they have in common")
    if size is None:
        way_out = "Use image_size=64, for example, to which all are resized"
        _only("size", [f"{each.shape[1]}x{each.shape[2]}" for each in stacks], folder, way_out)
    values = np.concatenate([np.stack([resized(image, size) for image in stack]) for stack in stacks])
    if labels is not None:
        labels = labels[file_of[chosen]]
    num_classes = None if class_names is None else len(class_names)
    return Source(printable(folder.resolve().name), values, labels, num_classes, class_names)


def _stack(array: Any, name: str):
    """Images (n, height, width, channels) of an array of one or several."""
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or not array.size:
        raise ValueError(
            "A file of a folder of arrays holds one image (height, width[, channels]), or several (n, height, width, "
            f"channels). Received: {printable(name)} of shape {array.shape}. Reshape it first."
        )
    return array
