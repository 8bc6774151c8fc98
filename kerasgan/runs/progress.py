"""What a command is doing while it is silent."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Mapping

import keras

EVERY_SECONDS = 20.0


@contextlib.contextmanager
def saying(what: str, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
    """Prints a line at regular intervals while the block runs: `Still loading the photos: 40 s`.

    A short block prints nothing. The lines go to standard error, so that they do not mix with a command's results.

    Args:
        what: what is done, after the word "Still".
        every_seconds: seconds between two lines.
    """
    began, done = time.perf_counter(), threading.Event()

    def talk():
        while not done.wait(every_seconds):
            print(f"Still {what}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


class Compiling(keras.callbacks.Callback):
    """Says, where it takes long, that the first training step is compiled."""

    def __init__(self):
        super().__init__()
        self._saying = contextlib.ExitStack()

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._saying.enter_context(saying("compiling the training step"))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._saying.close()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._saying.close()
