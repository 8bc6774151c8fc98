"""Where callbacks write: event files for TensorBoard, and PNG files."""

import contextlib
import os
import pathlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kerasgan import backend, pictures
from kerasgan.validation import paths

# Groups of tags. TensorBoard sorts them by name and opens the first two: these must be the losses and the samples.
LOSSES = "losses"
SAMPLES = "samples"
EVALUATION = "samples_evaluation"
TRAINING = "training"
DIAGNOSTICS = "training_diagnostics"

MOST_PICTURES = 20
"""Pictures of a kind in one fit, where nothing else is asked for."""


class SummaryWriter:
    """Writes images and scalars for TensorBoard, in a folder of its own.

    The event file is opened at the first write, and another at the first write after `close`. TensorBoard reads the
    files of a folder one after another, so a folder must have only one writer at a time.

    Args:
        folder: where the event files go; made when the first is opened.
    """

    def __init__(self, folder: str | os.PathLike):
        if backend.NAME == "tensorflow":
            paths.check_utf8("log_dir", folder)
        self.folder = pathlib.Path(folder)
        self._writer: backend.EventFile | None = None

    def image(self, tag: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, uint8 (height, width, 1 or 3), of a training step."""
        self._open().image(tag, picture, step)

    def audio(self, tag: str, sounds: np.ndarray, rate: int, step: int) -> None:
        """Writes sounds, float (n, length, channels) in [-1, 1], of a training step."""
        self._open().audio(tag, sounds, rate, step)

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Writes a number of a training step."""
        self._open().scalar(tag, value, step)

    def flush(self) -> None:
        """Makes everything written so far readable."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Closes the event file, if one is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self):
        if self._writer is None:
            self._writer = backend.EventFile(self.folder)
        return self._writer


class ScalarLog:
    """Writes numbers for TensorBoard, all in one group of tags. If that fails, it warns.

    Args:
        folder: where the event files go; None writes nothing.
        group: the first part of the tags.
    """

    def __init__(self, folder: str | os.PathLike | None, group: str):
        self._writer = None if folder is None else SummaryWriter(folder)
        self._group = group

    def write(self, values: Mapping[str, float], step: int) -> None:
        """Writes named numbers of a training step, and flushes."""
        if self._writer is not None:
            with warn_of_write_errors(self._writer.folder):
                for name, value in values.items():
                    self._writer.scalar(f"{self._group}/{name}", value, step)
                self._writer.flush()

    def close(self) -> None:
        """Closes the event file; the next `write` opens another."""
        if self._writer is not None:
            with warn_of_write_errors(self._writer.folder):
                self._writer.close()


class PictureLog:
    """Writes pictures twice: for TensorBoard, and as PNG files. If that fails, it warns.

    Args:
        folder: where both go.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder: pathlib.Path = pathlib.Path(folder)
        self._writer = SummaryWriter(folder)

    def write(self, name: str, picture: np.ndarray, step: int, file_name: str) -> None:
        """Writes a picture, uint8 (height, width, 1 or 3), of a training step, and flushes.

        Args:
            name: the tag in TensorBoard is `samples/<name>`.
            picture: the picture.
            step: the training step.
            file_name: name of the PNG file.
        """
        path = self.folder / file_name
        with warn_of_write_errors(path):
            pictures.save_png(path, picture)
        with warn_of_write_errors(self.folder):
            self._writer.image(f"{SAMPLES}/{name}", picture, step)
            self._writer.flush()

    def write_audio(self, name: str, sounds: np.ndarray, rate: int, step: int) -> None:
        """Writes sounds, float (n, length, channels) in [-1, 1], for TensorBoard's audio tab, and flushes."""
        with warn_of_write_errors(self.folder):
            self._writer.audio(f"{SAMPLES}/{name}", sounds, rate, step)
            self._writer.flush()

    def close(self) -> None:
        """Closes the event file; the next `write` opens another."""
        with warn_of_write_errors(self._writer.folder):
            self._writer.close()


def is_due(epoch: int, epochs: int, every_epochs: int | None) -> bool:
    """Returns whether a picture is drawn after an epoch, counted from 0, of a fit of so many.

    With `every_epochs=None` there are at most `MOST_PICTURES` in a fit, evenly spread, the first and the last epoch
    among them.
    """
    if every_epochs is not None:
        return (epoch + 1) % every_epochs == 0
    return epoch in np.linspace(0, epochs - 1, min(epochs, MOST_PICTURES)).round()


@contextlib.contextmanager
def warn_of_write_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turns the error of a failed write into a warning: training does not end because a disk is full."""
    try:
        yield
    except backend.WRITE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0][:200]
        warnings.warn(f"{path} could not be written: {reason}. Training goes on.", stacklevel=3)


def training_step(model: Any) -> int:
    """Returns the number of generator updates of a GAN. It is saved with the model, and goes on after loading."""
    return int(model.g_optimizer.iterations.numpy())
