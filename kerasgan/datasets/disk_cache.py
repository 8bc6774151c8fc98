"""Decoded photos that are too large for memory: a file in the cache folder, made once and read at every start.

What is read is what was written: the file has a checksum for each chunk, all of which are checked whenever it is
opened, and it lies in a folder that nobody else can write.
"""

import contextlib
import hashlib
import json
import math
import os
import pathlib
import shutil
import stat
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasgan import files
from kerasgan.validation.printable import printable

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
"""The name of the first is that of 8 bits, whatever images have: it is in the caches of earlier versions."""

OTHERS_CAN_WRITE = stat.S_IWGRP | stat.S_IWOTH

Decode = Callable[[int, int], tuple[np.ndarray, list[str | None]]]


def images(
    name: str, key: Any, shape: tuple[int, ...], labels: np.ndarray | None, decode: Decode, dtype: str = "uint8"
) -> tuple[np.ndarray | None, list[str | None], str | None]:
    """Returns decoded images from the cache, after decoding them into it if they are not there yet.

    The cache is KERASGAN_CACHE, or else ~/.cache/kerasgan; its content can be deleted at any time. A second process
    that asks for the same images while they are made waits for them. A file that is not as it was written is never
    used: it is made again, after a warning that names it. So is one that somebody else may have written, because a
    folder or file is a link, belongs to another user, or can be written by others.

    Args:
        name: name of the set, for people who look into the cache.
        key: everything that determines the decoded images: another `repr` means another file.
        shape: (num_images, height, width, channels), with the images that cannot be decoded.
        labels: of all images, int32 (num_images,), or None.
        decode: a function from two positions, `start` and `stop`, to the images between them, uint8, and for each None
            or the reason why it cannot be decoded.
        dtype: `"uint8"` or `"uint16"`, that of the images.

    Returns:
        A tuple (values, reasons, fingerprint): the readable images, a read-only `np.memmap` (num_readable,
        height, width, channels), or None where there are none; for each of all images None or the reason; and their
        `source.fingerprint`.

    Raises:
        ValueError: if there is no space for them, they cannot be written, or not to a folder of this user's own.
    """
    key = key if dtype == "uint8" else (dtype, key)
    digest = hashlib.sha256(repr((VERSION, shape, key)).encode()).hexdigest()
    cache = _cache_folder()
    folder = cache / f"photos-{name}-{digest[:16]}"
    found, _ = _read(folder, shape, digest, dtype)
    if found is not None:
        return found
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(cache / f".{folder.name}.lock"):
            found, problem = _read(folder, shape, digest, dtype)
            if problem is not None:
                message = f"{printable(folder)} is not used: {problem}. The photos are decoded into it again."
                warnings.warn(message, stacklevel=7)
            return found or _make(folder, shape, labels, digest, decode, dtype)
    except OSError as error:
        raise _no_space(shape, f"they cannot be written to {cache} ({error.strerror or error})") from error


def _cache_folder():
    """Returns the cache folder, which need not exist. Takes the right to write in kerasgan's own away from others."""
    given = os.environ.get("KERASGAN_CACHE")
    if given:
        return files.expanded(given)
    folder = files.expanded("~/.cache/kerasgan")
    with contextlib.suppress(OSError):
        if hasattr(os, "geteuid") and folder.stat().st_mode & OTHERS_CAN_WRITE:
            folder.chmod(0o700)
    return folder


