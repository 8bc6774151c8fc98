"""A model under a `tf.distribute` strategy: checks, its data, and the step on all replicas."""

import contextlib
import signal
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from kerasgan import keras_internals
from kerasgan.backend.placement import SingleDevice

from . import distribution, replicas

BATCHES_BETWEEN_SIGNALS = 10
LOST: tuple[type[Exception], ...] = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.FailedPreconditionError,
)
"""The errors that TensorFlow raises when another worker is lost."""


def placement() -> SingleDevice:
    """Returns where a model made here is trained: on one device, or on the replicas of the strategy in scope."""
    return StrategyReplicas(tf.distribute.get_strategy()) if tf.distribute.has_strategy() else SingleDevice()


def mirrored(count: int | None) -> Any:
    """Returns a `tf.distribute.MirroredStrategy` on `count` devices of this machine; None for all.

    Raises:
        ValueError: for more GPUs than there are, or a CPU that can no longer be split.
    """
    return tf.distribute.MirroredStrategy(_devices(count))


def multi_worker() -> Any:
    """Returns the `tf.distribute` strategy of the workers in TF_CONFIG, whose server is started at once."""
    return tf.distribute.MultiWorkerMirroredStrategy()


class StrategyReplicas(SingleDevice):
    """The replicas of a strategy, which share every batch.

    Args:
        strategy: the `tf.distribute.Strategy` in whose scope the model is made.

    Attributes:
        strategy: the argument.
        count: how many replicas there are, on all workers.
        here: the numbers of the replicas in this process.
        workers: how many processes there are.
    """

    is_single: bool = False

    def __init__(self, strategy: Any):
        self.strategy: Any = strategy
        self.count: int = strategy.num_replicas_in_sync
        self.here: list[int] = []
        self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(self.here.append(context.replica_id_in_sync_group) or 0)
        )
        self.workers: int = self.count // len(self.here)

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the context in which variables are made: the strategy's scope."""
        return self.strategy.scope()

    def check_here(self) -> None:
        """Accepts any context: `fit` enters the scope of the model's own strategy."""

    def agreed_signal(self, signal_number: int | None, batch: int) -> int | None:
        """Returns the signal by which training is to end after a batch, or None; the same on all workers.

        A signal reaches each of several workers during another step. They exchange it after every tenth batch of an
        epoch, so that all end after the same step, and the chief can write a last checkpoint.
        """
        if self.workers == 1:
            return signal_number
        if (batch + 1) % BATCHES_BETWEEN_SIGNALS:
            return None
        own = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(signal_number or 0)
        )
        total = int(self.strategy.reduce(tf.distribute.ReduceOp.SUM, own, axis=None))
        return (signal_number or signal.SIGTERM) if total else None

    def check_networks(self, gan: Any) -> None:
        """Checks that networks were made in the strategy's scope.

        Raises:
            ValueError: if one was not: its weights would be on one device alone.
        """
        for name in ("generator", "discriminator"):
            weights = getattr(gan, name).weights
            if not all(self.strategy.extended.variable_created_in_scope(weight.value) for weight in weights):
                raise ValueError(
                    f"Networks must be made in the scope of the strategy that trains them. Received: a {name} made "
                    "outside of it. Build the networks, the GAN and its optimizers within `with strategy.scope():`."
                )

    def check_compiled(self, gan: Any, jit_compile: Any) -> None:
        """Refuses what TensorFlow cannot do on several replicas, and makes layers draw other numbers on each of them.

        Raises:
            ValueError: for an optimizer made elsewhere; with several replicas, for loss scaling, XLA and optimizers
                that accumulate gradients or overwrite weights at some steps only.
        """
        for name in ("d_optimizer", "g_optimizer"):
            self._check_optimizer(name, getattr(gan, name))
        if self.count > 1 and jit_compile is True:
            raise ValueError(
                "XLA does not compile a step on several replicas. Received: jit_compile=True for "
                f"{self.count} replicas. Use jit_compile='auto'."
            )
        if self.count > 1:
            shared = (gan.seed_generator, gan.validation_seed_generator)  # `kerasgan.random` shares their numbers
            for each in keras_internals.seed_generators(gan):
                if not any(each is one for one in shared):
                    replicas.fold(each)

    def checked_steps(self, steps_per_execution: int) -> int:
        """Returns 1, with a warning where `steps_per_execution` is more."""
        if steps_per_execution > 1:
            warnings.warn(
                "Under a distribution strategy TensorFlow is called for each step by itself: steps_per_execution="
                f"{steps_per_execution} is set back to 1, as Keras needs it.",
                stacklevel=3,
            )
        return 1

    def step_function(self, step: Any, eagerly: bool) -> Any:
        """Returns what Keras calls with an iterator to run one step on every replica.

        The logs are those of the first replica in this process, since they are the same on all. Keras's own function
        would exchange every log once more for their mean, and return arrays of shape (1,) on several workers.
        """

        def one_step(batch):
            results = self.strategy.run(step, args=(batch,))
            return tf.nest.map_structure(lambda each: self.strategy.experimental_local_results(each)[0], results)

        compiled = one_step if eagerly else tf.function(one_step, reduce_retracing=True, autograph=False)

        def function(iterator):
            batch = next(iterator)
            if not all(isinstance(each, tf.distribute.DistributedValues) for each in tf.nest.flatten(batch)):
                raise ValueError(
                    "Under a distribution strategy a GAN is trained by fit and evaluated by evaluate. Received: a "
                    "single batch, as of train_on_batch. Pass a dataset of one batch to fit."
                )
            return compiled(batch)

        return function

    def required_batch_multiple(self, minibatches: int) -> int:
        """Returns the number of which the size of every batch must be a multiple, for a number of minibatches in it."""
        return minibatches * self.count if self.count > 1 else 1

    def is_distributed(self, x: Any) -> bool:
        """Returns whether these data have been distributed already."""
        return isinstance(x, tf.distribute.DistributedDataset)

    def distribute(
        self, x: Any, y: Any, gan: Any, batch_size: int | None, minibatches: int, options: Any
    ) -> tuple[Any, None]:
        """Returns the data of `fit` or `evaluate` distributed to the replicas, with None for the labels.

        Args:
            x, y, gan, batch_size: as `kerasgan.fit_checks.check_data` takes and returns them.
            minibatches: into how many the update rule splits a batch.
            options: `shuffle`, whether an array gets a new order in each epoch; `initial_epoch` of `fit`.

        Raises:
            ValueError: for other sources than arrays and datasets.
        """
        if isinstance(x, np.ndarray) or tf.is_tensor(x):
            x = distribution.array_dataset(x, y, batch_size or 32, options["shuffle"], gan.seed or 0)
        if isinstance(x, tf.data.Dataset):
            x = distribution.WholeBatches(x)
        if not hasattr(x, "epoch"):
            raise ValueError(
                "Under a distribution strategy images come as an array, as kerasgan.datasets.Batches or as a "
                f"tf.data.Dataset. Received: {type(x).__name__}. kerasgan.datasets.load makes batches of arrays, "
                "folders and named sets."
            )
        epoch = options["initial_epoch"]
        return distribution.DistributedBatches(x, self.strategy, self.here, minibatches, epoch), None

    def _check_optimizer(self, name, optimizer):
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if keras_internals.optimizer_strategy(inner) is not self.strategy:
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
    """Returns the names of the first `count` GPUs (None for all); without a GPU, of as many parts of the CPU."""
    found = tf.config.list_physical_devices("GPU")
    if found:
        if count is not None and count > len(found):
            raise ValueError(f"There must be a GPU for each replica. Received: devices={count} of {len(found)} GPUs.")
        return [f"GPU:{number}" for number in range(count or len(found))]
    parts = [tf.config.LogicalDeviceConfiguration()] * (count or 1)
    try:
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
    except (RuntimeError, ValueError):  # TensorFlow is initialized, with the parts that there are
        if len(tf.config.list_logical_devices("CPU")) < len(parts):
            raise ValueError(
                f"The CPU is split before TensorFlow begins. Received: devices={count} in a process in which it has. "
                "Start another."
            ) from None
    return [f"CPU:{number}" for number in range(len(parts))]
