"""The data of `fit` and `evaluate`, checked before training: arrays at once, datasets batch by batch."""

import contextlib
import dataclasses
import math
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerasgan import backend, keras_internals
from kerasgan.datasets import Batches, sample
from kerasgan.validation import data_kinds, lengths, scalars
from kerasgan.validation import images as image_checks

DEFAULT_BATCH_SIZE = 32
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


def watch(callbacks: Any, x: Any, y: Any, validation_data: Any, validation_split: float) -> tuple[Any, Any, Any]:
    """Returns `x` and `validation_data` for `prepare`, and the `kerasgan.datasets.sample.Samples` of both.

    There are samples only if a callback has an attribute `needs_samples` that is true.

    Args:
        callbacks, x, y, validation_data, validation_split: the arguments of `fit`.
    """
    if not any(getattr(each, "needs_samples", False) for each in _flat(callbacks)):
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
    x, y = check_data(x, y, gan, batch_size, minibatches, placement.required_batch_multiple(minibatches))
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
    data_kinds.check_kind(x, _KNOWN + (() if _tensorflow() is None else (_tensorflow().data.Dataset,)))
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
    tf = _tensorflow()
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


def check_data(
    x: Any, y: Any, gan: Any, batch_size: int | None, required_images: int, multiple_of: int = 1
) -> tuple[Any, Any]:
    """Returns `x` and `y`, checked or wrapped so that they are checked as they are read.

    Args:
        x: an array (n, ...), a `kerasgan.datasets.Batches`, or a `tf.data.Dataset`, `keras.utils.PyDataset` or Python
            generator of batches; other sources that Keras knows (a grain dataset) pass unchanged, and the step checks
            their shapes and dtypes alone.
        y: the labels of an array, (n,), or None.
        gan: the `kerasgan.GAN`, for its `image_shape` and `num_classes`.
        batch_size: images in a batch where `x` is an array, or None for Keras's default of 32.
        required_images: the fewest images that a batch may hold.
        multiple_of: every batch holds a multiple of so many images.

    Raises:
        ValueError: for images that the GAN cannot be trained on, no images at all, labels that it does not use, or none
            that it needs.
    """
    tf = _tensorflow()
    if isinstance(x, Batches):
        return _checked_batches(x, gan, required_images, multiple_of), y
    if tf is not None and isinstance(x, tf.data.Dataset):
        return _checked_dataset(x, gan, required_images, multiple_of, tf), y
    if isinstance(x, keras.utils.PyDataset):
        return _CheckedPyDataset(x, gan, required_images), y
    if isinstance(x, types.GeneratorType):
        return _checked_generator(x, gan, required_images), y
    if isinstance(x, np.ndarray) or keras.ops.is_tensor(x) or (tf is not None and tf.is_tensor(x)):
        return x, _check_arrays(x, y, gan, batch_size or DEFAULT_BATCH_SIZE, required_images, multiple_of)
    return x, y


def check_labels(num_classes: int | None, labels: Any) -> None:
    """Checks that there are labels where the GAN has classes, and none where it has not.

    Raises:
        ValueError: if it is the other way round.
    """
    if num_classes is None and labels is not None:
        raise ValueError(_no_labels(f"labels of type {type(labels).__name__}"))
    if num_classes is not None and labels is None:
        raise ValueError(_labels_needed(num_classes, "images alone"))


@contextlib.contextmanager
def refusals_as_value_errors() -> Iterator[None]:
    """The context in which the error of a check in a dataset's pipeline is raised as a `ValueError`."""
    try:
        yield
    except Exception as error:
        if _tensorflow() is None:
            raise
        from kerasgan.backend.tensorflow import dataset_checks

        message = dataset_checks.refusal(error)
        if message is None:
            raise
        raise ValueError(message) from None


def _checked_batches(batches, gan, required_images, multiple_of):
    image_checks.check_batch_size(batches.batch_size, required_images)
    image_checks.check_batch_multiple(batches.batch_size, multiple_of)
    if not batches.functions:
        _check_loaded(batches, gan)
        return batches
    if all(per_image for _, per_image in batches.functions):
        required_images, multiple_of = 1, 1  # the sizes are checked, and each replica may read its rows alone
    checked = batches.map(_batch_check(gan, required_images, multiple_of), per_image=True)
    if backend.NAME == "tensorflow":
        checked = dataclasses.replace(checked, report=image_checks.FirstBatches(gan.image_shape).add)
        _check_parts(batches.epoch(0).element_spec, gan)
        checked.epoch(0)  # the specs are checked when the functions are traced
    return checked


def _check_loaded(batches, gan):
    """Checks batches as they were loaded: their values have been checked then, and they are not looked at again."""
    if gan.num_classes is None and batches.label_range is not None:
        raise ValueError(_no_labels("batches of images and labels"))
    if gan.num_classes is not None and batches.label_range is None:
        raise ValueError(_labels_needed(gan.num_classes, "batches of images alone"))
    image_checks.check_image_spec((batches.batch_size, *batches.image_shape), "float32", gan.image_shape)
    if batches.label_range is not None:
        image_checks.check_label_range(*batches.label_range, gan.num_classes)


