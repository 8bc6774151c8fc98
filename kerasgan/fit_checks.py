"""Checks of the data of `fit` and `evaluate`: arrays at once, datasets batch by batch as they are read."""

import contextlib
import dataclasses
import sys
import types
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerasgan import backend
from kerasgan.datasets import Batches
from kerasgan.datasets.sample import WrappedPyDataset
from kerasgan.validation import images as image_checks

DEFAULT_BATCH_SIZE = 32


def check_data(
    x: Any, y: Any, gan: Any, batch_size: int | None, required_images: int, multiple_of: int = 1
) -> tuple[Any, Any]:
    """Returns `x` and `y`, checked or wrapped so that they are checked as they are read.

    Args:
        x: an array (n, ...), a `kerasgan.datasets.Batches`, or a `tf.data.Dataset`, `keras.utils.PyDataset` or Python
            generator of batches; other sources that Keras knows (a grain dataset) pass unchanged, and the step checks
            their shapes and dtypes alone.
        y: the labels of an array, (n,), or its conditions (n, ...), or None.
        gan: the `kerasgan.GAN`, for its `data_spec`.
        batch_size: images in a batch where `x` is an array, or None for Keras's default of 32.
        required_images: the fewest images that a batch may hold.
        multiple_of: every batch holds a multiple of so many images.

    Raises:
        ValueError: for images that the GAN cannot be trained on, no images at all, labels that it does not use, or none
            that it needs.
    """
    tf = tensorflow()
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


def check_condition(expected: Any, condition: Any) -> None:
    """Checks that there are labels, or other conditions, where the GAN has them, and none where it has not.

    Args:
        expected: the GAN's condition, a value of `kerasgan.conditions`, or None.
        condition: those of the data, or None.

    Raises:
        ValueError: if there is one without the other.
    """
    if expected is None and condition is not None:
        raise ValueError(_no_labels(f"labels of type {type(condition).__name__}"))
    if expected is not None and condition is None:
        raise ValueError(_condition_needed(expected, "images alone"))


@contextlib.contextmanager
def refusals_as_value_errors() -> Iterator[None]:
    """The context in which the error of a check in a dataset's pipeline is raised as a `ValueError`."""
    try:
        yield
    except Exception as error:
        if tensorflow() is None:
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
        checked = dataclasses.replace(checked, report=image_checks.FirstBatches(gan.data_spec[0]).add)
        _check_parts(batches.epoch(0).element_spec, gan)
        checked.epoch(0)  # the specs are checked when the functions are traced
    return checked


def _check_loaded(batches, gan):
    """Checks batches as they were loaded: their values have been checked then, and they are not looked at again."""
    image_shape, condition = gan.data_spec
    if condition is None and batches.has_condition:
        raise ValueError(_no_labels("batches of images and labels"))
    if condition is not None and not batches.has_condition:
        raise ValueError(_condition_needed(condition, "batches of images alone"))
    image_checks.check_image_spec((batches.batch_size, *batches.image_shape), "float32", image_shape)
    if condition is not None:
        condition.check_spec((batches.batch_size, *batches.condition_shape), batches.condition_dtype)
        condition.check_range(*batches.condition_range)


def _batch_check(gan, required_images, multiple_of):
    if backend.NAME == "tensorflow":
        from kerasgan.backend.tensorflow import dataset_checks

        return dataset_checks.batch_check(gan, required_images, multiple_of)

    first = image_checks.FirstBatches(gan.data_spec[0])

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
    return data.with_report(checked, image_checks.FirstBatches(gan.data_spec[0]).add)


def _check_parts(spec, gan):
    """Checks that a dataset's batches are images, or pairs of images and conditions where the GAN has one."""
    condition = gan.data_spec[1]
    tf = tensorflow()
    parts = spec if isinstance(spec, tuple) else (spec,)
    if len(parts) == 1 and condition is not None and isinstance(parts[0], tf.TensorSpec):
        raise ValueError(_condition_needed(condition, "a dataset of images alone"))
    number = 1 if condition is None else 2
    received = f"a dataset of {spec}"
    if not all(isinstance(part, tf.TensorSpec) for part in parts):
        raise ValueError(
            "A dataset must give batches of images, or of pairs (images, labels), as dense tensors. Received: "
            f"{received}. Map it to these: dataset.map(lambda row: row['image']); make ragged images one size first."
        )
    if len(parts) != number:
        raise ValueError(_no_labels(received) if condition is None else _condition_needed(condition, received))


def _check_arrays(x, y, gan, batch_size, required_images, multiple_of):
    """Returns the conditions of an array as an array, or None."""
    image_shape, condition = gan.data_spec
    check_condition(condition, y)
    image_checks.check_array(x, image_shape, batch_size, required_images)
    for size in {min(batch_size, len(x)), len(x) % batch_size}:
        image_checks.check_batch_multiple(size, multiple_of)
    if y is None:
        return None
    y = np.asarray(y)
    condition.check_array(y, len(x))
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
    image_shape, condition = gan.data_spec
    check_condition(condition, labels)
    low, high = image_checks.check_batch(np.asarray(images), image_shape, required_images)
    if first is not None:
        first.add(low, high, len(images))
    if labels is not None:
        condition.check_array(np.asarray(labels), len(images))


def _checked_generator(batches, gan, required_images):
    first = image_checks.FirstBatches(gan.data_spec[0])
    for batch in batches:
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        check_numpy_batch(images, labels, gan, required_images, first)
        yield batch


class _CheckedPyDataset(WrappedPyDataset):
    """The batches of another `PyDataset`, each checked as it is read."""

    def __init__(self, batches, gan, required_images):
        super().__init__(batches)
        self.gan, self.required_images = gan, required_images
        self.first: image_checks.FirstBatches | None = image_checks.FirstBatches(gan.data_spec[0])

    def __getitem__(self, index):
        batch = self.batches[index]
        images, labels, _ = keras.utils.unpack_x_y_sample_weight(batch)
        # Each of several processes has a copy of `first`, so that only the process of the first batch uses it.
        first = self.first if index == 0 or not self.use_multiprocessing else None
        check_numpy_batch(images, labels, self.gan, self.required_images, first)
        return batch

    def on_epoch_end(self):
        super().on_epoch_end()
        if self.use_multiprocessing:
            self.first = None  # for the processes of the next epoch


def tensorflow() -> Any:
    """Returns TensorFlow if it has been imported, or None: then there is no dataset and no error of TensorFlow's."""
    return sys.modules.get("tensorflow")


def _no_labels(received):
    return (
        "This GAN is unconditional: it is trained on images alone. "
        f"Received: {received}. Leave the labels out: dataset.map(lambda images, labels: images); or build the "
        "networks and the GAN with num_classes."
    )


def _condition_needed(condition, received):
    if condition.dtype == "int32":
        return (
            f"This GAN has {condition.num_classes} classes: it is trained on pairs (images, labels). Received: "
            f"{received}. Load the data with labels=True, or pass the labels as y."
        )
    return (
        f"This GAN has the condition {condition!r}: it is trained on pairs (images, conditions). Received: {received}. "
        "Pass the conditions as y, or load pairs with kerasgan.datasets."
    )
