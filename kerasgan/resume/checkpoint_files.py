"""Checkpoints as files: written whole or not at all, and read only where every byte is as it was written.

A checkpoint is one file: `MAGIC`; the length of the header, 8 bytes, little-endian; the header, JSON with the names,
types and shapes of the arrays and with the counters; the arrays' bytes, one after another; and the SHA-256 of all that
comes before. Nothing in it is code, and a reader that knows which arrays it wants never allocates more than these.

Here `arrays` are dicts of names to NumPy arrays, and a `spec` is a dict of names to pairs (shape, dtype).
"""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import pathlib
import re
import stat
import warnings

import numpy as np

MAGIC = b"kerasgan checkpoint 1\n"
BEST = "best.checkpoint"
LARGEST_HEADER_BYTES = 4 * 2**20
_NAME = re.compile(r"step-(\d{8,15})\.checkpoint")
_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What was read: the `path`, the `arrays`, and the `counters`, whatever JSON object was written with them."""

    path: pathlib.Path
    arrays: dict
    counters: dict


def write(folder, step, arrays, counters):
    """Writes the checkpoint of a training step, and returns its path.

    It is written beside, under a hidden name, synced to the disk, and renamed: at no moment, and after no power cut,
    does a part of it stand under its name.

    Args:
        folder: where it goes; made if it is not there, but not the folders above it.
        step: whole number that names the file and orders it among the others.
        arrays: what to keep; each must hold numbers or truth values.
        counters: a dict that JSON can hold.

    Raises:
        OSError: where it cannot be written; then nothing of it is left, and what stood there before still stands.
        ValueError: for counters that are no JSON, or too long.
    """
    folder = pathlib.Path(folder)
    path = folder / f"step-{step:08d}.checkpoint"
    header = _header(arrays, counters)
    folder.mkdir(exist_ok=True)
    temporary = folder / f".{path.name}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            digest = hashlib.sha256()
            for piece in (MAGIC, len(header).to_bytes(8, "little"), header, *map(_bytes, arrays.values())):
                digest.update(piece)
                file.write(piece)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync(folder)
    return path


def mark_best(path):
    """Keeps a checkpoint as `best.checkpoint` beside it, however many come after. Raises OSError as `write` does."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{BEST}.{os.getpid()}")
    try:
        # A copy, not a link: damage to the one file should not be damage to the other.
        with open(path, "rb") as source, open(temporary, "wb") as file:
            while piece := source.read(2**20):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path.with_name(BEST))
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _sync(path.parent)


def prune(folder, keep):
    """Removes all but the last `keep` checkpoints (and the best), and what writers that were killed left behind."""
    for path in reversed(files(folder)[keep:]):  # the oldest first: whoever is killed here leaves no gap
        path.unlink(missing_ok=True)
    for path in pathlib.Path(folder).glob(".*.checkpoint.*"):
        if not path.name.endswith(f".{os.getpid()}"):
            path.unlink(missing_ok=True)


def files(folder):
    """Returns the paths of the checkpoints in a folder, the newest first; none where there is no such folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = [path for path in pathlib.Path(folder).iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=step_of, reverse=True)
    return []


def step_of(path):
    """Returns the training step that a checkpoint's name tells."""
    return int(_NAME.fullmatch(pathlib.Path(path).name)[1])


def newest(folder, required, optional=None, best=False):
    """Returns the newest checkpoint that is sound, or None where there are no checkpoints.

    What is torn, damaged or of other networks is passed over, with one warning that names it and the one used.

    Args:
        folder: where the checkpoints are.
        required, optional: specs of the arrays that it must hold, and of those that it may hold besides.
        best: True to take the best where there is one that is sound, or else the newest.

    Raises:
        ValueError: if there are checkpoints, and none can be used.
    """
    paths = [*([pathlib.Path(folder) / BEST] if best else []), *files(folder)]
    reasons = []
    for path in paths:
        try:
            found = read(path, required, optional)
        except FileNotFoundError:
            continue
        except (ValueError, OSError) as error:
            reasons.append(f"{path.name} ({_reason(error)})")
            continue
        if reasons:
            warnings.warn(f"Passed over {', '.join(reasons)}. Used instead: {path}.", stacklevel=2)
        return found
    if reasons:
        raise ValueError(
            f"A checkpoint must be sound, and of the same networks. Received: {folder} with {'; '.join(reasons)}. "
            "Begin anew with: kerasgan train --settings RUN"
        )
    return None


