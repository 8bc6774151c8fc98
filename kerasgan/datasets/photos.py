"""Folders of photos: any size, any format that Pillow reads, some files broken."""

import contextlib
import dataclasses
import os
import pathlib
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasgan.conditions import Condition
from kerasgan.validation.printable import printable

from . import decoding, disk_cache, own_files, tables
from .source import Source, is_small, split_indices

DEFAULT_SIZE = (64, 64)
EXTERNAL_FORMATS = ("EPS", "WMF")
"""Formats for which Pillow starts another program: a file of unknown origin must not choose a program to run."""
OTHER_EXTENSIONS = {".heic", ".heif", ".svg", ".svgz"}
"""Extensions of pictures that Pillow may not know: they are named among the files that could not be read."""
LARGE_PIXELS = 2**25

"""Photos of more pixels are decoded one at a time."""

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's names of images with so many channels."""

_one_large = threading.Lock()


def read_folder(
    folder: pathlib.Path,
    size: tuple[int, int] | None,
    channels: int | None,
    split: str,
    conditions: Any = None,
    deep: Callable[[pathlib.Path, list[str]], Any] | None = None,
) -> Source:
    """Returns the photos of a folder as `Source`: center-cropped, resized, and labeled by first-level sub-folder.

    EXIF orientation is applied, transparent pixels are blended with white, and of an animation the first frame is
    taken. Files and folders whose name starts with a dot are left out. There are labels when every photo is in a
    sub-folder. Photos that would take more than a quarter of the memory are kept on disk (`disk_cache.images`).

    What kerasgan has written itself is left out, with a warning that counts and names it: run folders wherever they are
    below the folder, and pictures with the mark of `kerasgan.pictures`.

    Files that cannot be read are skipped, named and counted: truncated files, files that are no images whatever their
    extension, images of more pixels than Pillow's limit for a decompression bomb (179 million), pipes and devices, and
    formats for which another program would have to be started.

    Args:
        folder: `pathlib.Path` of an existing folder, searched recursively.
        size: (height, width), or None for 64x64.
        channels: 3 for RGB, 1 for gray, 4 for RGB and opacity, or None for 3.
        split: `"train"` or a slice of it; only its files are decoded.
        conditions: path of a CSV file of conditions, or None.
        deep: a function from the folder and the names of files to the images, the reasons and the fingerprint, where
            these have more than 8 bits, or to None; None for 8 bits.

    Raises:
        ValueError: when there is no photo, or none that can be read, `channels` is not 1, 3 or 4, or there is no
            space on the disk for photos that are kept there.
    """
    if channels not in (None, 1, 3, 4):
        raise ValueError(
            f"Photos can be read with 1, 3 or 4 channels. Received: channels={channels!r}. Use 1 for gray, 3 for RGB "
            "or 4 for RGB and opacity."
        )
    paths = photos_of_others(folder)
    names = [path.relative_to(folder).as_posix() for path in paths]
    table = _Table.read(conditions, names, folder)
    names = names if table is None else [names[row] for row in table.kept]
    chosen, (labels, class_names), of_all = split_indices(split, len(names)), labels_of(names), names
    names, labels = [names[i] for i in chosen], None if labels is None else labels[chosen]
    found = None if deep is None else deep(folder, names, of_all)
    mode = MODES[channels or 3]
    images, reasons, fingerprint = found or _images(folder, names, labels, size or DEFAULT_SIZE, mode)
    skipped = decoding.unreadable(folder, names, reasons, stacklevel=5)
    readable = np.array([reason is None for reason in reasons])
    num_classes, labels = (
        None if class_names is None else len(class_names),
        None if labels is None else labels[readable],
    )
    data = Source(printable(folder.resolve().name), images, labels, num_classes, class_names, skipped, fingerprint)
    return data if table is None else table.added_to(data, chosen[readable])


