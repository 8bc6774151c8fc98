"""A game under a `tf.distribute` strategy: what is refused, how data are dealt out, and the step on all replicas."""

import functools
import signal
import warnings

import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from . import replicas
from .crew import Alone

AGREED_BATCHES = 10
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)
"""What TensorFlow raises when another worker is gone."""


def mirrored(count):
    """Returns a `tf.distribute.MirroredStrategy` on `count` devices of this machine; None for all.

    Raises:
        ValueError: for more GPUs than there are, or a CPU that can no longer be split.
    """
    return tf.distribute.MirroredStrategy(_devices(count))


def multi_worker():
    """Returns the strategy of the workers in TF_CONFIG, whose server is started at once."""
    return tf.distribute.MultiWorkerMirroredStrategy()


class Replicas(Alone):
    """The replicas of a strategy, which share every batch.

    Args:
        strategy: the `tf.distribute.Strategy` in whose scope the game is made.
    """

    alone = False

    def __init__(self, strategy):
        self.strategy = strategy
        self.count = strategy.num_replicas_in_sync
        self.here = []  # which of the replicas are in this process
        self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(self.here.append(context.replica_id_in_sync_group) or 0)
        )
        self.workers = self.count // len(self.here)

    def scope(self):
        return self.strategy.scope()

    def check_here(self):
        """A game made in a strategy's scope takes it along."""

    def agreed(self, signal_number, batch):
        """Returns the signal by which training is to end after a batch, or None; the same on all workers.

        A signal reaches each of several workers during a step of its own. So that all end after the same step, they ask
        one another after every tenth batch of an epoch, and the chief can write a last checkpoint.
        """
        if self.workers == 1:
            return signal_number
        if (batch + 1) % AGREED_BATCHES:
            return None
        mine = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(signal_number or 0)
        )
        together = int(self.strategy.reduce(tf.distribute.ReduceOp.SUM, mine, axis=None))
        return (signal_number or signal.SIGTERM) if together else None

    def check_networks(self, game):
        """Checks that networks were made in the strategy's scope.

        Raises:
            ValueError: if one was not: its weights would be on one device alone.
        """
        for name in ("generator", "discriminator"):
            weights = getattr(game, name).weights
            if not all(self.strategy.extended.variable_created_in_scope(weight.value) for weight in weights):
                raise ValueError(
                    f"Networks must be made in the scope of the strategy that trains them. Received: a {name} made "
                    "outside of it. Build the networks, the GAN and its optimizers within `with strategy.scope():`."
                )

    def check_rules(self, game, jit_compile):
        """Checks what TensorFlow cannot do on several replicas, and has layers draw other numbers on each of them.

        Raises:
            ValueError: for an optimizer made elsewhere, and where there are several replicas, for loss scaling, XLA and
                optimizers that do something at some steps only.
        """
        for player, optimizer in (("d", game.d_optimizer), ("g", game.g_optimizer)):
            self._check_optimizer(f"{player}_optimizer", optimizer)
        if self.count > 1 and jit_compile is True:
            raise ValueError(
                "XLA does not compile a step on several replicas. Received: jit_compile=True for "
                f"{self.count} replicas. Use jit_compile='auto'."
            )
        if self.count > 1:
            own = (game.seed_generator, game.validation_seed_generator)  # of which every replica takes its share
            for each in game._all_seed_generators():
                if not any(each is one for one in own):
                    replicas.fold(each)

    def checked_steps(self, steps_per_execution):
        """Returns 1, with a warning where more were asked for."""
        if steps_per_execution > 1:
            warnings.warn(
                "Under a distribution strategy TensorFlow is called for each step by itself: steps_per_execution="
                f"{steps_per_execution} is set back to 1, which Keras 3.15 needs.",
                stacklevel=3,
            )
        return 1

    def step_function(self, step, eagerly):
        """Returns what Keras calls with an iterator to have one step run on every replica.

        The logs are those of the first replica here: they are the same on all. Keras's own function would take their
        mean once more, by one exchange for each, and give arrays of shape (1,) on several workers.
        """

        def one_step(batch):
            results = self.strategy.run(step, args=(batch,))
            return tf.nest.map_structure(lambda each: self.strategy.experimental_local_results(each)[0], results)

        compiled = one_step if eagerly else tf.function(one_step, reduce_retracing=True, autograph=False)

        def function(iterator):
            batch = next(iterator)
            if not all(isinstance(each, tf.distribute.DistributedValues) for each in tf.nest.flatten(batch)):
                raise ValueError(
                    "Under a distribution strategy a game is trained and judged by fit and evaluate. Received: a "
                    "single batch, as of train_on_batch. Pass a dataset of one batch to fit."
                )
            return compiled(batch)

        return function

    def shares(self, minibatches):
        """Returns of what the size of every batch must be a multiple; `minibatches`: into how many it is cut."""
        return minibatches * self.count if self.count > 1 else 1

    def has_dealt(self, x):
        """Whether these data have been dealt out already."""
        return isinstance(x, tf.distribute.DistributedDataset)

    def dealt(self, x, y, game, batch_size, minibatches, shuffle=False):
        """Returns the data of `fit` or `evaluate` dealt out to the replicas, with None for the labels.

        Args:
            x, y, game, batch_size: as `kerasgan.fit_data.checked` takes and returns them.
            minibatches: into how many the order of play cuts a batch.
            shuffle: whether an array gets a new order in each epoch.

        Raises:
            ValueError: for other sources than arrays and datasets.
        """
        if isinstance(x, np.ndarray) or tf.is_tensor(x):
            x = _batches(x, y, batch_size or 32, shuffle, game.seed or 0)
        if not isinstance(x, tf.data.Dataset):
            raise ValueError(
                "Under a distribution strategy images come as an array or a tf.data.Dataset. Received: "
                f"{type(x).__name__}. kerasgan.datasets.load makes a dataset of arrays, folders and named sets."
            )
        return Dealt(x, self.strategy, self.here, minibatches), None

    def _check_optimizer(self, name, optimizer):
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if inner._distribution_strategy is not self.strategy:
            raise ValueError(
                "Optimizers must be made in the scope of the strategy under which they train. Received: a "
                f"{name} made outside of it. Make it, or call compile with its name, within `with strategy.scope():`."
            )
        if self.count == 1:
            return
        if inner is not optimizer:
            raise ValueError(
                "Loss scaling, as for float16, looks at one replica alone and can write infinity into the weights. "
                f"Received: a {name} that scales losses, for {self.count} replicas. Use mixed_bfloat16 or float32."
            )
        for option in ("gradient_accumulation_steps", "ema_overwrite_frequency"):
            if getattr(optimizer, option, None):
                raise ValueError(
                    "TensorFlow cannot have replicas do something at some steps only. Received: a "
                    f"{name} with {option}={getattr(optimizer, option)} for {self.count} replicas. Leave it out; for "
                    "an averaged generator use kerasgan.ema.EMA."
                )