def peek(folder):
    """Returns the counters of the newest checkpoint that is undamaged, whatever arrays it holds, or None.

    For those who do not know yet which arrays they want. Takes no more memory than a header does.
    """
    found = (peek_at(path) for path in files(folder))
    return next((counters for counters in found if counters is not None), None)


def peek_at(path):
    """Returns the counters of one checkpoint, or None where it is damaged."""
    with contextlib.suppress(ValueError, OSError), _opened(path) as file:
        digest = hashlib.sha256()
        counters = _read_header(file, digest)["counters"]
        left = os.fstat(file.fileno()).st_size - file.tell() - _DIGEST_BYTES
        while left > 0 and (piece := file.read(min(left, 2**20))):
            digest.update(piece)
            left -= len(piece)
        if file.read(_DIGEST_BYTES + 1) == digest.digest():
            return counters
    return None


def read(path, required, optional=None):
    """Reads one checkpoint.

    Args:
        path: the file; links and all that is no plain file are refused.
        required, optional: as for `newest`.

    Returns:
        A `Checkpoint`.

    Raises:
        ValueError: for a file that is not, byte for byte, what was written, or does not fit the specs. Shapes and size
            are checked before anything of that size is allocated.
        OSError: if it cannot be read.
    """
    path, digest = pathlib.Path(path), hashlib.sha256()
    with _opened(path) as file:
        header = _read_header(file, digest)
        spec = _checked_spec(header["arrays"], required, optional or {})
        size = os.fstat(file.fileno()).st_size
        expected = file.tell() + sum(map(_size, spec.values())) + _DIGEST_BYTES
        if size != expected:
            raise ValueError(f"it has {size:,} bytes in place of {expected:,}")
        arrays = {name: _read_array(file, digest, *each) for name, each in spec.items()}
        if file.read(_DIGEST_BYTES) != digest.digest():
            raise ValueError("its checksum is not that of its content")
    return Checkpoint(path, arrays, header["counters"])


def _header(arrays, counters):
    listed = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"arrays": listed, "counters": counters}).encode()
    if len(header) > LARGEST_HEADER_BYTES:
        raise ValueError(
            f"Names and counters must take at most {LARGEST_HEADER_BYTES:,} bytes. Received: {len(header):,} bytes. "
            "Keep less in the callbacks' states."
        )
    return header


def _read_header(file, digest):
    start = file.read(len(MAGIC) + 8)
    length = int.from_bytes(start[len(MAGIC) :], "little")
    if len(start) < len(MAGIC) + 8 or not start.startswith(MAGIC) or length > LARGEST_HEADER_BYTES:
        raise ValueError("it does not begin as a checkpoint does")
    text = file.read(length)
    digest.update(start)
    digest.update(text)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict) or set(header) != {"arrays", "counters"}:
        raise ValueError("its header is damaged")
    if not isinstance(header["arrays"], list) or not isinstance(header["counters"], dict):
        raise ValueError("its header is damaged")
    return header


def _checked_spec(listed, required, optional):
    """Returns the spec of the arrays that a header lists, in its order, if they are those that are wanted."""
    allowed = {**optional, **required}
    found = {}
    for each in listed:
        if not isinstance(each, list) or len(each) != 3 or not isinstance(each[0], str):
            raise ValueError("its header is damaged")
        name, dtype, shape = each
        if name in found or name not in allowed:
            raise ValueError(f"it holds an array {name[:80]!r} that this training has not, or holds it twice")
        wanted_shape, wanted_dtype = allowed[name]
        if shape != list(wanted_shape) or dtype != str(wanted_dtype):
            raise ValueError(
                f"its array {name!r} is {str(dtype)[:20]} {str(shape)[:80]}, "
                f"that of this training {wanted_dtype} {list(wanted_shape)}"
            )
        found[name] = allowed[name]
    missing = required.keys() - found.keys()
    if missing:
        raise ValueError(f"it lacks {len(missing)} arrays, {min(missing)!r} among them")
    return found


def _opened(path):
    """Opens a plain file: no link, which could lead out of the folder, and no pipe, which could wait for ever."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is no plain file")
    return file


def _size(each):
    shape, dtype = each
    return math.prod(shape) * np.dtype(dtype).itemsize


def _read_array(file, digest, shape, dtype):
    content = np.empty(_size((shape, dtype)), "uint8")
    if file.readinto(content) != len(content):
        raise ValueError("it ends too soon")
    digest.update(content)
    return content.view(dtype).reshape(shape)


def _bytes(array):
    return np.ascontiguousarray(array).reshape(-1).view("uint8").data


def _reason(error):
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _sync(folder):
    """Makes a new name in a folder last through a power cut, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