def _batch_check(gan, required_images, multiple_of):
    if backend.NAME == "tensorflow":
        from kerasgan.backend.tensorflow import dataset_checks

        return dataset_checks.batch_check(gan, required_images, multiple_of)

    first = image_checks.FirstBatches(gan.image_shape)

    def check(images, labels=None):
        check_numpy_batch(images, labels, gan, required_images, first)
        return images if labels is None else (images, labels)

    return check


def _checked_dataset(dataset, gan, required_images, multiple_of, tf):
    from kerasgan.backend.tensorflow import data, dataset_checks

    if dataset.cardinality() == 0:
        raise ValueError(
            "There must be images to train on. Received: an empty dataset. If it was batched with "
            "drop_remainder=True, the batch may be larger than the dataset."
        )
    _check_parts(dataset.element_spec, gan)
    checked = dataset.map(dataset_checks.batch_check(gan, required_images, multiple_of))
    return data.with_report(checked, image_checks.FirstBatches(gan.image_shape).add)


def _check_parts(spec, gan):
    """Checks that a dataset's batches are images, or pairs of images and labels where the GAN has classes."""
    tf = _tensorflow()
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) == 1 and gan.num_classes is not None and isinstance(parts[0], tf.TensorSpec):
        raise ValueError(_labels_needed(gan.num_classes, "a dataset of images alone"))
    number = 1 if gan.num_classes is None else 2
    received = f"a dataset of {spec}"
    if not all(isinstance(part, tf.TensorSpec) for part in parts):
        raise ValueError(
            "A dataset must give batches of images, or of pairs (images, labels), as dense tensors. Received: "
            f"{received}. Map it to these: dataset.map(lambda row: row['image']); make ragged images one size first."
        )
    if len(parts) != number:
        raise ValueError(_no_labels(received) if gan.num_classes is None else _labels_needed(gan.num_classes, received))


def _check_arrays(x, y, gan, batch_size, required_images, multiple_of):
    """Returns the labels of an array as an array, or None."""
    check_labels(gan.num_classes, y)
    image_checks.check_array(x, gan.image_shape, batch_size, required_images)
    for size in {min(batch_size, len(x)), len(x) % batch_size}:
        image_checks.check_batch_multiple(size, multiple_of)
    if y is None:
        return None
    y = np.asarray(y)
    image_checks.check_label_array(y, len(x), gan.num_classes)
    return y


def check_numpy_batch(
    images: Any, labels: Any, gan: Any, required_images: int, first: image_checks.FirstBatches | None = None
) -> None:
    """Checks one batch that Python makes, before it is trained on.

    Args:
        images, labels: the batch, arrays or tensors.
        gan, required_images: as for `check_data`.
        first: gets the range of the images, or None.

    Raises:
        ValueError: as `check_data` does.
    """
    check_labels(gan.num_classes, labels)
    low, high = image_checks.check_batch(np.asarray(images), gan.image_shape, required_images)
    if first is not None:
        first.add(low, high, len(images))
    if labels is not None:
        image_checks.check_label_array(np.asarray(labels), len(images), gan.num_classes)


def _checked_generator(batches, gan, required_images):
    first = image_checks.FirstBatches(gan.image_shape)
    for batch in batches:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        check_numpy_batch(images, labels, gan, required_images, first)
        yield batch


class _CheckedPyDataset(keras.utils.PyDataset):
    """The batches of another `PyDataset`, each checked as it is read."""

    def __init__(self, batches, gan, required_images):
        super().__init__(batches.workers, batches.use_multiprocessing, batches.max_queue_size)
        self.batches, self.gan, self.required_images = batches, gan, required_images
        self.first: image_checks.FirstBatches | None = image_checks.FirstBatches(gan.image_shape)

    def __getitem__(self, index):
        batch = self.batches[index]
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        # Each of several processes has a copy of `first`, so that only the process of the first batch uses it.
        first = self.first if index == 0 or not self.use_multiprocessing else None
        check_numpy_batch(images, labels, self.gan, self.required_images, first)
        return batch

    @property
    def num_batches(self):
        return self.batches.num_batches

    def on_epoch_begin(self):
        self.batches.on_epoch_begin()

    def on_epoch_end(self):
        self.batches.on_epoch_end()
        if self.use_multiprocessing:
            self.first = None  # for the processes of the next epoch


def _tensorflow():
    """Returns TensorFlow if it has been imported, or None: then there is no dataset and no error of TensorFlow's."""
    return sys.modules.get("tensorflow")


def _no_labels(received):
    return (
        "This GAN is unconditional: it is trained on images alone. "
        f"Received: {received}. Leave the labels out: dataset.map(lambda images, labels: images); or build the "
        "networks and the GAN with num_classes."
    )


def _labels_needed(num_classes, received):
    return (
        f"This GAN has {num_classes} classes: it is trained on pairs (images, labels). Received: {received}. "
        "Load the data with labels=True, or pass the labels as y."
    )
