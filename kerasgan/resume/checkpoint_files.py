"""Checkpoint files: written whole or not at all, and read only if every byte is as it was written.

A checkpoint is one file: `MAGIC`; the length of the header, 8 bytes, little-endian; the header, JSON with the names,
types and shapes of the arrays and with the counters; the arrays' bytes, one after another; and the SHA-256 of
everything before. It contains no code, and a reader that knows its arrays never allocates more than these.

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
import shutil
import stat
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasgan.files import remove_unfinished, written_whole

MAGIC = b"kerasgan checkpoint 1\n"
BEST = "best.checkpoint"
LARGEST_HEADER_BYTES = 4 * 2**20
_NAME = re.compile(r"step-(\d{8,15})\.checkpoint")
_DIGEST_BYTES = hashlib.sha256().digest_size

Spec = Mapping[str, tuple[tuple[int, ...], Any]]
"""Names of arrays, with their shapes and dtypes."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        path: the file.
        arrays: the arrays by name.
        counters: the JSON object that was written with them.
    """

    path: pathlib.Path
    arrays: dict[str, np.ndarray]
    counters: dict[str, Any]


def write(
    folder: str | os.PathLike[str], step: int, arrays: Mapping[str, np.ndarray], counters: Mapping[str, Any]
) -> pathlib.Path:
    """Writes the checkpoint of a training step, whole or not at all, and returns its path.

    Args:
        folder: where it goes; made if it does not exist, but not the folders above it.
        step: whole number that names the file and orders it among the others.
        arrays: arrays of numbers or truth values.
        counters: a dict that JSON can hold.

    Raises:
        OSError: if it cannot be written; then nothing of it is left, and what was there before is still there.
        ValueError: for counters that JSON cannot hold, or that are too long.
    """
    folder = pathlib.Path(folder)
    path = folder / f"step-{step:08d}.checkpoint"
    header = _header(arrays, counters)
    folder.mkdir(exist_ok=True)
    with written_whole(path) as unfinished, open(unfinished, "wb") as file:
        digest = hashlib.sha256()
        for piece in (MAGIC, len(header).to_bytes(8, "little"), header, *map(_bytes, arrays.values())):
            digest.update(piece)
            file.write(piece)
        file.write(digest.digest())
    return path


def mark_best(path: str | os.PathLike[str]) -> None:
    """Copies a checkpoint to `best.checkpoint` in the same folder, where `prune` leaves it.

    Raises:
        OSError: if it cannot be written.
    """
    path = pathlib.Path(path)
    # A copy, not a link: damage to one file must not damage the other.
    with written_whole(path.with_name(BEST)) as unfinished:
        shutil.copyfile(path, unfinished)


def prune(folder: str | os.PathLike[str], keep: int, apart: int | None = None) -> None:
    """Removes all but the last `keep` checkpoints (and the best), and what killed processes left unfinished.

    Args:
        folder: the folder.
        keep: how many are kept, the newest.
        apart: for rollbacks: also keeps the newest `keep` of the `planned` ones, and two of these that are at least so
            many steps apart, so that one is that old as soon as there can be. Which planned ones are kept does not
            depend on the others. None keeps none of them.
    """
    found = files(folder)
    kept = set(found[:keep])
    if apart is not None:
        kept |= {*planned(found)[:keep], *_spaced(planned(found), apart)[-2:]}
    for path in reversed(found):  # the oldest first: a kill here leaves no gap
        if path not in kept:
            path.unlink(missing_ok=True)
    remove_unfinished(folder, "*.checkpoint")


def planned(found: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """Returns those of the checkpoints that steps or epochs asked for, not the clock or a signal, in the same order.

    Those of older versions, and damaged ones, are among them. Restoring passes over the latter with a warning.
    """
    counters = [(path, peek_at(path)) for path in found]
    return [path for path, each in counters if each is None or each.get("planned", True)]


def _spaced(found, apart):
    """Returns some of the checkpoints, from the oldest on, each at least so many steps after the one before."""
    chosen = []
    for path in reversed(found):
        if not chosen or step_of(path) - step_of(chosen[-1]) >= apart:
            chosen.append(path)
    return chosen


def files(folder: str | os.PathLike[str]) -> list[pathlib.Path]:
    """Returns the paths of the checkpoints in a folder, the newest first; an empty list if there is no such folder."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = [path for path in pathlib.Path(folder).iterdir() if _NAME.fullmatch(path.name)]
        return sorted(found, key=step_of, reverse=True)
    return []


