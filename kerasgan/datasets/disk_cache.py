"""Decoded photos that are too many for memory: a file in the cache folder, made once and read from at every start."""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import shutil
import weakref

import numpy as np

from . import source

try:
    import fcntl
except ImportError:  # there is none on Windows, where two processes may both make the same file
    fcntl = None

VERSION = 1
"""Part of the names in the cache: a change of how photos are decoded must raise it."""

CHUNK_BYTES = 64 * 2**20
"""Of decoded photos that are held while the file is made."""

IMAGES, NOTE = "images.uint8", "note.json"


def images(name, key, shape, labels, decode):
    """Returns decoded images from the cache, where they are put first if they are not there yet.

    The cache is KERASGAN_CACHE, or else ~/.cache/kerasgan; what is in it can be deleted at any time. A second process
    that asks for the same images while they are made waits for them. What was left half-made is made anew.

    Args:
        name: of the set, for people who look into the cache.
        key: all that decides what the images become, as an object whose `repr` tells it apart.
        shape: (num_images, height, width, channels), those that cannot be decoded included.
        labels: of all images, int32 (num_images,), or None.
        decode: a function from two positions, `start` and `stop`, to the images between them, uint8, and for each None
            or why it cannot be decoded.

    Returns:
        A tuple (values, reasons, fingerprint): the images that could be decoded, a read-only `np.memmap` of uint8
        (num_good, height, width, channels), or None where none could; for each of all images None or the reason; and
        their `source.fingerprint`.

    Raises:
        ValueError: if there is no room for them, or they cannot be written.
    """
    digest = hashlib.sha256(repr((VERSION, shape, key)).encode()).hexdigest()
    cache = pathlib.Path(os.environ.get("KERASGAN_CACHE") or "~/.cache/kerasgan").expanduser()
    folder = cache / f"photos-{name}-{digest[:16]}"
    found = _read(folder, shape)
    if found is None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with _lock(cache / f".{folder.name}.lock"):
                found = _read(folder, shape) or _make(folder, shape, labels, decode)
        except OSError as error:
            raise _refusal(shape, f"they cannot be written to {cache} ({error.strerror or error})") from error
    return found


def rows_reader(values):
    """Returns a function from indices, int64 (batch,), to those images of a memory map, uint8 (batch, ...).

    They are read, not mapped: of a map that is gone through in random order all pages would soon count as memory of
    this process.
    """
    if not hasattr(os, "preadv"):
        return lambda indices: values[indices]
    file = os.open(values.filename, os.O_RDONLY)

    def read(indices):
        batch = np.empty((len(indices), *values.shape[1:]), "uint8")
        for row, index in zip(batch, indices, strict=True):
            if os.preadv(file, [row], int(index) * row.nbytes) != row.nbytes:
                raise OSError(f"{values.filename} has become shorter while it was read.")
        return batch

    weakref.finalize(read, os.close, file)  # datasets hold the function, and iterators their dataset
    return read


@contextlib.contextmanager
def _lock(path):
    with open(path, "a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(folder, shape):
    """Returns what `images` does, or None where there is nothing whole."""
    try:
        note = json.loads((folder / NOTE).read_text())
        reasons = [note["reasons"].get(str(index)) for index in range(shape[0])]
        good = (sum(reason is None for reason in reasons), *shape[1:])
        if (folder / IMAGES).stat().st_size != math.prod(good):
            return None
        return np.memmap(folder / IMAGES, "uint8", mode="r", shape=good), reasons, str(note["fingerprint"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):  # none there, or not as we write them
        return None


def _make(folder, shape, labels, decode):
    wanted, free = math.prod(shape), shutil.disk_usage(folder.parent).free
    if wanted > free:
        raise _refusal(shape, f"{folder.parent} has {free / 2**30:,.1f} GiB left")
    beside = folder.with_name(f".{folder.name}")
    for left in (beside, folder):  # whoever holds the lock knows that nobody is at work on them
        shutil.rmtree(left, ignore_errors=True)
    try:
        beside.mkdir()
        reasons = _write(beside / IMAGES, shape, decode)
        good = [index for index, reason in enumerate(reasons) if reason is None]
        if not good:
            return None, reasons, None
        mark = _fingerprint(beside / IMAGES, (len(good), *shape[1:]), None if labels is None else labels[good])
        said = {index: reason for index, reason in enumerate(reasons) if reason is not None}
        (beside / NOTE).write_text(json.dumps({"fingerprint": mark, "reasons": said}))
        os.replace(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return _read(folder, shape)


def _write(path, shape, decode):
    """Writes all images that can be decoded, one behind the other; returns for each None or why it cannot."""
    step, reasons = max(1, CHUNK_BYTES // math.prod(shape[1:])), []
    with open(path, "wb") as file:
        for start in range(0, shape[0], step):
            chunk, found = decode(start, min(start + step, shape[0]))
            file.write(chunk[[reason is None for reason in found]].data)
            reasons += found
        file.flush()
        os.fsync(file.fileno())
    return reasons


def _fingerprint(path, shape, labels):
    with open(path, "rb") as file:
        return source.fingerprint("uint8", shape, iter(lambda: file.read(CHUNK_BYTES), b""), labels)


def _refusal(shape, why):
    return ValueError(
        f"Photos that are too many for memory are kept decoded in a file, which needs room. Received: {shape[0]:,} "
        f"photos of image_size={shape[1:3]}, which take {math.prod(shape) / 2**30:,.1f} GiB, but {why}. Set "
        "KERASGAN_CACHE to a folder on a larger disk, or use a smaller image_size or a part: split='train[:10%]'."
    )
