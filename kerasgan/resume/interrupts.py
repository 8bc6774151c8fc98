"""Ctrl-C and SIGTERM while training: the first is a request, the second an end."""

import contextlib
import os
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)
NOTE = b"\nStopping after this step, with a checkpoint. Once more stops at once.\n"


class Stopped(KeyboardInterrupt):
    """Training has been stopped as asked for, between two steps.

    Args:
        signal_number: the signal that asked for it.
        checkpoint: path of the checkpoint that was written for it, or None where that failed.
    """

    def __init__(self, signal_number, checkpoint):
        super().__init__(f"stopped by signal {int(signal_number)}; checkpoint: {checkpoint}")
        self.signal_number = int(signal_number)
        self.checkpoint = checkpoint

    @property
    def exit_code(self):
        """128 plus the signal, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal_number


@contextlib.contextmanager
def deferred(request):
    """Within it, the first Ctrl-C or SIGTERM calls `request(signal_number)`; a second one ends the process at once.

    Signals that are ignored already, as under `nohup`, stay ignored. Outside the main thread, where Python allows no
    handlers, nothing changes.
    """
    previous = {}

    def handle(number, frame):
        for each in previous:
            signal.signal(each, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            os.write(2, NOTE)  # not print: it may be the very thing that was interrupted
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
