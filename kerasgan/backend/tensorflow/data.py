"""Data through tf.data: any batch of some arrays, by its number."""

import abc
import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kerasgan.backend.epoch_facts import EpochFacts
from kerasgan.validation import images as image_checks

PARALLEL_CALLS = 2
PREFETCH_BATCHES = 2
INT64 = tf.TensorSpec((), tf.int64)
plain: Callable[[Callable[..., Any]], Callable[..., Any]] = tf.autograph.experimental.do_not_convert
"""For functions mapped over a dataset: there is nothing in them to convert, and searching them takes half a second."""


def steady_options() -> tf.data.Options:
    """Returns the options of all pipelines: deterministic, without autotune, and as they are written.

    Autotune's thread sleeps for up to a minute at a time, and `fit` would wait for it when it drops the iterator.
    Rewriting a pipeline takes longer than all else that begins an epoch.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    options.experimental_optimization.apply_default_optimizations = False
    return options


class Epochs(abc.ABC):
    """Batches that follow from their number alone: what one and two arrays of images have in common.

    Attributes:
        batch_size: images in a batch.
        batches_per_pass: whole batches in a pass through the data.
        image_shape: shape of one image, or point, of a batch.
        condition_shape, condition_dtype, condition_range: shape of the condition of one image, the dtype of a batch of
            conditions, and bounds of their values; each None where batches are of images alone.
        flip: whether images are mirrored.
    """

    batch_size: int
    batches_per_pass: int
    image_shape: tuple[int, ...]
    condition_shape: tuple[int, ...] | None
    condition_dtype: str | None
    condition_range: tuple[float, float] | None
    flip: bool

    def pipeline(
        self,
        functions: Sequence[tuple[Callable[..., Any], bool]] = (),
        rows: Callable[[Any], Any] | None = None,
        is_kept: Callable[[Any], Any] | None = None,
        report: Callable[[float, float, int], None] | None = None,
    ) -> Callable[[int, int], tf.data.Dataset]:
        """Returns a function from the number of a first batch, and a count, to a dataset of so many batches.

        It is traced once, however many epochs there are: a dataset costs only its iterator.

        Args:
            functions: pairs (function, per_image) as for `Batches.map`, applied to each batch, the first first.
            rows: a function from values (batch, ...) to those of the rows that are read, or None for all.
            is_kept: a function from a batch's number, an int64 tensor, to whether it is one of those that are counted
                and returned; None for all.
            report: as for `with_report`, or None.
        """
        specs = []

        def build(first, count):
            dataset = self._dataset(first, count, functions, rows, is_kept)
            dataset = dataset if report is None else with_report(dataset, report)
            specs.append(dataset.element_spec)
            return tf.data.experimental.to_variant(dataset)

        traced = tf.function(build, input_signature=[INT64, INT64], autograph=False)

        def batches(first: int, count: int) -> tf.data.Dataset:
            with tf.device("CPU:0"):
                variant = traced(tf.constant(first, tf.int64), tf.constant(count, tf.int64))
                return tf.data.experimental.from_variant(variant, specs[-1]).with_options(steady_options())

        return batches

    def _dataset(self, first, count, functions, rows, is_kept):
        """The batches of a pipeline; `first` and `count` are tensors."""
        picks = self.picks_from(first)
        if is_kept is not None:
            numbered = picks.enumerate(first).filter(plain(lambda number, each: is_kept(number)))
            picks = numbered.map(plain(lambda number, each: each))
        picks = picks.take(count)
        if rows is not None:
            picks = picks.map(plain(lambda each: tf.nest.map_structure(rows, each)))
        in_parallel = list(itertools.takewhile(lambda pair: pair[1], functions))

        def batch_at(picked):
            batch = self.batch_at(picked)
            for function, _ in in_parallel:
                batch = _applied(function, batch)
            return batch

        dataset = picks.map(plain(batch_at), num_parallel_calls=PARALLEL_CALLS, deterministic=True)
        for function, _ in functions[len(in_parallel) :]:
            dataset = dataset.map(plain(tf.function(function)))  # one after another, since it may have a state
        return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(PREFETCH_BATCHES)

    @abc.abstractmethod
    def picks_from(self, first: Any) -> tf.data.Dataset:
        """Returns a dataset, without end, of the picks of each batch from number `first`, a tensor, on."""

    @abc.abstractmethod
    def batch_at(self, picked: Any) -> Any:
        """Returns the batch of some picks: images, or a pair of images and conditions."""


class ArrayEpochs(Epochs):
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of a pass is a pure function of the seed and of the number of the pass: no global seed, no shuffle buffer.

    Args:
        values, conditions, batch_size, shuffle, seed, flip, crop, condition_channels, value_range: as for
            `make_batches`.
        read: a function from indices, int64 (batch,), to those values, NumPy (batch, ...), where they are on disk; None
            where they are in memory.

    Attributes:
        flip, crop: the arguments.
        random_crops: whether crops are at other places in each pass, or all at the center.
    """

    def __init__(
        self,
        values: np.ndarray,
        conditions: np.ndarray | None,
        batch_size: int,
        *,
        read: Callable[[np.ndarray], np.ndarray] | None,
        shuffle: bool,
        seed: int,
        flip: bool,
        crop: tuple[int, int] | None = None,
        condition_channels: int | None = None,
        value_range: tuple[float, float] | None = None,
    ):
        self.batch_size: int = batch_size
        self.batches_per_pass: int = len(values) // batch_size
        facts = EpochFacts.of(values, conditions, crop, condition_channels)
        self.image_shape: tuple[int, ...] = facts.image_shape
        self.condition_shape: tuple[int, ...] | None = facts.condition_shape
        self.condition_dtype: str | None = facts.condition_dtype
        self.condition_range: tuple[float, float] | None = facts.condition_range
        self._num_images, self._sides = len(values), values.shape[1:3]
        self._shuffle, self._seed, self._split = shuffle, seed, facts.split
        self._value_range = value_range
        self.flip: bool = flip
        self.crop: tuple[int, int] | None = crop
        self.random_crops: bool = True
        with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
            self._images_at = _reader(values, read)
            self._conditions_at = None if conditions is None else _reader(conditions, None)

    def unaugmented(self) -> "ArrayEpochs":
        """Returns the same batches, without mirrored images, and cropped at the center."""
        plain = copy.copy(self)
        plain.flip, plain.random_crops = False, False
        return plain

    def picks_from(self, first: Any) -> tf.data.Dataset:
        """Returns a dataset of the picks of each batch: see `Epochs.picks_from`."""
        first_pass, skip = first // self.batches_per_pass, first % self.batches_per_pass
        passes = tf.data.Dataset.range(first_pass, np.iinfo(np.int64).max)
        return passes.map(plain(self._picks_of_pass)).unbatch().skip(skip)

    def _picks_of_pass(self, number):
        """A dict of the indices of a pass, int64 (batches, batch_size), of which images are mirrored, and of corners.

        `mirrored` is bool, and there with `flip`; `corners` is int64 (batches, batch_size, 2), and there with `crop`.
        """
        indices = tf.range(self._num_images, dtype="int64")
        if self._shuffle:
            indices = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([self._seed, number]))
        picks = {"indices": indices}
        # A negative number, since those of passes have given the order its random bits.
        seed = tf.stack([self._seed, -1 - number])
        if self.flip:
            picks["mirrored"] = tf.random.stateless_uniform(tf.shape(indices), seed, 0, 2, tf.int32) == 1
        if self.crop is not None:
            picks["corners"] = self._corners(tf.random.experimental.stateless_fold_in(seed, 1))
        return {name: self._in_batches(values) for name, values in picks.items()}

    def _corners(self, seed):
        """The top and the left of each image's crop, int64 (num_images, 2)."""
        rest = np.subtract(self._sides, self.crop)
        if not self.random_crops:
            return tf.broadcast_to(tf.constant(rest // 2, tf.int64), (self._num_images, 2))
        uniform = tf.random.stateless_uniform((self._num_images, 2), seed)
        return tf.minimum(tf.cast(uniform * tf.constant(rest + 1, tf.float32), tf.int64), rest)

    def _in_batches(self, values):
        shape = (self.batches_per_pass, self.batch_size)
        return tf.reshape(values[: shape[0] * shape[1]], (*shape, *values.shape[1:]))

    def batch_at(self, picked: dict[str, Any]) -> Any:
        """Returns the batch of some picks: see `Epochs.batch_at`."""
        images = self._augmented(self._images_at(picked["indices"]), picked)
        if self._split is not None:
            images, conditions = images[..., : self._split], images[..., self._split :]
        elif self._conditions_at is not None:
            conditions = self._conditions_at(picked["indices"])
            conditions = self._augmented(conditions, picked) if len(self.condition_shape) == 3 else conditions
        else:
            return _scaled(images, self._value_range)
        return _scaled(images, self._value_range), _scaled(conditions, self._split and self._value_range)

    def _augmented(self, batch, picked):
        """Images, mirrored and cropped as they were picked."""
        if "corners" in picked:
            batch = _cropped(batch, picked["corners"], self.crop)
        if "mirrored" not in picked:
            return batch
        # Ten times as fast as a slice with step -1 and `tf.where`.
        both, size = tf.concat([batch, tf.reverse(batch, axis=[2])], axis=0), batch.shape[0]
        return tf.gather(both, tf.range(size) + size * tf.cast(picked["mirrored"], "int32"))


class PairedEpochs(Epochs):
    """Batches of pairs of two data sets without pairs: each has its own order, and its own passes.

    A pass is as long as that of the larger one; the smaller one goes on with its next pass.

    Args:
        first, second: the `ArrayEpochs` of images alone, with batches of one size. The images of the second are the
            conditions of the batches.
    """

    def __init__(self, first: ArrayEpochs, second: ArrayEpochs):
        self.sides: tuple[ArrayEpochs, ArrayEpochs] = first, second
        self.batch_size: int = first.batch_size
        self.batches_per_pass: int = max(first.batches_per_pass, second.batches_per_pass)
        self.image_shape: tuple[int, ...] = first.image_shape
        self.condition_shape: tuple[int, ...] | None = second.image_shape
        self.condition_dtype: str | None = "float32"
        self.condition_range: tuple[float, float] | None = (-1.0, 1.0)
        self.flip: bool = first.flip or second.flip

    def unaugmented(self) -> "PairedEpochs":
        """Returns the same batches, without mirrored images, and cropped at the center."""
        return PairedEpochs(*(each.unaugmented() for each in self.sides))

    def picks_from(self, first: Any) -> tf.data.Dataset:
        """Returns a dataset of pairs of picks: see `Epochs.picks_from`."""
        pairs = tf.data.Dataset.zip(tuple(each.picks_from(first) for each in self.sides))
        return pairs.map(plain(lambda *pair: {"first": pair[0], "second": pair[1]}))

    def batch_at(self, picked: Any) -> Any:
        """Returns the pair of batches of some picks: see `Epochs.batch_at`."""
        return self.sides[0].batch_at(picked["first"]), self.sides[1].batch_at(picked["second"])


def watched(dataset: tf.data.Dataset, keep: Callable[..., Any], most: int) -> tf.data.Dataset:
    """Returns a dataset of batches as they are; those after the first few of an epoch cost nothing.

    Args:
        dataset: a dataset of batches.
        keep: gets each of the first batches, as NumPy arrays: images, and labels if there are any.
        most: how many batches `keep` gets in an epoch.
    """

    def kept(*arrays):
        keep(*arrays)
        return np.int64(0)

    @plain
    def watch(number, batch):
        parts, none = tf.nest.flatten(batch), tf.constant(0, tf.int64)
        first = tf.cond(number < most, lambda: tf.numpy_function(kept, parts, tf.int64), lambda: none)
        with tf.control_dependencies([first]):
            return tf.nest.map_structure(tf.identity, batch)

    return dataset.enumerate().map(watch)


def with_report(dataset: tf.data.Dataset, report: Callable[[float, float, int], None]) -> tf.data.Dataset:
    """Returns a dataset of batches as they are; those after the first few cost nothing.

    Args:
        dataset: a dataset of batches, of which the first, or only, part is images.
        report: is called with the least value, the greatest value and the number of images of each of the first
            `FIRST_BATCHES` batches of an epoch.
    """

    def called(*arguments):
        report(*arguments)
        return np.int64(0)

    def range_of(images):
        values = tf.cast(tf.reduce_min(images), tf.float32), tf.cast(tf.reduce_max(images), tf.float32)
        return tf.numpy_function(called, [*values, tf.shape(images)[0]], tf.int64)

    @plain
    def reported(number, batch):
        images, *others = tf.nest.flatten(batch)
        none = tf.constant(0, tf.int64)
        first = tf.cond(number < image_checks.FIRST_BATCHES, lambda: range_of(images), lambda: none)
        with tf.control_dependencies([first]):
            images = tf.identity(images)
        return tf.nest.pack_sequence_as(batch, [images, *others])

    return dataset.enumerate().map(reported)


def _applied(function, batch):
    """Returns what a user's function makes of a batch. It may branch as Python does: `tf.function` converts it."""
    function = tf.function(function)
    return function(*batch) if isinstance(batch, tuple) else function(batch)


def _reader(values, read):
    """Returns a function from a tensor of indices, int64 (batch,), to those values, (batch, ...), in their dtype."""
    if read is None:
        held = tf.constant(values)
        return lambda indices: tf.gather(held, indices)

    def images_at(indices):
        batch = tf.numpy_function(read, [indices], tf.as_dtype(values.dtype), stateful=False)
        return tf.ensure_shape(batch, (indices.shape[0], *values.shape[1:]))

    return images_at


def _cropped(batch, corners, size):
    """Images (batch, *size, channels) whose top left corners are at these places, int64 (batch, 2)."""
    for axis, length in enumerate(size):
        places = corners[:, axis, None] + tf.range(length, dtype="int64")
        batch = tf.gather(batch, places, axis=1 + axis, batch_dims=1)
    return batch


def _scaled(batch, value_range=None):
    """Pixels of 8 or 16 bits as float32 in [-1, 1], from a range or all of their dtype; other values as they are."""
    if batch.dtype not in (tf.uint8, tf.uint16):
        return batch
    low, high = value_range or (0, batch.dtype.max)
    batch = tf.cast(batch, tf.float32)
    batch = batch - low if low else batch
    return batch / ((high - low) / 2) - 1.0


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels: see `kerasgan.backend.tensorflow.resize`."""
    from . import resize

    return resize.resize_array(images, size, channels)


def decode_png(content: bytes) -> np.ndarray:
    """Returns a PNG of 16 bits: see `kerasgan.backend.tensorflow.resize`."""
    from . import resize

    return resize.decode_png(content)
