"""What the command line does to standard output and standard error while a command runs."""

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

from .text import one_line


class _Stream:
    """A standard stream that is dropped, in silence, once nobody reads it, as in `kerasgan train | head -1`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self):
        """Leads the stream's descriptor to nowhere: what is buffered goes there, too, now and when Python ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printing_anything() -> Iterator[None]:
    """Makes printing go on when a pipe is closed, and for names that the terminal's encoding does not have."""
    streams = sys.stdout, sys.stderr
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = map(_Stream, streams)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = streams


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Hides TensorFlow's notes on its build, written to standard error during its import, which no setting hides.

    And has TensorFlow use oneDNN on every processor: by itself it does so on those with VNNI, AVX512-BF16 or AMX.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:  # which reads it when it is imported
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def short_warnings() -> Iterator[None]:
    """Makes a warning one line without a place in the code, as for a user of a command, and shows each one once.

    A run reads its data several times, and would say each time what is left out of them.
    """
    usual, usual_format, shown = warnings.showwarning, warnings.formatwarning, set()

    def show_once(message, *arguments, **options):
        if str(message) not in shown:
            shown.add(str(message))
            usual(message, *arguments, **options)

    warnings.showwarning, warnings.formatwarning = show_once, _format_warning
    try:
        yield
    finally:
        warnings.showwarning, warnings.formatwarning = usual, usual_format


def _format_warning(message, category, filename, lineno, line=None):
    return f"kerasgan: warning: {one_line(message)}\n"
