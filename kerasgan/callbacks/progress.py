"""How fast training is, and how long it will still take."""

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import keras

FIRST_SECONDS = 3.0
"""Seconds of steps that are measured before the first estimate."""


class Progress(keras.callbacks.Callback):
    """Prints the speed and the time left: soon after the start, and then at regular intervals.

    ```
    12 steps/s, about 4 minutes left
    epoch 3 of 12, step 140 of 560: loss 1.98; 12 steps/s, about 3 minutes left
    ```

    The first line comes after the first steps, whose compilation is not counted. In a log file, where Keras's
    progress bar (`verbose=1`) would be unreadable, a line follows at least every `every_seconds` while an epoch runs.
    In a terminal the progress bar shows this, and only the first line is printed. Training is the same without this
    callback.

    Args:
        every_seconds: seconds between two lines within an epoch; None prints only the first line.
        file: where the lines go; None for standard output.

    Raises:
        ValueError: if `every_seconds` is not positive.

    Example:
        >>> import numpy as np
        >>> import kerasgan
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> progress = kerasgan.callbacks.Progress(every_seconds=10.0)
        >>> history = gan.fit(np.zeros((8, 8, 8, 1), "float32"), callbacks=[progress], verbose=0)
    """

    def __init__(self, every_seconds: float | None = 30.0, file: TextIO | None = None):
        super().__init__()
        if every_seconds is not None and not every_seconds > 0:
            raise ValueError(
                f"every_seconds must be positive, or None for the first line alone. Received: "
                f"every_seconds={every_seconds!r}."
            )
        self.every_seconds: float | None = every_seconds
        self.file: TextIO | None = file
        self._epoch, self._steps, self._earlier_steps = 0, 0, 0  # steps of this fit, and of its earlier epochs
        self._started: tuple[float, int] | None = None  # when the first call ended, and the steps then
        self._said_at: float | None = None  # None before the first estimate

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._started = self._said_at = None
        self._steps = self._earlier_steps = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._epoch, self._earlier_steps = epoch, self._steps

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        now = time.perf_counter()
        self._steps = self._earlier_steps + batch + 1
        if self._started is None:
            self._started = now, self._steps
        elif self._said_at is None:
            if now - self._started[0] >= FIRST_SECONDS:
                self._say(self._estimate(now, batch), now)
        elif self.every_seconds is not None and now - self._said_at >= self.every_seconds:
            total = self.params.get("steps")
            where = f"epoch {self._epoch + 1} of {self.params['epochs']}, step {batch + 1:,}"
            where += "" if total is None else f" of {total:,}"
            self._say(f"{where}: {_losses(logs)}{self._estimate(now, batch)}", now)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if self._said_at is not None:
            self._said_at = time.perf_counter()  # Keras prints the epoch

    def _estimate(self, now: float, batch: int) -> str:
        since, first = self._started
        speed = (self._steps - first) / (now - since)
        text = f"{speed:,.3g} steps/s" if speed < 1000 else f"{speed:,.0f} steps/s"
        total = self.params.get("steps")
        if total is None or speed == 0:
            return text
        left = total * (self.params["epochs"] - self._epoch) - (batch + 1)
        return f"{text}, {duration(left / speed)} left"

    def _say(self, line: str, now: float):
        print(line, file=self.file or sys.stdout, flush=True)
        self._said_at = now


def duration(seconds: float) -> str:
    """Returns a length of time in words: "about 4 minutes".

    Example:
        >>> duration(250.0)
        'about 4 minutes'
    """
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 1.5 * length:
            count = round(seconds / length, 1) if seconds < 10 * length and length >= 3_600 else round(seconds / length)
            return f"about {count:g} {unit}s"
    return f"about {max(1, round(seconds))} second{'s' * (round(seconds) > 1)}"


def _losses(logs: Mapping[str, Any] | None) -> str:
    shown = [f"{name} {float(logs[name]):.3g}" for name in ("loss", "d_loss", "g_loss") if name in (logs or {})]
    return ", ".join(shown) + "; " if shown else ""
