"""Means over replicas: the part of `tf.distribute` that the training step uses.

The replicas of a step share a batch: each has a slice of it, and of the random numbers of the batch
(`kerasgan.random`). Losses are means over the images of a replica. The mean of the gradients over all replicas is then
the gradient of the mean over the whole batch, with weight penalties counted once. It is taken here, before the
optimizer, so that norms and clipping are those of the whole batch; every replica then makes the same update. Outside of
such a step, and with one replica, these functions change nothing.
"""

import functools
from typing import Any

import keras
import tensorflow as tf

from kerasgan import keras_internals

_SEED_STRIDE = 7919  # between the seeds of two replicas


def replica() -> tuple[int, Any]:
    """Returns how many replicas share the batch of this step, and which of them this is: (1, 0) for one device."""
    if tf.distribute.in_cross_replica_context():
        return 1, 0
    count = tf.distribute.get_strategy().num_replicas_in_sync
    return (1, 0) if count == 1 else (count, tf.distribute.get_replica_context().replica_id_in_sync_group)


def mean(tensors: Any) -> Any:
    """Returns the means over all replicas of a nested list or dict of tensors; None stays None.

    Gradients are returned dense, also on one device: rows of an embedding that are used several times in a batch have
    as many gradients, which Keras's optimizers would square one by one.
    """
    flat = tf.nest.flatten(tensors)
    dense = [tf.convert_to_tensor(each) for each in flat if each is not None]
    if replica()[0] > 1 and dense:
        dense = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, dense)
    means = iter(dense)
    return tf.nest.pack_sequence_as(tensors, [None if each is None else next(means) for each in flat])


def mean_logs(logs: dict[str, Any]) -> dict[str, Any]:
    """Returns the means over all replicas of a dict of scalars, in one exchange."""
    if replica()[0] == 1:
        return logs
    together = mean(tf.stack([tf.cast(each, tf.float32) for each in logs.values()]))
    return dict(zip(logs, tf.unstack(together, num=len(logs)), strict=True))


def gather(tensors: tuple[Any, ...]) -> tuple[Any, ...]:
    """Returns a tuple of tensors (batch, ...) of the whole batch, in the order of the replicas; None stays None."""
    if replica()[0] == 1:
        return tensors
    gather_one = functools.partial(tf.distribute.get_replica_context().all_gather, axis=0)
    return tuple(None if each is None else gather_one(each) for each in tensors)


def sync_statistics(*networks: keras.Model) -> None:
    """Gives all replicas the mean of their moving statistics, where batch norm is not synchronized over replicas."""
    if replica()[0] == 1:
        return
    norms = [
        layer for network in networks for layer in keras_internals.all_layers(network) if _is_unsynchronized(layer)
    ]
    variables = [getattr(layer, name) for layer in norms for name in keras_internals.STATISTICS]
    for variable, value in zip(variables, mean([variable.value for variable in variables]), strict=True):
        variable.assign(value)


def _is_unsynchronized(layer):
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.synchronized


def fold(seed_generator: keras.random.SeedGenerator) -> None:
    """Makes a layer's own seed generator, as for dropout, give each replica other numbers."""

    def fold_in(seed):
        count, number = replica()
        return seed if count == 1 else seed + tf.cast(tf.stack([number * _SEED_STRIDE, 0]), seed.dtype)

    keras_internals.replace_next_seed(seed_generator, fold_in)
