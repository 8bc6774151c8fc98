"""Some images of the data of a `fit`, for measures at the end of epochs. Training is the same without them."""

import dataclasses
import functools
import itertools
import math
import sys
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from .batches import Batches

MAX_IMAGES = 1000
MAX_BYTES = 2**28
_RUNS, _PASSES = 16, 8

Arrays = tuple[np.ndarray, np.ndarray | None]
"""Images, float32 (n, ...) in [-1, 1], and their conditions, int32 labels (n,) or float32 (n, ...), or None."""


class Sample:
    """Up to `MAX_IMAGES` images of some data, of at most `MAX_BYTES` together: always the same ones.

    Args:
        read: a function that returns the `Arrays`, or None where they are not known (yet).
        mirrored: whether training mirrors some of the images.

    Attributes:
        mirrored: the argument.
    """

    def __init__(self, read: Callable[[], Arrays | None], mirrored: bool = False):
        self.mirrored: bool = mirrored
        self._read, self._arrays = read, None

    def arrays(self) -> Arrays | None:
        """Returns the images and their labels, or None where the data have not shown enough of them yet."""
        if self._arrays is None:
            self._arrays = self._read()
        return self._arrays


@dataclasses.dataclass(frozen=True)
class Samples:
    """The samples of a `fit`.

    Attributes:
        training: of the training images; None for data of other kinds than `watch` knows, such as generators.
        held_out: of the validation images; None without any, or for such data.
    """

    training: Sample | None = None
    held_out: Sample | None = None


def watch(x: Any, y: Any, validation_data: Any, validation_split: float) -> tuple[Any, Any, Samples]:
    """Returns `x` and `validation_data`, which may have been wrapped, and the `Samples` of both.

    Arrays and `Batches` are read by themselves: an array in a random order, `Batches` from several places in epoch 0,
    without mirroring. A function that was mapped over `Batches` is called for these images, too. Of a `tf.data.Dataset`
    and a `keras.utils.PyDataset` the first images that the epochs read are kept: reading them apart would change the
    order of a shuffled dataset, and lose data that come only once.

    Args:
        x, y, validation_data, validation_split: the arguments of `fit`.
    """
    x, training = sampled(x, y, 0.0, 1.0 - validation_split)
    if validation_data is None:
        held_out = sampled(x, y, 1.0 - validation_split, 1.0)[1] if validation_split else None
        return x, None, Samples(training, held_out)
    validation_data, held_out = sampled(validation_data)
    return x, validation_data, Samples(training, held_out)


def sampled(x: Any, y: Any = None, begin: float = 0.0, end: float = 1.0) -> tuple[Any, Sample | None]:
    """Returns data, which may have been wrapped, and a `Sample` of them, or None.

    Args:
        x: data as `fit` takes them, or a pair (images, labels) of arrays.
        y: the labels of an array, or None.
        begin, end: the part of an array that is meant.
    """
    tf = sys.modules.get("tensorflow")
    images, labels = x if isinstance(x, tuple | list) and len(x) == 2 and y is None else (x, y)
    if isinstance(x, Batches):
        return x, Sample(functools.partial(_of_batches, x), mirrored=x.source.flip)
    if tf is not None and isinstance(x, tf.data.Dataset):
        return _watched_dataset(x, tf)
    if isinstance(x, keras.utils.PyDataset):
        kept = Kept()
        return _WatchedPyDataset(x, kept), Sample(kept.arrays)
    if isinstance(images, np.ndarray) or keras.ops.is_tensor(images) or (tf is not None and tf.is_tensor(images)):
        return x, Sample(functools.partial(_of_array, images, labels, begin, end))
    return x, None


class Kept:
    """The first batches of some data, as they are read.

    Attributes:
        batches: dict of the number of a batch to its images and labels.
    """

    def __init__(self):
        self.batches: dict[int, Arrays] = {}
        self._limit = None

    def keep(self, images: Any, labels: Any = None, number: int | None = None) -> None:
        """Keeps a batch, if it is one of the first; `number` says which it is, and is counted where it is None."""
        if self._limit is None:
            self._limit = math.ceil(_num_images(images.shape[1:]) / max(len(images), 1))
        number = len(self.batches) if number is None else number
        if number < self._limit and number not in self.batches:
            self.batches[number] = _arrays(images, labels)

    def arrays(self) -> Arrays | None:
        """Returns all that was kept together, or None for nothing."""
        return _joined([self.batches[number] for number in sorted(self.batches)])


