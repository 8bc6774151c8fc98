"""A folder of photos as people have them: any size, any format that Pillow reads, and the odd broken file."""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import threading
import warnings

import numpy as np

from . import disk_cache
from .source import Source, is_small, split_indices

DEFAULT_SIZE = (64, 64)
NAMED_IN_WARNING = 10
RUN_A_PROGRAM = ("EPS", "WMF")
"""Formats that Pillow has another program draw: a file from a stranger must not choose what is run."""
PICTURES_ELSEWHERE = {".heic", ".heif", ".svg", ".svgz"}
"""Endings of pictures that Pillow may not know: they are named among those that could not be read."""
LARGE_PIXELS = 2**25

_one_large = threading.Lock()


def read_folder(folder, size, channels, split):
    """Returns a folder's photos as `Source`: centre-cropped, resized, and labelled by first-level sub-folder.

    EXIF orientation is applied, transparency is laid over white, and of an animation the first frame is taken. Files
    and folders whose name starts with a dot are passed over. There are labels when every photo lies in a sub-folder.
    Photos that would take more than a quarter of the memory are kept on disk (`disk_cache.images`).
    What cannot be read is skipped, named and counted: files that are torn or no images whatever they are called, of
    more pixels than Pillow takes for a decompression bomb (179 million), pipes and devices, and formats that another
    program would have to draw.

    Args:
        folder: `pathlib.Path` of an existing folder, searched recursively.
        size: (height, width), or None for 64x64.
        channels: 3 for RGB, 1 for gray, or None for 3.
        split: `"train"` or a slice of it; only its files are decoded.

    Raises:
        ValueError: when there is no photo, or none that can be read, `channels` is neither 1 nor 3, or there is no room
            on the disk for what is to be kept there.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"Photos can be read with 1 or 3 channels. Received: channels={channels!r}. Use 1 or 3.")
    paths = _photo_paths(folder)
    if not paths:
        raise ValueError(
            f"The folder must hold photos, directly or in sub-folders. Received: source='{folder}', which has none. "
            "Check the path, and that the files have an extension such as .jpg or .png."
        )
    names = [path.relative_to(folder).as_posix() for path in paths]
    labels, class_names = _labels(names)
    chosen, size, mode = split_indices(split, len(paths)), size or DEFAULT_SIZE, "L" if channels == 1 else "RGB"
    labels = None if labels is None else labels[chosen]
    images, reasons, mark = _images(folder, [names[i] for i in chosen], labels, size, mode)
    good = [i for i, reason in enumerate(reasons) if reason is None]
    skipped = tuple(names[chosen[i]] for i, reason in enumerate(reasons) if reason is not None)
    if not good:
        raise ValueError(
            f"At least one photo must be readable. Received: source='{folder}', of whose {len(chosen)} none is; "
            f"the first, {skipped[0]}, fails with: {reasons[0]}. Convert them to PNG or JPEG."
        )
    if skipped:
        _warn_of_skipped(skipped, len(chosen))
        labels = None if labels is None else labels[good]
    return Source(folder.resolve().name, images, labels, class_names and len(class_names), class_names, skipped, mark)


def _photo_paths(folder):
    """Returns the paths below `folder` with the extension of a picture, in the order of their names."""
    from PIL import Image

    extensions = {extension for extension, name in Image.registered_extensions().items() if name in Image.OPEN}
    extensions |= PICTURES_ELSEWHERE
    found, seen = [], set()
    for parent, subfolders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # a link back to a folder above, which would be followed for ever
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        found += [pathlib.Path(parent, name) for name in files if not name.startswith(".")]
    found = [path for path in found if path.suffix.lower() in extensions]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _labels(names):
    """Returns labels int32 (len(names),) and the sorted class names, or (None, None) when some photo is in no class."""
    parents = [name.split("/")[0] if "/" in name else None for name in names]
    if None in parents:
        return None, None
    class_names = tuple(sorted(set(parents)))
    index = {name: i for i, name in enumerate(class_names)}
    return np.array([index[parent] for parent in parents], dtype="int32"), class_names


def _images(folder, names, labels, size, mode):
    """Returns the images that can be read, in memory or on disk, for each name None or why it cannot, and the mark."""
    paths, shape = [folder / name for name in names], (len(names), *size, len(mode))
    if is_small(len(paths), size, len(mode)):
        images, reasons = _decode_all(paths, size, mode)
        good = [reason is None for reason in reasons]
        return images if all(good) else images[good], reasons, None
    files = [(name, *_state(path)) for name, path in zip(names, paths, strict=True)]
    key = (files, None if labels is None else labels.tolist())
    slug = re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")
    return disk_cache.images(slug, key, shape, labels, lambda start, stop: _decode_all(paths[start:stop], size, mode))


def _state(path):
    """What changes when a file does."""
    try:
        status = path.stat()
    except OSError:  # a link to nowhere
        return None, None
    return status.st_size, status.st_mtime_ns


def _decode_all(paths, size, mode):
    """Returns uint8 images (len(paths), height, width, channels), and for each None or why it could not be read."""
    images = np.zeros((len(paths), *size, len(mode)), dtype="uint8")

    def decode(index):
        try:
            images[index] = _decode(paths[index], size, mode)
        # Pillow's formats fail with every kind of error, and one file must not end the reading.
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    with warnings.catch_warnings(), concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")  # Pillow's remarks on single files; what matters comes as one warning after
        return images, list(pool.map(decode, range(len(paths))))


def _decode(path, size, mode):
    """Returns one photo, cropped and resized: uint8 (height, width, channels)."""
    from PIL import Image

    if not path.is_file():  # opening a pipe would wait for ever
        raise ValueError("it is no plain file")
    with Image.open(path, formats=[name for name in Image.OPEN if name not in RUN_A_PROGRAM]) as photo:
        # A JPEG may be decoded at a half, a quarter or an eighth; twice the size wanted is left for the good filter.
        photo.draft(None, (2 * max(size), 2 * max(size)))
        # Sixteen threads with a photo of 179 million pixels each would need more memory than most machines have.
        with _one_large if photo.width * photo.height > LARGE_PIXELS else contextlib.nullcontext():
            return _cropped(photo, size, mode)


def _cropped(photo, size, mode):
    from PIL import Image, ImageOps

    height, width = size
    photo = _as_mode(ImageOps.exif_transpose(photo), mode)
    scale = min(photo.width / width, photo.height / height)
    left, top = max(0.0, (photo.width - scale * width) / 2), max(0.0, (photo.height - scale * height) / 2)
    # min: rounding must not carry the box over the edge, which Pillow refuses
    box = (left, top, min(photo.width, left + scale * width), min(photo.height, top + scale * height))
    photo = photo.resize((width, height), Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)
    return np.asarray(photo).reshape(height, width, len(mode))


def _as_mode(photo, mode):
    from PIL import Image

    if photo.mode.startswith("I;16"):  # Pillow clips 16 bits to 8, which leaves white
        photo = Image.fromarray((np.asarray(photo).astype("uint16") >> 8).astype("uint8"))
    if photo.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {photo.mode!r} have no known range")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo)
    return photo.convert(mode)


def _warn_of_skipped(skipped, num_files):
    named = ", ".join(skipped[:NAMED_IN_WARNING])
    if len(skipped) > NAMED_IN_WARNING:
        named += f" and {len(skipped) - NAMED_IN_WARNING} more, all named in info.skipped"
    warnings.warn(f"Skipped {len(skipped)} of {num_files} images that could not be read: {named}", stacklevel=4)