def _devices(count):
    """The names of the first `count` GPUs, of all for None; of as many parts of the CPU where there is no GPU."""
    found = tf.config.list_physical_devices("GPU")
    if found:
        if count is not None and count > len(found):
            raise ValueError(
                f"Only devices that there are can be used. Received: devices={count} of {len(found)} GPUs."
            )
        return [f"GPU:{number}" for number in range(count or len(found))]
    parts = [tf.config.LogicalDeviceConfiguration()] * (count or 1)
    try:
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    except (RuntimeError, ValueError):  # TensorFlow has begun, with as many as there are
        if len(tf.config.list_logical_devices("CPU")) < len(parts):
            raise ValueError(
                f"The CPU is split before TensorFlow begins. Received: devices={count} in a process in which it has. "
                "Start another."
            ) from None
    return [f"CPU:{number}" for number in range(len(parts))]


class Dealt(DataAdapter, tf.distribute.DistributedDataset):
    """Whole batches, of which each replica is given its slice.

    A slice is made of one from each minibatch into which the order of play cuts the batch, so that the minibatches of
    all replicas are together those of one device. A dataset with `share_of(rows)`, as `kerasgan.datasets.load` gives,
    is asked for the rows of this worker alone; of others the worker reads whole batches.

    Not TensorFlow's own: that one splits batches by rules of its own, waits for its threads at the end of each epoch,
    and may end an epoch where the reading of an image has failed.

    Args:
        dataset: a `tf.data.Dataset` of batches, images or (images, labels), the same on every worker; the sizes of the
            batches are multiples of the number of replicas times `minibatches`.
        strategy: the `tf.distribute.Strategy`.
        here: which of the replicas are in this process, numbers one after another.
        minibatches: how many minibatches a batch is cut into.
    """

    def __init__(self, dataset, strategy, here, minibatches):
        self.dataset, self.strategy, self.here, self.minibatches = dataset, strategy, here, minibatches
        local = len(here)
        rows = functools.partial(_rows, minibatches, strategy.num_replicas_in_sync, here[0], local)
        own = dataset.share_of(rows) if hasattr(dataset, "share_of") else dataset.map(_on_each(rows))
        self._slices = own.map(functools.partial(_slices, local))

    @property
    def num_batches(self):
        batches = int(self.dataset.cardinality())
        return batches if batches >= 0 else None

    @property
    def batch_size(self):
        return tf.nest.flatten(self.element_spec)[0].shape[0]

    @property
    def has_partial_batch(self):
        return None

    @property
    def partial_batch_size(self):
        return None

    def get_tf_dataset(self):
        return self

    @property
    def element_spec(self):
        return self.dataset.element_spec

    def take(self, batches):
        """Returns the first batches alone."""
        taken = self.dataset.take(batches)
        if hasattr(self.dataset, "share_of"):
            taken.share_of = lambda rows: self.dataset.share_of(rows).take(batches)
        return Dealt(taken, self.strategy, self.here, self.minibatches)

    def __iter__(self):
        for slices in self._slices:
            each = iter(slices)
            yield self.strategy.experimental_distribute_values_from_function(lambda context, each=each: next(each))


def _on_each(rows):
    return lambda *batch: tuple(rows(each) for each in batch)


def _rows(minibatches, replicas, first, local, values):
    """The values, (batch, ...), of the rows of `local` replicas from `first` on, one replica's after the other's."""
    rest, size = values.shape[1:], _size(values)
    cut = tf.reshape(values, [minibatches, replicas, size // (minibatches * replicas), *rest])
    own = tf.experimental.numpy.swapaxes(cut[:, first : first + local], 0, 1)
    return tf.reshape(own, [size // replicas * local, *rest])


def _slices(local, *batch):
    """A worker's rows as one slice for each of its replicas, images or (images, labels)."""
    parts = [tf.unstack(tf.reshape(each, [local, _size(each) // local, *each.shape[1:]])) for each in batch]
    return tuple(zip(*parts, strict=True)) if len(parts) > 1 else tuple(parts[0])


def _size(values):
    return values.shape[0] if values.shape[0] is not None else tf.shape(values)[0]


def _batches(images, labels, batch_size, shuffle, seed):
    """An array as a dataset, in the same order on every worker."""
    dataset = tf.data.Dataset.from_tensor_slices(images if labels is None else (images, labels))
    options = tf.data.Options()
    options.autotune.enabled = False
    if shuffle:
        dataset = dataset.shuffle(len(images), seed=seed)
    return dataset.batch(batch_size).prefetch(2).with_options(options)
