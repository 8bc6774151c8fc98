"""Several devices as one: what the engine needs of `tf.distribute`, so that N replicas do what one device does.

The replicas of a step share one batch, each a slice of it, and the random numbers of the batch with it
(`kerasgan.draws`). Losses are means over each replica's own images; the mean of the gradients over all replicas is then
the gradient of the mean over the whole batch, weight penalties counted once. It is taken here, before an optimizer sees
it, so that norms and clipping are those of the whole batch; every replica then makes the same update. Outside of such a
step, and with one replica, all of this changes nothing.
"""

import functools

import keras
import tensorflow as tf

from kerasgan import draws

_APART = 7919  # between the seeds of two replicas
_STATISTICS = ("moving_mean", "moving_variance")


def count():
    """Returns how many replicas share the batch of this step; 1 outside of a step that is shared."""
    if tf.distribute.in_cross_replica_context():
        return 1
    return tf.distribute.get_strategy().num_replicas_in_sync


def which():
    """Returns which of the replicas this is, from 0, an int or a scalar tensor."""
    return 0 if count() == 1 else tf.distribute.get_replica_context().replica_id_in_sync_group


draws.share_by(lambda: (count(), which()))


def mean(tensors):
    """Returns the means over all replicas of a nested list or dict of tensors, gradients with None among them too.

    Gradients come back dense, also on one device: rows of an embedding that are asked for several times in a batch have
    as many gradients, which Keras's optimizers square one by one.
    """
    flat = tf.nest.flatten(tensors)
    dense = [tf.convert_to_tensor(each) for each in flat if each is not None]
    if count() > 1 and dense:
        dense = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, dense)
    means = iter(dense)
    return tf.nest.pack_sequence_as(tensors, [None if each is None else next(means) for each in flat])


def mean_logs(logs):
    """Returns the means over all replicas of a dict of scalars, in one exchange."""
    if count() == 1:
        return logs
    together = mean(tf.stack([tf.cast(each, tf.float32) for each in logs.values()]))
    return dict(zip(logs, tf.unstack(together, num=len(logs)), strict=True))


def gathered(tensors):
    """Returns a tuple of tensors (batch, ...) of the whole batch, in the order of the replicas; None stays None."""
    if count() == 1:
        return tensors
    gather = functools.partial(tf.distribute.get_replica_context().all_gather, axis=0)
    return tuple(None if each is None else gather(each) for each in tensors)


def averaged(optimizer):
    """Returns an optimizer that is handed means over all replicas, and does not add them up once more."""
    if count() > 1:
        optimizer._all_reduce_sum_gradients = list
    return optimizer


def settle(*networks):
    """Gives all replicas the mean of their moving statistics, where batch norm is of each replica's images alone."""
    if count() == 1:
        return
    norms = [layer for network in networks for layer in network._flatten_layers() if _is_of_one_replica(layer)]
    variables = [getattr(layer, name) for layer in norms for name in _STATISTICS]
    for variable, value in zip(variables, mean([variable.value for variable in variables]), strict=True):
        variable.assign(value)


def _is_of_one_replica(layer):
    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable and not layer.synchronized


def fold(seed_generator):
    """Has a layer's own seed generator give each replica other numbers, as for dropout: there are no shares to take."""

    def fold_in(ordered=True):
        seed = type(seed_generator).next(seed_generator, ordered)
        return seed if count() == 1 else seed + tf.cast(tf.stack([which() * _APART, 0]), seed.dtype)

    seed_generator.next = fold_in