class WrappedPyDataset(keras.utils.PyDataset):
    """A base class for the batches of another `PyDataset`; `__getitem__` is to be written.

    Attributes:
        batches: the other `PyDataset`.
    """

    def __init__(self, batches: keras.utils.PyDataset):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches: keras.utils.PyDataset = batches

    @property
    def num_batches(self) -> int | None:
        return self.batches.num_batches

    def on_epoch_begin(self) -> None:
        self.batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.batches.on_epoch_end()


class _WatchedPyDataset(WrappedPyDataset):
    """The batches of another `PyDataset`, the first of which are kept."""

    def __init__(self, batches, kept):
        super().__init__(batches)
        self.kept = kept

    def __getitem__(self, index):
        batch = self.batches[index]
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        if hasattr(images, "shape"):
            self.kept.keep(np.asarray(images), labels, index)
        return batch


def _watched_dataset(dataset, tf):
    from kerasgan.backend.tensorflow import data

    parts = dataset.element_spec if isinstance(dataset.element_spec, tuple) else (dataset.element_spec,)
    if len(parts) > 2 or not all(isinstance(part, tf.TensorSpec) for part in parts):
        return dataset, None  # `fit` refuses it
    kept = Kept()
    batch, *shape = parts[0].shape if parts[0].shape.rank else (None,)
    known = batch is not None and None not in shape
    most = math.ceil(_num_images(shape) / max(batch, 1)) if known else MAX_IMAGES
    return data.watched(dataset, kept.keep, most), Sample(kept.arrays)


def _of_array(images, labels, begin, end):
    """Images at random places of a part of an array; Keras splits it in the same way."""
    first, last = math.floor(len(images) * begin), math.floor(len(images) * end)
    chosen = np.random.default_rng(0).permutation(last - first)[: _num_images(images.shape[1:])]
    chosen = first + np.sort(chosen)
    labels = None if labels is None else np.asarray(labels)[chosen]
    return _arrays(np.asarray(images)[chosen], labels) if len(chosen) else None


def _of_batches(batches):
    """Images of batches from several places of the first pass, as they are without mirroring."""
    plain = dataclasses.replace(batches, source=batches.source.unaugmented(), skip_batches=0, rows=None)
    found, number = min(len(plain), plain.source.batches_per_pass), _num_images(plain.image_shape)
    plain, wanted = plain.with_epochs_of(found), math.ceil(number / plain.batch_size)
    if wanted >= found:
        return _different((each for epoch in range(_PASSES) for each in plain.epoch(epoch)), number)
    runs = min(_RUNS, wanted)
    length = math.ceil(wanted / runs)
    starts = np.linspace(0, found - length, runs).astype(int)
    read = (each for start in starts for each in itertools.islice(plain.epoch(0, int(start)), length))
    return _spread(_different(read, runs * length * plain.batch_size), number)


def _spread(arrays, number):
    """Returns so many of the images, evenly spread, so that those of the last run are among them."""
    images, labels = arrays
    chosen = np.linspace(0, len(images) - 1, min(number, len(images))).astype(int)
    return images[chosen], None if labels is None else labels[chosen]


def _different(batches, number):
    """Returns the first different images of batches: each pass leaves out others, which do not fill a batch."""
    found, parts, known = 0, [], set()
    for images, labels in (_arrays(*_parts(batch)) for batch in batches):
        keys = [each.tobytes() for each in images]
        rows = [row for row, key in enumerate(keys) if key not in known and keys.index(key) == row][: number - found]
        known.update(keys)
        found += len(rows)
        parts.append((images[rows], None if labels is None else labels[rows]))
        if found >= number:
            break
    return _joined(parts)


def _parts(batch):
    return batch if isinstance(batch, tuple) else (batch,)


def _num_images(shape):
    """Returns how many images of a shape are taken."""
    return max(1, min(MAX_IMAGES, MAX_BYTES // (4 * math.prod(int(each) for each in shape))))


def _arrays(images, labels=None):
    images = np.asarray(images).astype("float32")
    if labels is None:
        return images, None
    labels = np.asarray(labels)
    return images, labels.astype("int32" if labels.dtype.kind in "iu" else "float32")


def _joined(parts):
    if not parts:
        return None
    images, labels = zip(*parts, strict=True)
    return np.concatenate(images), None if labels[0] is None else np.concatenate(labels)