@dataclasses.dataclass(frozen=True)
class _Table:
    """The conditions of a folder's files, from a CSV file."""

    kept: list[int]
    values: np.ndarray
    condition: Condition
    columns: tuple[str, ...]
    alone: tuple[str, ...]

    @classmethod
    def read(cls, path, names, folder):
        if path is None:
            return None
        if not isinstance(path, str | os.PathLike):
            raise ValueError(
                "The conditions of a folder are a CSV file of file names and numbers. Received: "
                f"conditions=<{type(path).__name__}>. Write one, or load the photos as an array."
            )
        rows, columns = tables.read_table(path)
        kept, values, alone = tables.rows_of(names, rows, folder)
        return cls(kept, *tables.condition_of(values, len(kept)), columns, alone)

    def added_to(self, data, rows):
        skipped, values = (*data.skipped, *self.alone), self.values[rows]
        changed = {"conditions": values, "condition": self.condition, "condition_names": self.columns}
        return dataclasses.replace(data, skipped=skipped, **changed)


def num_photos(folder: str | os.PathLike[str]) -> int:
    """Returns how many files of photos there are below a folder, those included that cannot be read."""
    return len(_photo_paths(pathlib.Path(folder))[0])


def photo_names(folder: str | os.PathLike[str]) -> list[str]:
    """Returns the names of the photos below a folder, in the order of `read_folder`, those that cannot be read too."""
    folder = pathlib.Path(folder)
    return [path.relative_to(folder).as_posix() for path in own_files.without_own_pictures(_photo_paths(folder)[0])[0]]


def read_photo(path: str | os.PathLike[str], size: tuple[int, int], channels: int) -> np.ndarray:
    """Returns one photo, cropped and resized as those of a folder: uint8 (height, width, channels).

    Raises:
        ValueError: if it cannot be read.
    """
    images, reasons = _decode_all([pathlib.Path(path)], size, MODES[channels])
    if reasons[0] is not None:
        raise ValueError(
            f"A picture must be a file that Pillow reads. Received: '{printable(path)}', which fails with: "
            f"{printable(reasons[0])}. Convert it to PNG or JPEG."
        )
    return images[0]


def photos_of_others(folder: pathlib.Path, stacklevel: int = 6, with_own: bool = False) -> list[pathlib.Path]:
    """Returns the paths of all photos below `folder`, after a warning of what kerasgan wrote there itself.

    Args:
        folder: the folder.
        stacklevel: of the warning, as of `warnings.warn`.
        with_own: whether pictures that kerasgan wrote are taken as well; never those in the folders of runs.

    Raises:
        ValueError: if there is no photo.
    """
    found, runs = _photo_paths(folder)
    paths, own = (found, []) if with_own else own_files.without_own_pictures(found)
    left_out = [path.relative_to(folder).as_posix() for path in (*runs, *own)]
    described = own_files.described(left_out[: len(runs)], left_out[len(runs) :]) if left_out else ""
    if paths:
        if left_out:
            message = f"Left out of {printable(folder)}, because kerasgan wrote it: {described}"
            warnings.warn(message, stacklevel=stacklevel)
        return paths
    received = f"Received: source='{printable(folder)}', which has none"
    if left_out:
        raise ValueError(
            f"The folder must hold photos, and what kerasgan writes is never taken for data. {received} but "
            f"{described}. Pictures that are to be trained on are written with kerasgan.pictures.save_png(..., "
            "mark=False)."
        )
    raise ValueError(
        f"The folder must hold photos, directly or in sub-folders. {received}. Check the path, and that the files "
        "have an extension such as .jpg or .png."
    )


def _photo_paths(folder):
    """Returns the paths below `folder` with the extension of an image, in the order of their names, and run folders."""
    from PIL import Image

    extensions = {extension for extension, name in Image.registered_extensions().items() if name in Image.OPEN}
    extensions |= OTHER_EXTENSIONS
    found, runs = own_files.files_and_runs(folder)
    return [path for path in found if path.suffix.lower() in extensions], runs


