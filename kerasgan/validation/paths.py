"""Paths that TensorFlow can write to, and those from which it loads."""

import os
import pathlib
import re


def is_loadable(folder: str | os.PathLike[str]) -> bool:
    """Returns whether TensorFlow finds a SavedModel in a folder of that path, which it takes for a pattern.

    The patterns `*` and `?` match themselves; brackets and the backslash, which escapes, do not.

    Example:
        >>> is_loadable("runs [old]/saved_model"), is_loadable("runs (old)/saved_model")
        (False, True)
    """
    return re.search(r"\[.+\]|\\", pathlib.Path(folder).as_posix(), re.DOTALL) is None


def check_utf8(name: str, path: str | os.PathLike[str]) -> None:
    """Checks that a path can be written in UTF-8, as TensorFlow needs it.

    Raises:
        ValueError: if it cannot, because it holds bytes of another encoding.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"TensorFlow writes only to paths in UTF-8. Received: {name}={os.fspath(path)!r}. Choose another name, or "
            "write into another folder and move it."
        ) from None
