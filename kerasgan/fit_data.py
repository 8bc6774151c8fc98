"""The data of `fit` and `evaluate`: what Keras is given, how long it is, and what callbacks know of a running `fit`."""

import contextlib
import dataclasses
import math
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras

from kerasgan import fit_checks, keras_internals
from kerasgan.datasets import Batches, sample
from kerasgan.fit_checks import tensorflow
from kerasgan.validation import data_kinds, lengths, scalars

_KNOWN = (Batches, keras_internals.DataAdapter, keras.utils.PyDataset, types.GeneratorType)
EVALUATION: Mapping[str, Any] = {
    "shuffle": False,
    "validation_split": 0.0,
    "initial_epoch": 0,
    "steps_per_epoch": None,
    "bound": ("steps", None),
}
"""The options of `prepare` for `evaluate`."""


def evaluation_options(argument: str, steps: int | None) -> Mapping[str, Any]:
    """Returns `EVALUATION` with the argument that bounds the data, such as `"validation_steps"`, and its value."""
    return {**EVALUATION, "bound": (argument, steps)}


@dataclasses.dataclass
class Fit:
    """A running `fit`, for callbacks that save and restore it.

    Attributes:
        callbacks: all callbacks that `fit` was given.
        data: the `keras_internals.EpochAdapter` of its data, or None for data whose order is not known by epochs.
        iterator: Keras's iterator over the batches of each epoch.
        samples: some training images and some held-out ones, where a callback asks for them.
    """

    callbacks: list[keras.callbacks.Callback]
    data: keras_internals.EpochAdapter | None = None
    iterator: Any = None
    samples: sample.Samples = dataclasses.field(default_factory=sample.Samples)


def watch(
    gan: Any, callbacks: Any, x: Any, y: Any, validation_data: Any, validation_split: float
) -> tuple[Any, Any, Any]:
    """Returns `x` and `validation_data` for `prepare`, and the `kerasgan.datasets.sample.Samples` of both.

    There are samples only if a callback has an attribute `needs_samples` that is true, or a method of that name that
    returns True for the GAN.

    Args:
        gan: the `kerasgan.GAN`.
        callbacks, x, y, validation_data, validation_split: the arguments of `fit`.
    """
    needs = (getattr(each, "needs_samples", False) for each in _flat(callbacks))
    if not any(each(gan) if callable(each) else each for each in needs):
        return x, validation_data, sample.Samples()
    return sample.watch(x, y, validation_data, validation_split)


def _flat(callbacks):
    return keras.tree.flatten(getattr(callbacks, "callbacks", callbacks) or [])


def prepare(
    gan: Any, x: Any, y: Any, batch_size: int | None, minibatches: int, options: Mapping[str, Any] = EVALUATION
) -> tuple[Any, Any]:
    """Returns the data of `fit` or `evaluate` as Keras takes them: checked, and distributed where replicas share them.

    Args:
        gan: the `kerasgan.GAN`.
        x, y, batch_size: the arguments of `fit`.
        minibatches: how many minibatches the update rule splits a batch into.
        options: the arguments `shuffle`, `validation_split`, `initial_epoch` and `steps_per_epoch` of `fit`, or
            `EVALUATION` for `evaluate`, which always takes epoch 0, or `evaluation_options`.

    Returns:
        The arguments `x` and `y` for Keras's `fit` or `evaluate`.

    Raises:
        ValueError: as `check_data` does; for data that never end and have no bound; and for a validation split under a
            distribution strategy.
    """
    placement = gan.placement
    placement.check_here()
    if placement.is_distributed(x):
        return x, y
    if options["validation_split"] and not placement.is_single:
        raise ValueError(
            "Under a distribution strategy validation images must be given. Received: validation_split="
            f"{options['validation_split']}. Pass them as validation_data."
        )
    x, y = _unpacked(x, y, gan)
    lengths.check_end(_length(x), *options.get("bound", ("steps_per_epoch", options["steps_per_epoch"])))
    if isinstance(x, Batches):
        x = _epochs_of_fit(x, options)
    x, y = fit_checks.check_data(x, y, gan, batch_size, minibatches, placement.required_batch_multiple(minibatches))
    x, y = placement.distribute(x, y, gan, batch_size, minibatches, options)
    if isinstance(x, Batches):
        x = keras_internals.EpochAdapter(x, options["initial_epoch"])
    return x, y


def prepare_held_out(gan: Any, validation_data: Any, batch_size: int | None, steps: int | None) -> Any:
    """Returns the argument `validation_data` of `fit` as Keras takes it, as `prepare` does; `steps` bounds it."""
    if validation_data is None:
        return None
    x, y = prepare(gan, validation_data, None, batch_size, 1, evaluation_options("validation_steps", steps))
    return x if y is None else (x, y)