def labels_of(names: list[str]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Returns labels int32 (len(names),) and the sorted class names, or (None, None) when a photo is in no class."""
    parents = [name.split("/")[0] if "/" in name else None for name in names]
    if None in parents:
        return None, None
    class_names = tuple(sorted(set(parents)))
    index = {name: i for i, name in enumerate(class_names)}
    return np.array([index[parent] for parent in parents], dtype="int32"), class_names


def _images(folder, names, labels, size, mode):
    """Returns the readable images, for each name None or why it is not readable, and the fingerprint or None."""
    paths, shape = [folder / name for name in names], (len(names), *size, len(mode))
    if is_small(len(paths), size, len(mode)):
        images, reasons = _decode_all(paths, size, mode)
        return decoding.readable(images, reasons), reasons, None
    files = [(name, *decoding.state(path)) for name, path in zip(names, paths, strict=True)]
    key, name = (files, None if labels is None else labels.tolist()), decoding.slug(folder)
    return disk_cache.images(name, key, shape, labels, lambda start, stop: _decode_all(paths[start:stop], size, mode))


def _decode_all(paths, size, mode):
    """Returns uint8 images (len(paths), height, width, channels), and for each None or why it could not be read."""
    shape = (*size, len(mode))
    return decoding.decode_rows(range(len(paths)), shape, lambda number: _decode(paths[number], size, mode))


def _decode(path, size, mode):
    """Returns one photo, cropped and resized: uint8 (height, width, channels)."""
    return decode_part(path, size, mode)


def decode_part(path: pathlib.Path, size: tuple[int, int], mode: str, box: Callable[[Any], Any] | None = None) -> Any:
    """Returns one photo, or a part of it, cropped and resized: uint8 (height, width, channels).

    Args:
        path: the file.
        size: (height, width).
        mode: `"RGB"` or `"L"`.
        box: a function from the photo of Pillow, as it is shown, to (left, top, right, bottom); None for all.

    Raises:
        Exception: of any kind, where it cannot be read.
    """
    with opened(path) as photo:
        if box is None:
            # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size; twice the target size is left for the better filter.
            photo.draft(None, (2 * max(size), 2 * max(size)))
        # Sixteen threads with a photo of 179 million pixels each would need more memory than most machines have.
        with _one_large if photo.width * photo.height > LARGE_PIXELS else contextlib.nullcontext():
            return _cropped(photo, size, mode, box)


def shown_size(path: pathlib.Path) -> tuple[int, int]:
    """Returns the (width, height) of a photo as it is shown, from its header. Raises as `decode_part` does."""
    from PIL import ExifTags

    with opened(path) as photo:
        width, height = photo.size
        turned = photo.getexif().get(ExifTags.Base.Orientation, 1) > 4
        return (height, width) if turned else (width, height)


def opened(path: pathlib.Path) -> Any:
    """Returns a photo of Pillow's, opened and not decoded yet. Raises an exception of any kind where it cannot be."""
    from PIL import Image

    if not path.is_file():  # opening a pipe would wait forever
        raise ValueError("it is no plain file")
    return Image.open(path, formats=[name for name in Image.OPEN if name not in EXTERNAL_FORMATS])


def _cropped(photo, size, mode, box=None):
    from PIL import ImageOps

    photo = ImageOps.exif_transpose(photo)
    photo = _as_mode(photo if box is None else photo.crop(box(photo)), mode)
    return np.asarray(center(photo, size)).reshape(*size, len(mode))


def center(photo: Any, size: tuple[int, int]) -> Any:
    """Returns the center of an image of Pillow's, in the ratio of `size` (height, width), resized to it."""
    from PIL import Image

    height, width = size
    scale = min(photo.width / width, photo.height / height)
    left, top = max(0.0, (photo.width - scale * width) / 2), max(0.0, (photo.height - scale * height) / 2)
    # min: Pillow refuses a box that rounding has moved over the edge
    box = (left, top, min(photo.width, left + scale * width), min(photo.height, top + scale * height))
    return photo.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _as_mode(photo, mode):
    from PIL import Image

    if photo.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8, which gives white
        photo = Image.fromarray((np.asarray(photo).astype("uint16") >> 8).astype("uint8"))
    if photo.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {photo.mode!r} have no known range")
    if photo.has_transparency_data and mode != "RGBA":
        photo = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
    return photo.convert(mode)
