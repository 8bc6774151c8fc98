"""The lines of a guard: in Python's `logging`, and in a file that does not repeat what a killed process has written."""

import logging
import os
import pathlib

from .writer import warn_of_write_errors

_log = logging.getLogger("kerasgan.callbacks.guard")


class GuardLog:
    """Writes lines to `logging`, as warnings, and to `guard.log`.

    A training that is resumed goes through some steps again. Lines that stand in the file from the first time are then
    not repeated, as long as the same lines come.

    Args:
        folder: where `guard.log` goes; None for no file.
    """

    def __init__(self, folder: str | os.PathLike[str] | None):
        self._path = None if folder is None else pathlib.Path(folder) / "guard.log"
        self._ahead: list[bytes] = []  # lines in the file that this training has yet to come to

    @property
    def position(self) -> int:
        """How many bytes of the file are lines up to now."""
        if self._path is None or not self._path.is_file():
            return 0
        return max(0, self._path.stat().st_size - sum(map(len, self._ahead)))

    def begin_at(self, position: int | None) -> None:
        """Begins at a position in the file; None for its end. What follows are lines of a training that was killed."""
        self._ahead = []
        if position is None or self._path is None or not self._path.is_file():
            return
        with warn_of_write_errors(self._path):
            content = self._path.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole < len(content):  # the process was killed within a line
                os.truncate(self._path, whole)
            self._ahead = content[position:whole].splitlines(keepends=True)

    def write(self, line: str) -> None:
        """Writes one line. If the file cannot be written, it warns."""
        _log.warning("guard: %s", line)
        if self._path is None:
            return
        content = f"{line}\n".encode()
        if self._ahead and self._ahead[0] == content:
            del self._ahead[0]
            return
        self._ahead = []
        with warn_of_write_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab") as file:
                file.write(content)
