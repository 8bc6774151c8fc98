"""Data through tf.data: any batch of some arrays, by its number."""

import copy
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

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


class ArrayEpochs:
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of a pass is a pure function of the seed and of the number of the pass: no global seed, no shuffle buffer.

    Args:
        values, labels, batch_size, shuffle, seed, flip: as for `make_batches`.
        read: a function from indices, int64 (batch,), to those values, NumPy uint8 (batch, ...), where they are on
            disk; None where they are in memory.

    Attributes:
        batch_size: images in a batch.
        batches_per_pass: whole batches in a pass through the data.
        image_shape: shape of one image, or point.
        label_range: the least and the largest label, or None where batches are of images alone.
        flip: the argument.
    """

    def __init__(
        self,
        values: np.ndarray,
        labels: np.ndarray | None,
        batch_size: int,
        *,
        read: Callable[[np.ndarray], np.ndarray] | None,
        shuffle: bool,
        seed: int,
        flip: bool,
    ):
        self.batch_size: int = batch_size
        self.batches_per_pass: int = len(values) // batch_size
        self.image_shape: tuple[int, ...] = values.shape[1:]
        self.label_range: tuple[int, int] | None = None if labels is None else (int(labels.min()), int(labels.max()))
        self._num_images = len(values)
        self._shuffle, self._seed = shuffle, seed
        self.flip: bool = flip
        with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
            self._images_at = _reader(values, read)
            self._labels = None if labels is None else tf.constant(labels)

    def without_flips(self) -> "ArrayEpochs":
        """Returns the same batches, without mirrored images."""
        plain = copy.copy(self)
        plain.flip = False
        return plain

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
        indices = self._indices_from(first)
        if is_kept is not None:
            numbered = indices.enumerate(first).filter(plain(lambda number, each: is_kept(number)))
            indices = numbered.map(plain(lambda number, each: each))
        indices = indices.take(count)
        if rows is not None:
            indices = indices.map(plain(lambda *each: tuple(map(rows, each))))
        in_parallel = list(itertools.takewhile(lambda pair: pair[1], functions))

        def batch_at(*indices):
            batch = self._batch_at(*indices)
            for function, _ in in_parallel:
                batch = _applied(function, batch)
            return batch

        dataset = indices.map(plain(batch_at), num_parallel_calls=PARALLEL_CALLS, deterministic=True)
        for function, _ in functions[len(in_parallel) :]:
            dataset = dataset.map(plain(tf.function(function)))  # one after another, since it may have a state
        return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(PREFETCH_BATCHES)

    def _indices_from(self, first):
        """A dataset of the indices of each batch from number `first` on, without end."""
        first_pass, skip = first // self.batches_per_pass, first % self.batches_per_pass
        passes = tf.data.Dataset.range(first_pass, np.iinfo(np.int64).max)
        return passes.map(plain(self._order_of_pass)).unbatch().skip(skip)

    def _order_of_pass(self, number):
        """The indices of a pass, int64 (batches, batch_size), and, with `flip`, which images are mirrored, bool."""
        indices = tf.range(self._num_images, dtype="int64")
        if self._shuffle:
            indices = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([self._seed, number]))
        if not self.flip:
            return (self._in_batches(indices),)
        # A negative number, since those of passes have given the order its random bits.
        bits = tf.random.stateless_uniform(tf.shape(indices), tf.stack([self._seed, -1 - number]), 0, 2, tf.int32)
        return self._in_batches(indices), self._in_batches(bits == 1)

    def _in_batches(self, values):
        shape = (self.batches_per_pass, self.batch_size)
        return tf.reshape(values[: shape[0] * shape[1]], shape)

    def _batch_at(self, indices, mirrored=None):
        batch = self._images_at(indices)
        if mirrored is not None:
            # Ten times as fast as a slice with step -1 and `tf.where`.
            both = tf.concat([batch, tf.reverse(batch, axis=[2])], axis=0)
            batch = tf.gather(both, tf.range(indices.shape[0]) + indices.shape[0] * tf.cast(mirrored, "int32"))
        if batch.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if self._labels is None else (batch, tf.gather(self._labels, indices))


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
        batch = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, (indices.shape[0], *values.shape[1:]))

    return images_at


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels: see `kerasgan.backend.tensorflow.resize`."""
    from . import resize

    return resize.resize_array(images, size, channels)
