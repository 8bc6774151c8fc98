"""Files and folders that are written whole or not at all."""

import contextlib
import os
import pathlib
import shutil
from collections.abc import Iterator


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str], durable: bool = True) -> Iterator[pathlib.Path]:
    """Gives a hidden path in the same folder to write to, and renames it to `path` at the end.

    What is written may be a file or a folder; it replaces what stood there. A reader never sees a part of it. If the
    writing fails, or the process is killed, what stood there still stands; only a kill leaves the hidden file, for
    `remove_unfinished`.

    Args:
        path: where the file or folder goes, in a folder that exists.
        durable: True syncs it to the disk first, so that it also survives a power cut; False is faster.

    Yields:
        The hidden path, with the same suffix.

    Raises:
        OSError: if it cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "settings.json"
        >>> with written_whole(path) as unfinished:
        ...     _ = unfinished.write_text("{}")
        >>> path.read_text()
        '{}'
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{os.getpid()}.{path.name}")
    _remove(unfinished)  # of a killed process that had the same number, as happens in containers
    try:
        yield unfinished
        if durable:
            _sync_content(unfinished)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # a folder cannot be renamed onto one that is not empty
        os.replace(unfinished, path)
        if durable:
            _sync(path.parent)
    finally:
        _remove(unfinished)


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
