"""Decoded photos that are too large for memory: a file in the cache folder, made once and read at every start."""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import shutil
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasgan import files

from . import source

try:
    import fcntl
except ImportError:  # there is none on Windows, where two processes may both make the same file
    fcntl = None

VERSION = 1
"""Part of the names in the cache: raise it when photos are decoded in another way."""

CHUNK_BYTES = 64 * 2**20
"""Bytes of decoded photos that are held in memory while the file is made."""

IMAGES, RECORD = "images.uint8", "note.json"

Decode = Callable[[int, int], tuple[np.ndarray, list[str | None]]]


def images(
    name: str, key: Any, shape: tuple[int, ...], labels: np.ndarray | None, decode: Decode
) -> tuple[np.ndarray | None, list[str | None], str | None]:
    """Returns decoded images from the cache, after decoding them into it if they are not there yet.

    The cache is KERASGAN_CACHE, or else ~/.cache/kerasgan; its content can be deleted at any time. A second process
    that asks for the same images while they are made waits for them. An unfinished or damaged file is made again.

    Args:
        name: name of the set, for people who look into the cache.
        key: everything that determines the decoded images: another `repr` means another file.
        shape: (num_images, height, width, channels), with the images that cannot be decoded.
        labels: of all images, int32 (num_images,), or None.
        decode: a function from two positions, `start` and `stop`, to the images between them, uint8, and for each None
            or the reason why it cannot be decoded.

    Returns:
        A tuple (values, reasons, fingerprint): the readable images, a read-only `np.memmap` of uint8 (num_readable,
        height, width, channels), or None where there are none; for each of all images None or the reason; and their
        `source.fingerprint`.

    Raises:
        ValueError: if there is no space for them, or they cannot be written.
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
            raise _no_space(shape, f"they cannot be written to {cache} ({error.strerror or error})") from error
    return found


def rows_reader(values: np.memmap) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from indices, int64 (batch,), to those images of a memory map, uint8 (batch, ...).

    They are read from the file, not through the map: after random reads through a map, all its pages would soon count
    as memory of this process.
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
    """Returns what `images` does, or None where the folder is not there or not whole."""
    try:
        record = json.loads((folder / RECORD).read_text())
        reasons = [record["reasons"].get(str(index)) for index in range(shape[0])]
        readable = (sum(reason is None for reason in reasons), *shape[1:])
        if (folder / IMAGES).stat().st_size != math.prod(readable):
            return None
        return np.memmap(folder / IMAGES, "uint8", mode="r", shape=readable), reasons, str(record["fingerprint"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _make(folder, shape, labels, decode):
    """Writes the folder, and returns what `images` does. Only the holder of the lock does so."""
    needed, free = math.prod(shape), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise _no_space(shape, f"{folder.parent} has {free / 2**30:,.1f} GiB left")
    files.remove_unfinished(folder.parent, folder.name)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with files.written_whole(folder) as unfinished:
            unfinished.mkdir()
            reasons = _write(unfinished, shape, labels, decode)
            if all(reasons):
                raise _NoneReadable
    except _NoneReadable:
        return None, reasons, None
    return _read(folder, shape)


class _NoneReadable(Exception):
    """No image could be decoded: the folder is not kept."""


def _write(folder, shape, labels, decode):
    """Writes the readable images and their record into a folder; returns for each image None or the reason."""
    reasons = _write_images(folder / IMAGES, shape, decode)
    readable = [index for index, reason in enumerate(reasons) if reason is None]
    labels = None if labels is None else labels[readable]
    fingerprint = _fingerprint(folder / IMAGES, (len(readable), *shape[1:]), labels)
    unreadable = {index: reason for index, reason in enumerate(reasons) if reason is not None}
    (folder / RECORD).write_text(json.dumps({"fingerprint": fingerprint, "reasons": unreadable}))
    return reasons


def _write_images(path, shape, decode):
    """Writes all readable images, one after another; returns for each image None or the reason."""
    step, reasons = max(1, CHUNK_BYTES // math.prod(shape[1:])), []
    with open(path, "wb") as file:
        for start in range(0, shape[0], step):
            chunk, found = decode(start, min(start + step, shape[0]))
            file.write(chunk[[reason is None for reason in found]].data)
            reasons += found
    return reasons


def _fingerprint(path, shape, labels):
    with open(path, "rb") as file:
        return source.fingerprint("uint8", shape, iter(lambda: file.read(CHUNK_BYTES), b""), labels)


def _no_space(shape, reason):
    return ValueError(
        f"Photos that are too large for memory are kept decoded in a file, which needs space. Received: {shape[0]:,} "
        f"photos of image_size={shape[1:3]}, which take {math.prod(shape) / 2**30:,.1f} GiB, but {reason}. Set "
        "KERASGAN_CACHE to a folder on a larger disk, or use a smaller image_size or a part: split='train[:10%]'."
    )
