"""Data through tf.data: any batch of some arrays, by its number, and the checks of a dataset."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

PARALLEL_CALLS = 2
PREFETCH_BATCHES = 2
plain = tf.autograph.experimental.do_not_convert
"""For what is mapped over a dataset: there is nothing in it to convert, and looking for it takes half a second."""


def steady_options() -> tf.data.Options:
    """Returns the options of all pipelines: deterministic, and without autotune.

    Autotune's thread sleeps for up to a minute at a time, and `fit` would wait for it when it drops the iterator.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return options


class ArrayEpochs:
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Indices are shuffled, not images, and a whole batch is gathered and scaled at once: that keeps the pipeline fast.
    The order of a pass is a pure function of the seed and of the pass's number: no global seed, no state of a buffer.
    Functions are traced once, however many epochs there are.

    Args:
        read: a function from indices, int64 (batch,), to those of the values, as NumPy arrays, where they are on disk;
            None where they are in memory.
    """

    def __init__(self, values, labels, batch_size, *, read, shuffle, seed, flip):
        self.values, self.batch_size = values, batch_size
        self.shuffle, self.seed, self.flip = shuffle, seed, flip
        self.batches_per_pass = len(values) // batch_size
        with tf.device("CPU:0"):  # else the whole data set would be put into the memory of the GPU
            self._images_at = _reader(values, read)
            self._labels = None if labels is None else tf.constant(labels)
        self._order = tf.function(self._order_of_pass, input_signature=[tf.TensorSpec((), tf.int64)], autograph=False)
        self._batch = tf.function(self._batch_at, autograph=False)

    @property
    def has_labels(self) -> bool:
        """Whether batches are pairs (images, labels)."""
        return self._labels is not None

    def batches(self, first: int, count: int, functions: tuple = (), rows: Callable | None = None) -> tf.data.Dataset:
        """Returns `count` batches from number `first` on, with the functions applied to each."""
        first_pass, skip = divmod(first, self.batches_per_pass)
        last_pass = (first + max(count, 1) - 1) // self.batches_per_pass
        with tf.device("CPU:0"):
            passes = tf.data.Dataset.range(first_pass, last_pass + 1)
            indices = passes.flat_map(plain(lambda number: self._pass_of(number)))
            indices = indices.skip(skip).take(count)
            if rows is not None:
                indices = indices.map(plain(lambda *each: tuple(map(rows, each))))
            dataset = indices.map(self._batch, num_parallel_calls=PARALLEL_CALLS, deterministic=True)
            for function in functions:
                dataset = dataset.map(plain(function))
            dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
            return dataset.prefetch(PREFETCH_BATCHES).with_options(steady_options())

    def _pass_of(self, number):
        indices = self._order(number)
        return tf.data.Dataset.from_tensor_slices(indices).batch(self.batch_size, drop_remainder=True)

    def _order_of_pass(self, number):
        """The order of a pass, int64 (num_images,), and which of them are mirrored, bool."""
        indices = tf.range(len(self.values), dtype="int64")
        if self.shuffle:
            indices = tf.random.experimental.stateless_shuffle(indices, seed=tf.stack([self.seed, number]))
        if not self.flip:
            return indices, tf.zeros_like(indices, tf.bool)
        # A negative number, since those of passes have given the order its random bits.
        bits = tf.random.stateless_uniform(tf.shape(indices), tf.stack([self.seed, -1 - number]), 0, 2, tf.int32)
        return indices, bits == 1

    def _batch_at(self, indices, mirrored):
        batch = self._images_at(indices)
        if self.flip:
            # Ten times as fast as a slice with step -1 and `tf.where`.
            both = tf.concat([batch, tf.reverse(batch, axis=[2])], axis=0)
            batch = tf.gather(both, tf.range(indices.shape[0]) + indices.shape[0] * tf.cast(mirrored, "int32"))
        if batch.dtype == tf.uint8:
            batch = tf.cast(batch, tf.float32) / 127.5 - 1.0
        return batch if self._labels is None else (batch, tf.gather(self._labels, indices))


def _reader(values, read):
    """Returns a function from a tensor of indices, int64 (batch,), to those values, (batch, ...), in their dtype."""
    if read is None:
        held = tf.constant(values)
        return lambda indices: tf.gather(held, indices)

    def images_at(indices: Any) -> Any:
        batch = tf.numpy_function(read, [indices], tf.uint8, stateful=False)
        return tf.ensure_shape(batch, (indices.shape[0], *values.shape[1:]))

    return images_at


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels: see `kerasgan.backend.tensorflow.resize`."""
    from . import resize

    return resize.resize_array(images, size, channels)
