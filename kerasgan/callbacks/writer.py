"""Where the callbacks write: TensorBoard's event files, and PNG files beside them."""

import contextlib
import pathlib
import warnings

import keras
import numpy as np

from kerasgan import pictures
from kerasgan.backend import engine


class SummaryWriter:
    """Writes images and scalars for TensorBoard, in a folder of its own.

    The event file is opened by the first thing written, once, and again by the first thing written after `close`:
    TensorBoard reads the files of a folder one after another, so a folder must have one writer at a time.

    Args:
        folder: where the event files go; made when the first is opened.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._writer = None

    def image(self, name, picture, step):
        """Writes a picture, uint8 (height, width, 1 or 3), as the image `name` of training step `step`."""
        self._opened().image(name, picture, step)

    def scalar(self, name, value, step):
        """Writes a number as the scalar `name` of training step `step`."""
        self._opened().scalar(name, value, step)

    def flush(self):
        """Makes everything written so far readable."""
        if self._writer is not None:
            self._writer.flush()

    def close(self):
        """Closes the event file, if one is open."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self):
        if self._writer is None:
            self._writer = engine.EventFile(self.folder)
        return self._writer


class PictureLog:
    """Keeps pictures of a run twice: for TensorBoard, and as PNG files for anyone.

    Args:
        folder: where both go.
    """

    def __init__(self, folder):
        self._writer = SummaryWriter(folder)

    def write(self, name, picture, step, file_name=None):
        """Writes a picture, uint8 (height, width, 1 or 3), and flushes. Where that fails, a warning says so.

        Args:
            name: its tag in TensorBoard.
            picture: the picture.
            step: the training step it belongs to.
            file_name: of the PNG; `None` for `<name>-<step, eight digits>.png`, which sorts by step.
        """
        path = self._writer.folder / (file_name or f"{name}-{step:08d}.png")
        with failures_told(path):
            pictures.save_png(path, picture)
        with failures_told(self._writer.folder):
            self._writer.image(name, picture, step)
            self._writer.flush()

    def close(self):
        """Closes the event file; the next `write` opens another."""
        with failures_told(self._writer.folder):
            self._writer.close()


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's TensorBoard, for which a full disk is no reason to end a training.

    Where it writes after epochs only, Keras's own offers the logs of every batch to no writer, which keeps some 5 kB of
    memory each time; this one does not. On JAX it needs no TensorFlow, and writes no histograms.
    """

    @property
    def summary(self):
        if self._summary_module is None:
            self._summary_module = engine.summaries()
        return self._summary_module

    def on_train_batch_end(self, batch, logs=None):
        with failures_told(self.log_dir):
            super().on_train_batch_end(batch, None if self.update_freq == "epoch" else logs)

    def on_epoch_end(self, epoch, logs=None):
        with failures_told(self.log_dir):
            super().on_epoch_end(epoch, logs)

    def on_train_end(self, logs=None):
        with failures_told(self.log_dir):
            super().on_train_end(logs)


@contextlib.contextmanager
def failures_told(path):
    """Makes a warning of a write that fails: a full disk, or a folder that is gone, is no reason to end a training."""
    try:
        yield
    except engine.WRITE_ERRORS as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0][:200]
        warnings.warn(f"{path} could not be written: {reason}. Training goes on.", stacklevel=3)


def training_step(model):
    """Returns how many generator steps a GAN has taken: saved with it, so it goes on where a fit or a run ended."""
    return int(model.g_optimizer.iterations.numpy())


def whole_number(name, value, least):
    """Returns `value` if it is a whole number that is large enough.

    Raises:
        ValueError: if it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}. Received: {name}={value!r}.")
    return int(value)
