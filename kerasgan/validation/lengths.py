"""How many batches data have: data that never end are refused, data of unknown length are warned of when they go on."""

import math
import threading
import warnings
from collections.abc import Mapping
from typing import Any

import keras

NOTICE_SECONDS = 1800.0
"""Data of unknown length that have not ended after this time are warned of."""


def check_end(length: float | None, argument: str, steps: int | None) -> None:
    """Checks that an epoch, or an evaluation, comes to an end.

    Args:
        length: number of batches, `math.inf` for data that never end, None where it is not known.
        argument: name of the argument that bounds them, such as `"steps_per_epoch"`.
        steps: its value, or None.

    Raises:
        ValueError: if the data never end, and nothing bounds them.
    """
    if length == math.inf and steps is None:
        raise ValueError(
            f"Data that never end need a bound. Received: {argument}=None, with data that are repeated without end. "
            f"Pass {argument}=1000, for example, or repeat them a number of times: dataset.repeat(10)."
        )


class LengthNotice:
    """Warns, once, if data of unknown length have not ended after half an hour: they may never do so.

    It waits in a thread of its own, and costs the training nothing.

    Args:
        argument: name of the argument that bounds the data.
        is_open: whether nothing bounds them; False never warns.

    As a context it waits for what is done within.
    """

    def __init__(self, argument: str, is_open: bool = True) -> None:
        self.argument: str = argument
        self._timer: threading.Timer | None = None
        self._is_open = is_open

    def __enter__(self) -> "LengthNotice":
        self.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Begins to wait, at the first call; later ones do nothing."""
        if self._is_open:
            self._is_open = False
            self._timer = threading.Timer(NOTICE_SECONDS, self._warn)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Ends the waiting: the data have ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _warn(self):
        warnings.warn(
            f"The data have not ended after {NOTICE_SECONDS / 60:.3g} minutes, and their length is not known. If they "
            f"never end, neither does this epoch or evaluation: pass {self.argument}=1000, for example.",
            stacklevel=2,
        )


class Notices(keras.callbacks.Callback):
    """Waits for the end of the training data in the first epoch, and for that of the first validation."""

    def __init__(self, training: LengthNotice, validation: LengthNotice) -> None:
        super().__init__()
        self.training: LengthNotice = training
        self.validation: LengthNotice = validation

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.training.start()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.training.stop()

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.training.stop()  # validation begins when the training data of the epoch have ended
        self.validation.start()

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.validation.stop()