def keras_steps_per_epoch(x: Any, steps_per_epoch: int | None) -> int | None:
    """Returns the `steps_per_epoch` that Keras is to be given: None for data whose epochs are just so long.

    Keras would go on within the data otherwise, and take whole calls of `steps_per_execution` from each epoch.
    """
    has_epochs = isinstance(x, keras_internals.EpochAdapter) and x.num_batches == steps_per_epoch
    return None if has_epochs else steps_per_epoch


def _unpacked(x, y, gan):
    """Returns `x` and `y`, which may have been passed as one."""
    if isinstance(x, (list, tuple)) and len(x) == 2 and y is None:  # as `validation_data` comes
        x, y = x
    if isinstance(x, (list, tuple)) and len(x) == 1:
        x = x[0]
    data_kinds.check_kind(x, _KNOWN + (() if tensorflow() is None else (tensorflow().data.Dataset,)))
    if isinstance(x, Batches) and y is not None:
        raise ValueError(
            f"Batches hold their labels themselves. Received: batches, and y of type {type(y).__name__}. Load them "
            "with labels=True, and leave y out."
        )
    return x, y


def _epochs_of_fit(batches, options):
    """Returns batches in epochs of the length that `fit` uses; for `evaluate`, which skips none, as they are."""
    if "bound" in options:
        return dataclasses.replace(batches, skip_batches=0)
    steps = options["steps_per_epoch"]
    if steps is None:
        return batches
    return batches.with_epochs_of(scalars.whole_number("steps_per_epoch", steps, 1))


def _length(x):
    """Returns the number of batches in an epoch of data, infinity for data that never end, None if it is not known.

    Of arrays, and of what Keras itself knows to end, it is 0: they need no bound.
    """
    tf = tensorflow()
    if isinstance(x, (list, tuple, Batches)) or hasattr(x, "shape"):
        return 0
    if tf is not None and isinstance(x, tf.data.Dataset):
        count = int(x.cardinality())
        return {tf.data.INFINITE_CARDINALITY: math.inf, tf.data.UNKNOWN_CARDINALITY: None}.get(count, count)
    if isinstance(x, keras.utils.PyDataset):
        return math.inf if x.num_batches is None else x.num_batches
    if isinstance(x, keras_internals.EpochAdapter):
        return x.num_batches
    return None


def length_notice(x: Any, argument: str, steps: int | None) -> lengths.LengthNotice:
    """Returns the notice of data whose length is not known and that nothing bounds, or one that never warns.

    Args:
        x: what `prepare` has returned, or None.
        argument: name of the argument that bounds the data.
        steps: its value, or None.
    """
    return lengths.LengthNotice(argument, x is not None and steps is None and _length(x) is None)


@contextlib.contextmanager
def fit_context(
    gan: Any, callbacks: Any, data: Any, samples: Any, notices: Sequence[lengths.LengthNotice] = ()
) -> Iterator[Any]:
    """The context of a `fit`: `gan.current_fit` is the `Fit`, and the data get the number of each epoch.

    Yields the callbacks to be passed to Keras.

    Args:
        gan: the `kerasgan.GAN`.
        callbacks: the argument of `fit`.
        data: what `prepare` has returned for `x`.
        samples: what `watch` has returned.
        notices: a `length_notice` of the training data and one of the validation data.
    """
    given = _flat(callbacks)
    adapter = data if isinstance(data, keras_internals.EpochAdapter) else None
    gan.current_fit = Fit(given, adapter, samples=samples)
    setters = [] if adapter is None else [_EpochSetter(gan.current_fit)]
    setters += [lengths.Notices(*notices)] if notices else []
    is_built = isinstance(callbacks, keras.callbacks.CallbackList)
    if is_built:
        callbacks.callbacks = [*setters, *given]
    try:
        yield callbacks if is_built else [*setters, *given]
    finally:
        gan.current_fit = None
        for notice in notices:
            notice.stop()
        if is_built:
            callbacks.callbacks = given


class _EpochSetter(keras.callbacks.Callback):
    """Sets the number of the epoch that begins in the data, and its first batch in Keras's iterator."""

    def __init__(self, fit):
        super().__init__()
        self.fit = fit

    def on_epoch_begin(self, epoch, logs=None):
        self.fit.data.epoch = epoch
        if self.fit.data.skip:
            keras_internals.begin_epoch_at(self.fit.iterator, self.fit.data.skip, self.fit.data.num_batches)
