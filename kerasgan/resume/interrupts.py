"""Ctrl-C and SIGTERM while training: the first stops after a checkpoint, the second at once."""

import contextlib
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTE = b"\nStopping after this step, with a checkpoint. Once more stops at once.\n"


class Stopped(KeyboardInterrupt):
    """Training was stopped by a signal, between two steps.

    Args:
        signal_number: the signal.
        checkpoint: path of the checkpoint that was written, or None if that failed.

    Attributes:
        signal_number, checkpoint: the arguments.
    """

    def __init__(self, signal_number: int, checkpoint: pathlib.Path | None) -> None:
        super().__init__(f"stopped by signal {int(signal_number)}; checkpoint: {checkpoint}")
        self.signal_number: int = int(signal_number)
        self.checkpoint: pathlib.Path | None = checkpoint

    @property
    def exit_code(self) -> int:
        """128 plus the signal, as in a shell: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal_number


@contextlib.contextmanager
def deferred(request: Callable[[int], None]) -> Iterator[None]:
    """A context in which the first Ctrl-C or SIGTERM calls `request(signal_number)`; a second kills the process.

    Signals that are ignored already, as under `nohup`, stay ignored. Outside of the main thread, where Python allows no
    handlers, nothing changes.
    """
    previous = {}

    def handle(number, frame):
        for each in previous:
            signal.signal(each, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.write(2, NOTE)  # not print: it may be what was interrupted
        request(number)

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                previous[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
