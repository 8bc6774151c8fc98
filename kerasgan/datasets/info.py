"""Facts of a data set, as every loader returns them."""

import dataclasses
import hashlib

import numpy as np

from kerasgan.conditions import Classes, Condition

from .scale import ValueScale
from .source import Source, fingerprint


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
    """Facts of a data set.

    Attributes:
        name: its name; the last part of the path for a folder.
        image_shape: (height, width, channels), or the shape of a point, (dimensions,).
        num_classes: number of classes, or None when there are no labels.
        num_images: images, or points, in the split that was loaded, those included that do not fill a batch.
        class_names: one name for each class, or None when the classes have no names.
        skipped: names of the files that could not be read, or have no partner or no row in the table of conditions.
        scale: standard deviation of the points, over all dimensions, and of the signals in [-1, 1]; 1.0 for images and
            sounds.
        fingerprint: SHA-256 of all values and labels in memory; equal for equal data alone.
        condition: the value of `kerasgan.conditions` that batches have beside their images, for
            `kerasgan.GAN(..., condition=info.condition)`; None for images alone.
        value_scale: the dtype, range and unit of the source's values, with `to_model` and `to_source`; None for points.
        rate: samples a second of sounds, or None.
        condition_names: one name for each of several labels or numbers, or None when they have none.
    """

    name: str
    image_shape: tuple[int, ...]
    num_classes: int | None
    num_images: int
    class_names: tuple[str, ...] | None
    skipped: tuple[str, ...] = ()
    scale: float = 1.0
    fingerprint: str | None = None
    condition: Condition | None = None
    condition_names: tuple[str, ...] | None = None
    value_scale: ValueScale | None = None
    rate: int | None = None


def info_of(data: Source, crop: tuple[int, int] | None = None, labels: bool = False) -> DatasetInfo:
    """Returns the facts of a source.

    Args:
        data: the source.
        crop: (height, width) to which its images are cropped as they are read, or None.
        labels: whether batches have its labels.
    """
    shape = tuple(data.values.shape[1:])
    if data.condition_channels is not None:
        shape = (*shape[:-1], shape[-1] - data.condition_channels)
    shape = shape if crop is None else (*crop, shape[-1])
    condition = data.cropped_condition(crop)
    if labels and data.num_classes is not None:
        condition = Classes(data.num_classes)
    return DatasetInfo(
        name=data.name,
        image_shape=shape,
        num_classes=data.num_classes,
        num_images=len(data.values),
        class_names=data.class_names,
        skipped=data.skipped,
        scale=float(data.values.std()) if len(shape) == 1 or (len(shape) == 2 and data.rate is None) else 1.0,
        fingerprint=fingerprint_of(data),
        condition=condition,
        condition_names=data.condition_names,
        value_scale=data.value_scale,
        rate=data.rate,
    )


def fingerprint_of(data: Source) -> str:
    """Returns the SHA-256 of everything that a source holds."""
    found = data.fingerprint
    if found is None:
        found = fingerprint(data.values.dtype, data.values.shape, [np.ascontiguousarray(data.values).data], data.labels)
    if data.conditions is None and data.condition_channels is None:
        return found
    if data.conditions is None:
        return joined_fingerprint(found, str(data.condition_channels))
    values = data.conditions
    return joined_fingerprint(found, fingerprint(values.dtype, values.shape, [np.ascontiguousarray(values).data], None))


def joined_fingerprint(*fingerprints: str) -> str:
    """Returns one fingerprint of several."""
    return hashlib.sha256(" ".join(fingerprints).encode()).hexdigest()