def step_of(path: str | os.PathLike[str]) -> int:
    """Returns the training step in a checkpoint's name."""
    return int(_NAME.fullmatch(pathlib.Path(path).name)[1])


def newest(
    folder: str | os.PathLike[str], required: Spec, optional: Spec | None = None, best: bool = False
) -> Checkpoint | None:
    """Returns the newest sound checkpoint, or None if there are no checkpoints.

    Checkpoints that are incomplete, damaged or of other networks are passed over. One warning names them and the one
    that is used.

    Args:
        folder: the folder of the checkpoints.
        required, optional: specs of the arrays that it must hold, and of those that it may hold.
        best: True for the best if it is sound, or else the newest.

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
            "Start again with: kerasgan train --settings RUN"
        )
    return None


def peek(folder: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Returns the counters of the newest undamaged checkpoint, with any arrays, or None.

    It needs no networks, and no more memory than the header.
    """
    found = (peek_at(path) for path in files(folder))
    return next((counters for counters in found if counters is not None), None)


def peek_at(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Returns the counters of one checkpoint, or None if it is damaged."""
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


def read(path: str | os.PathLike[str], required: Spec, optional: Spec | None = None) -> Checkpoint:
    """Reads one checkpoint.

    Args:
        path: the file; links, and everything that is not a plain file, are refused.
        required, optional: as for `newest`.

    Returns:
        A `Checkpoint`.

    Raises:
        ValueError: for a file that is not, byte for byte, what was written, or does not fit the specs. Shapes and sizes
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


def room_in_header(arrays: Mapping[str, np.ndarray], counters: Mapping[str, Any]) -> int:
    """Returns how many bytes further counters may take, as JSON, next to these and to three times as many arrays."""
    arrays_bytes, counters_bytes = len(json.dumps(_listed(arrays))), len(json.dumps(counters))
    return max(0, LARGEST_HEADER_BYTES - 3 * arrays_bytes - counters_bytes - 1000)


def _listed(arrays):
    return [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]


def _header(arrays, counters):
    header = json.dumps({"arrays": _listed(arrays), "counters": counters}).encode()
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
        raise ValueError("it does not start like a checkpoint")
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
    """Returns the spec of the arrays in a header, in its order, if the header lists the right arrays."""
    allowed = {**optional, **required}
    found = {}
    for each in listed:
        if not isinstance(each, list) or len(each) != 3 or not isinstance(each[0], str):
            raise ValueError("its header is damaged")
        name, dtype, shape = each
        if name in found or name not in allowed:
            raise ValueError(f"it holds an array {name[:80]!r} that this training does not have, or holds it twice")
        own_shape, own_dtype = allowed[name]
        if shape != list(own_shape) or dtype != str(own_dtype):
            raise ValueError(
                f"its array {name!r} is {str(dtype)[:20]} {str(shape)[:80]}, "
                f"that of this training {own_dtype} {list(own_shape)}"
            )
        found[name] = allowed[name]
    missing = required.keys() - found.keys()
    if missing:
        raise ValueError(f"it lacks {len(missing)} arrays, {min(missing)!r} among them")
    return found


def _opened(path):
    """Opens a plain file: not a link, which could lead out of the folder, nor a pipe, which could wait for ever."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError("it is not a plain file")
    return file


def _size(each):
    shape, dtype = each
    return math.prod(shape) * np.dtype(dtype).itemsize


def _read_array(file, digest, shape, dtype):
    content = np.empty(_size((shape, dtype)), "uint8")
    if file.readinto(content) != len(content):
        raise ValueError("it ends too early")
    digest.update(content)
    return content.view(dtype).reshape(shape)


def _bytes(array):
    return np.ascontiguousarray(array).reshape(-1).view("uint8").data


def _reason(error):
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
