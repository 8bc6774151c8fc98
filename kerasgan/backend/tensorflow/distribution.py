"""Batches distributed to the replicas of a `tf.distribute` strategy."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from kerasgan import keras_internals


class WholeBatches:
    """A user's `tf.data.Dataset`, of which each worker reads whole batches and takes its rows.

    Args:
        dataset: the dataset.

    Attributes:
        dataset: the same.
        batch_size: images in a batch, or None where that is not known.
        skip_batches: 0: where the dataset begins is left to its user.
    """

    skip_batches: int = 0

    def __init__(self, dataset: Any):
        self.dataset: Any = dataset
        self.batch_size: int | None = tf.nest.flatten(dataset.element_spec)[0].shape[0]

    def share(self, rows: Callable[[Any], Any]) -> "WholeBatches":
        """Returns some rows of each batch alone: `rows` is a function from values (batch, ...) to these."""
        return self.map(lambda *batch: tuple(rows(each) for each in batch))

    def map(self, function: Callable[..., Any]) -> "WholeBatches":
        """Returns batches to each of which a function is applied."""
        return WholeBatches(self.dataset.map(function))

    def epoch(self, number: int, skip: int = 0) -> Any:
        """Returns the dataset, the same for every epoch."""
        return self.dataset

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch, or None where that is not known."""
        batches = int(self.dataset.cardinality())
        return batches if batches >= 0 else None


class DistributedBatches(keras_internals.EpochAdapter, tf.distribute.DistributedDataset):
    """Batches, of which each replica gets its slice.

    A slice has rows of each minibatch into which the update rule splits the batch, so that the minibatches of all
    replicas are together those of one device. Of `kerasgan.datasets.Batches` a worker reads its own rows alone.

    TensorFlow's `DistributedDataset` is not used: it splits batches by other rules, waits for its threads at the end of
    each epoch, and may end an epoch where reading an image has failed.

    Args:
        batches: a `kerasgan.datasets.Batches` or `WholeBatches`, the same on every worker; the sizes of the batches are
            multiples of the number of replicas times `minibatches`.
        strategy: the `tf.distribute.Strategy`.
        here: the numbers of the replicas in this process, one after another.
        minibatches: how many minibatches a batch is split into.
        initial_epoch: the argument of `fit`.
    """

    def __init__(
        self,
        batches: Any,
        strategy: Any,
        here: list[int],
        minibatches: int,
        initial_epoch: int = 0,
    ):
        rows = functools.partial(_rows, minibatches, strategy.num_replicas_in_sync, here[0], len(here))
        self._shared = batches.share(rows)
        super().__init__(self._shared.map(functools.partial(_slices, len(here))), initial_epoch)
        self.strategy: Any = strategy

    @property
    def num_batches(self) -> int | None:
        """Batches in an epoch, or None where that is not known."""
        return self.batches.num_batches

    @property
    def element_spec(self) -> Any:
        """The spec of a worker's rows of a batch."""
        return self._shared.epoch(0).element_spec

    def __iter__(self) -> Iterator[Any]:
        for slices in self.current_epoch():
            each = iter(slices)
            yield self.strategy.experimental_distribute_values_from_function(lambda context, each=each: next(each))


def array_dataset(images: Any, labels: Any, batch_size: int, shuffle: bool, seed: int) -> Any:
    """Returns an array as a dataset of batches, in the same order on every worker."""
    dataset = tf.data.Dataset.from_tensor_slices(images if labels is None else (images, labels))
    options = tf.data.Options()
    options.autotune.enabled = False
    if shuffle:
        dataset = dataset.shuffle(len(images), seed=seed)
    return dataset.batch(batch_size).prefetch(2).with_options(options)


def _rows(minibatches, replicas, first, local, values):
    """Returns the rows of values (batch, ...) that belong to `local` replicas from `first` on, replica by replica."""
    rest, size = values.shape[1:], _size(values)
    cut = tf.reshape(values, [minibatches, replicas, size // (minibatches * replicas), *rest])
    own = tf.experimental.numpy.swapaxes(cut[:, first : first + local], 0, 1)
    return tf.reshape(own, [size // replicas * local, *rest])


def _slices(local, *batch):
    """Returns a worker's rows as one slice for each of its replicas: images, or (images, labels)."""
    parts = [tf.unstack(tf.reshape(each, [local, _size(each) // local, *each.shape[1:]])) for each in batch]
    return tuple(zip(*parts, strict=True)) if len(parts) > 1 else tuple(parts[0])


def _size(values):
    return values.shape[0] if values.shape[0] is not None else tf.shape(values)[0]
