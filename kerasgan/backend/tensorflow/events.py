"""Event files of TensorBoard, written by TensorFlow."""

import os
from typing import Any

import numpy as np
import tensorflow as tf


def summaries() -> Any:
    """Returns what Keras's TensorBoard callback writes with: the module `tf.summary`."""
    return tf.summary


class EventFile:
    """An event file of scalars, pictures and sounds.

    Args:
        folder: the folder of the file; made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self._writer = tf.summary.create_file_writer(str(folder))

    def scalar(self, name: str, value: float, step: int) -> None:
        """Writes a number as the scalar `name` of a step."""
        with self._writer.as_default():
            tf.summary.scalar(name, value, step=step)

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, uint8 (height, width, 1 or 3), as the image `name` of a step."""
        with self._writer.as_default():
            tf.summary.image(name, np.asarray(picture)[None], step=step)

    def audio(self, name: str, sounds: np.ndarray, rate: int, step: int) -> None:
        """Writes sounds, float (n, length, channels) in [-1, 1], as the audio `name` of a step."""
        with self._writer.as_default():
            sounds = np.clip(np.asarray(sounds, "float32"), -1.0, 1.0)
            tf.summary.audio(name, sounds, rate, step=step, max_outputs=len(sounds), encoding="wav")

    def flush(self) -> None:
        """Makes everything written so far readable."""
        self._writer.flush()

    def close(self) -> None:
        """Closes the file."""
        self._writer.close()
