"""TensorBoard's event files without TensorFlow, written by TensorBoard's own modules.

Where TensorBoard is not installed, nothing is written, with one warning.
"""

import contextlib
import functools
import importlib.util
import io
import os
import pathlib
import socket
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from kerasgan.files import wav_bytes

_FLOAT, _STRING = 1, 7  # of TensorBoard's enumeration of dtypes


def summaries() -> "Summaries":
    """Returns what Keras's TensorBoard callback uses in place of `tf.summary`."""
    return Summaries()


@functools.cache
def is_installed() -> bool:
    """Returns whether TensorBoard is installed. Where it is not, warns once that its files are not written."""
    if importlib.util.find_spec("tensorboard") is not None:
        return True
    warnings.warn(
        "Files for TensorBoard are written by its own modules. Received: no package tensorboard, so that none are "
        "written. history.csv and the pictures have the curves and samples of a run; for the rest: pip install "
        "tensorboard",
        stacklevel=3,
    )
    return False


class EventFile:
    """An event file of scalars, pictures and sounds, each written at once; a disk that is full raises OSError.

    Args:
        folder: the folder of the file; made if it is not there.
    """

    def __init__(self, folder: str | os.PathLike[str]):
        self._file = None
        if not is_installed():
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        moment = time.time_ns()
        name = f"events.out.tfevents.{moment // 10**9:010d}.{socket.gethostname()}.{os.getpid()}.{moment}.v2"
        self._file = RecordWriter(open(os.path.join(folder, name), "wb"))
        self._event = Event
        self._file.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        self.flush()

    def scalar(self, name: str, value: Any, step: int) -> None:
        """Writes a number as the scalar `name` of a step."""
        if self._file is None:
            return
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.scalar import metadata

        tensor = TensorProto(dtype=_FLOAT, float_val=[float(value)], tensor_shape={})
        self._write(name, tensor, metadata.create_summary_metadata(display_name=None, description=None), step)

    def image(self, name: str, picture: np.ndarray, step: int) -> None:
        """Writes a picture, uint8 (height, width, 1 or 3), as the image `name` of a step."""
        if self._file is None:
            return
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.image import metadata

        picture = np.asarray(picture)
        height, width, channels = picture.shape
        png = io.BytesIO()
        Image.fromarray(picture[:, :, 0] if channels == 1 else picture).save(png, format="png")
        strings = [str(width).encode(), str(height).encode(), png.getvalue()]
        shape = {"dim": [{"size": len(strings)}]}
        tensor = TensorProto(dtype=_STRING, string_val=strings, tensor_shape=shape)
        self._write(name, tensor, metadata.create_summary_metadata(display_name=None, description=None), step)

    def audio(self, name: str, sounds: np.ndarray, rate: int, step: int) -> None:
        """Writes sounds, float (n, length, channels) in [-1, 1], as the audio `name` of a step."""
        if self._file is None:
            return
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.plugins.audio import metadata

        # TensorBoard's form: for each sound its WAV file and a label, which is empty.
        strings = [part for each in sounds for part in (wav_bytes(each, rate), b"")]
        shape = {"dim": [{"size": len(sounds)}, {"size": 2}]}
        tensor = TensorProto(dtype=_STRING, string_val=strings, tensor_shape=shape)
        encoding = metadata.Encoding.Value("WAV")
        described = metadata.create_summary_metadata(display_name=None, description=None, encoding=encoding)
        self._write(name, tensor, described, step)

    def flush(self) -> None:
        """Makes everything written so far readable."""
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()

    def _write(self, name, tensor, metadata, step):
        value = {"tag": name, "tensor": tensor, "metadata": metadata}
        event = self._event(wall_time=time.time(), step=int(step), summary={"value": [value]})
        self._file.write(event.SerializeToString())


class Summaries:
    """The functions of the module `tf.summary` that Keras's TensorBoard callback uses.

    Attributes:
        default: the writer to which scalars go, or None.
    """

    def __init__(self):
        self.default: Any = None
        self._records = True

    def create_file_writer(self, folder: Any) -> Any:
        """Returns a writer to a folder; the file is made by the first scalar."""
        return _Writer(self, folder)

    @contextlib.contextmanager
    def record_if(self, condition: Any) -> Iterator[None]:
        """Writes nothing within, unless `condition()` holds."""
        before, self._records = self._records, condition()
        try:
            yield
        finally:
            self._records = before

    def scalar(self, name: str, value: Any, step: int) -> None:
        """Writes a number as the scalar `name` of a step."""
        if self.default is not None and self._records:
            self.default.opened().scalar(name, np.asarray(value), step)

    def histogram(self, name: str, data: Any, step: int) -> None:
        """Refuses, as there is none without TensorFlow."""
        raise ValueError(
            f"Histograms of weights are written by TensorFlow. Received: histogram_freq above 0 for {name!r} on "
            "another engine. Leave histogram_freq out."
        )


class _Writer:
    def __init__(self, summaries, folder):
        self._summaries, self._folder, self._file = summaries, folder, None

    def opened(self):
        if self._file is None:
            self._file = EventFile(self._folder)
        return self._file

    @contextlib.contextmanager
    def as_default(self, step=None):
        before, self._summaries.default = self._summaries.default, self
        try:
            yield
        finally:
            self._summaries.default = before

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