def rows_reader(values: np.memmap) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from indices, int64 (batch,), to those images of a memory map, (batch, ...).

    They are read from the file, not through the map: after random reads through a map, all its pages would soon count
    as memory of this process.
    """
    if not hasattr(os, "preadv"):
        return lambda indices: values[indices]
    file = _open_own(pathlib.Path(values.filename))

    def read(indices):
        batch = np.empty((len(indices), *values.shape[1:]), values.dtype)
        for row, index in zip(batch, indices, strict=True):
            if os.preadv(file, [row.reshape(-1).view("uint8")], int(index) * row.nbytes) != row.nbytes:
                raise OSError(f"{values.filename} has become shorter while it was read.")
        return batch

    weakref.finalize(read, os.close, file)  # datasets hold the function, and iterators their dataset
    return read


@contextlib.contextmanager
def _lock(path):
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_own(path):
    """Returns a descriptor of a file in a folder of the cache, neither of which another user can have written.

    Raises:
        OSError: if it cannot be opened, or the file or the folder is a link, another user's, or writable by others.
    """
    if not hasattr(os, "geteuid"):  # Windows, where the folder of a user is private
        return os.open(path, os.O_RDONLY | os.O_BINARY)
    for each in (path.parent, path):
        if each.is_symlink():
            raise OSError(f"{printable(each.name)} is a link")
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _check_own(os.fstat(folder), path.parent)
        file = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        _check_own(os.fstat(file), path)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{path.name} is no plain file")
    except OSError:
        os.close(file)
        raise
    return file


def _check_own(status, path):
    if status.st_uid != os.geteuid():
        raise OSError(f"{printable(path.name)} belongs to another user, of number {status.st_uid}")
    if status.st_mode & OTHERS_CAN_WRITE:
        raise OSError(f"{printable(path.name)} can be written by other users")


def _read(folder, shape, digest, dtype="uint8"):
    """Returns what `images` does, or None where it cannot be used; and why, or None where the folder is not there."""
    if not os.path.lexists(folder):
        return None, None
    try:
        with os.fdopen(_open_own(folder / RECORD), "rb") as file:
            record = json.loads(file.read())
        if "content" not in record:
            raise ValueError("it has no checksums, because an earlier version of kerasgan wrote it")
        content = record["content"]
        if record["checksum"] != _checksum(_text(content).encode()) or content["key"] != digest:
            raise ValueError(f"{RECORD} is damaged")
        reasons = [content["reasons"].get(str(index)) for index in range(shape[0])]
        readable = (sum(reason is None for reason in reasons), *shape[1:])
        with open(folder / IMAGES, "rb", opener=lambda path, flags: _open_own(folder / IMAGES)) as file:
            _check_chunks(file, content["chunks"], _num_bytes(readable, dtype))
            values = np.memmap(file, dtype, mode="r", shape=readable)
        return (values, reasons, content["fingerprint"]), None
    except (LookupError, TypeError, AttributeError, RecursionError, json.JSONDecodeError, UnicodeDecodeError):
        return None, f"{RECORD} is damaged"
    except FileNotFoundError as error:
        return None, f"{pathlib.Path(error.filename).name} is missing"
    except (OSError, ValueError) as error:
        return None, getattr(error, "strerror", None) or str(error)


def _check_chunks(file, chunks, num_bytes):
    """Checks all chunks of the images against their checksums. Raises ValueError for the first that differs."""
    for number, (size, checksum) in enumerate(chunks):
        if _checksum(file.read(size)) != checksum:
            raise ValueError(f"{IMAGES} is damaged, in chunk {number + 1} of {len(chunks)}")
    if file.read(1) or file.tell() != num_bytes:
        raise ValueError(f"{IMAGES} is damaged, because it has another length")


def _num_bytes(shape, dtype):
    return math.prod(shape) * np.dtype(dtype).itemsize


def _checksum(content):
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _text(content):
    return json.dumps(content, sort_keys=True)


def _make(folder, shape, labels, digest, decode, dtype):
    """Writes the folder, and returns what `images` does. Only the holder of the lock does so."""
    needed, free = _num_bytes(shape, dtype), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise _no_space(shape, f"{folder.parent} has {free / 2**30:,.1f} GiB left")
    files.remove_unfinished(folder.parent, folder.name)
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with files.written_whole(folder) as unfinished:
            unfinished.mkdir(mode=0o700)
            reasons = _write(unfinished, shape, labels, digest, decode, dtype)
            if all(reasons):
                raise _NoneReadable
    except _NoneReadable:
        return None, reasons, None
    found, problem = _read(folder, shape, digest, dtype)
    if found is None:
        raise _no_space(shape, f"{folder} cannot be used after it was written: {problem}")
    return found


class _NoneReadable(Exception):
    """No image could be decoded: the folder is not kept."""


def _write(folder, shape, labels, digest, decode, dtype):
    """Writes the readable images and their record into a folder; returns for each image None or the reason."""
    reasons, chunks = _write_images(folder / IMAGES, shape, decode, dtype)
    readable = [index for index, reason in enumerate(reasons) if reason is None]
    labels = None if labels is None else labels[readable]
    fingerprint = _fingerprint(folder / IMAGES, (len(readable), *shape[1:]), labels, dtype)
    unreadable = {str(index): reason for index, reason in enumerate(reasons) if reason is not None}
    content = {"key": digest, "fingerprint": fingerprint, "reasons": unreadable, "chunks": chunks}
    with open(folder / RECORD, "w", opener=_private) as file:
        json.dump({"content": content, "checksum": _checksum(_text(content).encode())}, file)
    return reasons


def _write_images(path, shape, decode, dtype):
    """Writes all readable images, one after another.

    Returns for each image None or the reason, and for each chunk its number of bytes and its checksum.
    """
    step, reasons, chunks = max(1, CHUNK_BYTES // _num_bytes(shape[1:], dtype)), [], []
    with open(path, "wb", opener=_private) as file:
        for start in range(0, shape[0], step):
            chunk, found = decode(start, min(start + step, shape[0]))
            content = chunk[[reason is None for reason in found]].reshape(-1).view("uint8").data
            file.write(content)
            chunks.append([content.nbytes, _checksum(content)])
            reasons += found
    return reasons, chunks


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _fingerprint(path, shape, labels, dtype):
    with open(path, "rb") as file:
        return source.fingerprint(dtype, shape, iter(lambda: file.read(CHUNK_BYTES), b""), labels)


def _no_space(shape, reason):
    reason = printable(reason)
    return ValueError(
        f"Photos that are too large for memory are kept decoded in a file, which needs space. Received: {shape[0]:,} "
        f"photos of image_size={shape[1:3]}, which take {math.prod(shape) / 2**30:,.1f} GiB, but {reason}. Set "
        "KERASGAN_CACHE to a folder on a larger disk, or use a smaller image_size or a part: split='train[:10%]'."
    )
