"""Files and folders that are written whole or not at all."""

import contextlib
import io
import os
import pathlib
import shutil
import stat
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np

KINDS: dict[int, str] = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def kind(path: str | os.PathLike[str], follow: bool = False) -> str | None:
    """Returns what is at a path, one of the values of `KINDS`, or None where there is nothing.

    Args:
        path: the path.
        follow: True to look behind a link.

    Raises:
        OSError: if the path cannot be looked up, for example in a folder without permission, or for a loop of links.
    """
    try:
        return KINDS.get(stat.S_IFMT(os.stat(path, follow_symlinks=follow).st_mode), "no plain file")
    except (FileNotFoundError, NotADirectoryError):
        return None


def expanded(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns a path with `~` replaced by the user's folder.

    Raises:
        ValueError: if it is not known, as in containers whose user has no name and no HOME.

    Example:
        >>> expanded("photos/a").as_posix()
        'photos/a'
    """
    found = os.path.expanduser(path)
    if os.fspath(found).startswith("~") and not os.path.lexists(found):
        raise ValueError(
            f"A path with ~ needs the user's own folder, which is not known. Received: {os.fspath(path)!r}. Set HOME, "
            "or give a whole path; KERASGAN_CACHE names the folder of the cache."
        )
    return pathlib.Path(found)


def output(path: str | os.PathLike[str], folder: bool = False) -> pathlib.Path:
    """Returns where an output that a user has named is to be written: the path itself, or what a link there leads to.

    Args:
        path: the path that the user has named.
        folder: whether the output is a folder.

    Raises:
        ValueError: if something else is there: a device, a pipe, a socket, a folder in place of a file or a file in
            place of a folder. These are neither replaced nor written into.
        OSError: if the path cannot be looked up.

    Example:
        >>> output("samples.png").name
        'samples.png'
    """
    found, real = kind(path, follow=True), pathlib.Path(os.path.realpath(path))
    wanted = KINDS[stat.S_IFDIR if folder else stat.S_IFREG]
    if found not in (None, wanted) or (found and not (real.exists() and os.path.samefile(path, real))):
        raise ValueError(
            f"An output must be {wanted}, new or to be replaced. Received: {os.fspath(path)!r}, which is "
            f"{found if found != wanted else 'deleted'}. Choose another path."
        )
    return real


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], durable: bool = True) -> Iterator[pathlib.Path]:
    """Gives a hidden path in the same folder to write to, and renames it to `path` at the end.

    What is written may be a file or a folder; it replaces a file or a folder that stood there. A reader never sees a
    part of it. If the writing fails, or the process is killed, what stood there still stands; only a kill leaves the
    hidden file, for `remove_unfinished`. Links are neither followed nor replaced: see `output`.

    Args:
        path: where the file or folder goes, in a folder that exists.
        durable: True syncs it to the disk first, so that it also survives a power cut; False is faster.

    Yields:
        The hidden path, with the same suffix.

    Raises:
        OSError: if it cannot be written, or something other than a file, or a folder for a folder, is there.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "settings.json"
        >>> with written_whole(path) as unfinished:
        ...     _ = unfinished.write_text("{}")
        >>> path.read_text()
        '{}'
    """
    path = pathlib.Path(path)
    _check_replaceable(path, (None, "a file", "a folder"))
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    _remove(unfinished)  # of a killed process that had the same number, as happens in containers
    try:
        yield unfinished
        if durable:
            _sync_content(unfinished)
        _check_replaceable(path, (None, kind(unfinished)))
        if path.is_dir():
            shutil.rmtree(path)  # a folder cannot be renamed onto one that is not empty
        os.replace(unfinished, path)
        if durable:
            _sync(path.parent)
    finally:
        _remove(unfinished)


@contextlib.contextmanager
def written_together(path: str | os.PathLike[str], durable: bool = True) -> Iterator[pathlib.Path]:
    """Gives a hidden folder to write several files or folders to, and moves them next to `path` at the end.

    As `written_whole`, for a file with its companions. If the writing fails, none is moved; a kill while they are moved
    may leave some of them.

    Args:
        path: the first of them, in a folder that exists; the hidden folder is named after it.
        durable: True syncs them to the disk first.

    Yields:
        The hidden folder.

    Raises:
        OSError: if something cannot be written, or is in the place of one of them.
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    _remove(unfinished)
    unfinished.mkdir()
    try:
        yield unfinished
        if durable:
            _sync_content(unfinished)
        made = sorted(unfinished.iterdir())
        for each in made:
            _check_replaceable(path.with_name(each.name), (None, kind(each)))
        for each in made:
            if path.with_name(each.name).is_dir():
                shutil.rmtree(path.with_name(each.name))
            os.replace(each, path.with_name(each.name))
        if durable:
            _sync(path.parent)
    finally:
        _remove(unfinished)


def _check_replaceable(path, replaceable):
    found = kind(path)
    if found not in replaceable:
        raise FileExistsError(
            f"Files replace files only, and folders only folders. Received: {path}, which is {found}. Remove it, or "
            "choose another path."
        )


def remove_unfinished(folder: str | os.PathLike[str], pattern: str) -> None:
    """Removes what killed processes left of files and folders whose names match a pattern, such as `"*.checkpoint"`.

    No other process may be writing them at the same time.
    """
    for path in pathlib.Path(folder).glob(f".[0-9]*.{pattern}"):
        _remove(path)


def _sync_content(path):
    """Syncs a file, or a folder with everything in it."""
    for folder, _, names in os.walk(path):
        for name in names:
            _sync(os.path.join(folder, name))
        _sync(folder)
    if not path.is_dir():
        _sync(path)


def _sync(path):
    """Makes a file's content, or the names in a folder, last through a power cut. Windows cannot do so for folders."""
    if os.name == "nt" and os.path.isdir(path):
        return
    descriptor = os.open(path, os.O_RDWR if os.path.isfile(path) else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path):
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def wav_bytes(sound: Any, rate: int) -> bytes:
    """Returns a sound as the content of a WAV file of 16 bits.

    Args:
        sound: floats (length, channels) in [-1, 1]; values outside are clipped.
        rate: samples a second.
    """
    values = np.round(np.clip(np.nan_to_num(np.asarray(sound, "float64")), -1.0, 1.0) * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(values.tobytes())
    return content.getvalue()
