"""The form of every source before it becomes batches, and the part of it that a split names."""

import dataclasses
import hashlib
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from kerasgan.conditions import Condition, Image
from kerasgan.validation import memory

from .scale import ValueScale, scaled

SPLIT_ADVICE = "Use 'train' or a slice of it, such as 'train[:90%]', 'train[90%:]' or 'train[:1000]'."
# Not the caller's seed: 'train[:90%]' and 'train[90%:]' have to be disjoint whatever seeds they are loaded with.
SPLIT_SEED = 0
MEMORY_SHARE = 0.25
"""Share of the memory that photos may take: there may be three copies for a moment, one of them TensorFlow's."""


@dataclasses.dataclass(frozen=True)
class Source:
    """A whole data set, in memory or on disk.

    Attributes:
        name: short name for reports.
        values: uint8 images (num_images, height, width, channels) in [0, 255], float32 images of that shape in
            [-1, 1], or float32 points (num_images, dimensions) of any range; uint16 images are scaled by `value_scale`.
            Images that are too large for memory are a `np.memmap`.
        labels: int32 (num_images,), or None when the source has none.
        num_classes: number of classes, or None when the source has no labels.
        class_names: one name for each class, or None when the classes have no names.
        skipped: names of the files that could not be read.
        fingerprint: the `fingerprint` of values and labels where it is known already, or None.
        conditions: float32 (num_images, columns), or None.
        condition_channels: so many of the last channels of `values` are the condition of the image; None for none.
        condition: the value of `kerasgan.conditions` that describes the conditions, or None.
        condition_names: one name for each column of the conditions, or None when they have none.
        value_scale: the scale of the values, or None of points.
        rate: samples a second of sounds, or None.
    """

    name: str
    values: np.ndarray
    labels: np.ndarray | None = None
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    fingerprint: str | None = None
    conditions: np.ndarray | None = None
    condition_channels: int | None = None
    condition: Condition | None = None
    condition_names: tuple[str, ...] | None = None
    value_scale: ValueScale | None = None
    rate: int | None = None

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of `values` in memory, for `make_batches`; None for all of their dtype, or floats."""
        return None if self.value_scale is None else self.value_scale.stored_range

    def with_labels(
        self, labels: np.ndarray | None, num_classes: int | None, class_names: tuple[str, ...] | None = None
    ) -> "Source":
        """Returns the same values with labels."""
        return dataclasses.replace(self, labels=labels, num_classes=num_classes, class_names=class_names)

    def with_conditions(self, conditions: np.ndarray, condition: Condition) -> "Source":
        """Returns the same values with conditions, float32 (n, columns), and the value that describes them."""
        return dataclasses.replace(self, conditions=conditions, condition=condition)

    def with_scale(self, value_range: Any = None, unit: str | None = None) -> "Source":
        """Returns images with their scale: see `scale.scaled`. Points are returned as they are.

        Raises:
            ValueError: as `scale.scaled` does, or for points with a range or a unit.
        """
        if self.values.ndim == 2:
            if value_range is not None or unit is not None:
                raise ValueError(
                    f"Points have no range. Received: value_range or unit for {self.name!r}. Leave both None."
                )
            return self
        is_plain = self.values.dtype == np.uint8 and value_range is None
        if is_plain:
            return dataclasses.replace(self, value_scale=ValueScale("uint8", 0, 255, unit))
        values, scale = scaled(self.values, value_range, unit, self.name)
        return dataclasses.replace(self, values=values, value_scale=scale)

    def cropped_condition(self, crop: tuple[int, int] | None) -> Condition | None:
        """Returns the condition of images that are cropped to (height, width); None for whole images."""
        if crop is None or self.condition_channels is None:
            return self.condition
        return Image((*crop, self.condition_channels))

    def part(self, split: str) -> "Source":
        """Returns the part that `split` names, in storage order. Raises ValueError as `split_indices` does."""
        indices = split_indices(split, len(self.values))
        if len(indices) == len(self.values):
            return self
        labels, conditions = (None if each is None else each[indices] for each in (self.labels, self.conditions))
        return dataclasses.replace(
            self, values=self.values[indices], labels=labels, conditions=conditions, fingerprint=None
        )


def fingerprint(dtype: Any, shape: tuple[int, ...], blocks: Iterable[Any], labels: np.ndarray | None) -> str:
    """Returns the SHA-256 of values of that dtype and shape, given as blocks of bytes, and of their labels or None."""
    digest = hashlib.sha256(f"{dtype} {shape} ".encode())
    for block in blocks:
        digest.update(block)
    if labels is not None:
        digest.update(f"{labels.dtype} {labels.shape} ".encode())
        digest.update(np.ascontiguousarray(labels).data)
    return digest.hexdigest()


def is_small(num_images: int, size: tuple[int, int], channels: int) -> bool:
    """Returns whether images, one byte a value, leave most of the memory to others while they are held in it."""
    return num_images * math.prod(size) * channels <= MEMORY_SHARE * memory.total_bytes()


def check_memory(num_images: int, size: tuple[int, ...], channels: int) -> None:
    """Checks that images resized to `size`, one byte a value, can be held in the memory of this machine.

    Raises:
        ValueError: if they cannot.
    """
    num_bytes = num_images * math.prod(size) * channels
    if not memory.fits(num_bytes):
        raise ValueError(
            f"The whole data set must fit into memory. Received: image_size={tuple(size)} for {num_images:,} images, "
            f"which take {num_bytes / 2**30:,.0f} GiB. Use a smaller image_size, or a part of them: split='train[:1%]'."
        )


def split_indices(split: str, num_images: int) -> np.ndarray:
    """Returns which images belong to a slice of 'train', for sources that come without splits of their own.

    A slice is cut from one fixed permutation, so that slices which do not overlap share no image, and each has all
    classes in proportion even where the source is sorted by class.

    Args:
        split: `"train"`, or a slice of it in percent or images: `"train[:90%]"`, `"train[-100:]"`.
        num_images: size of the whole source.

    Returns:
        Sorted int64 indices.

    Raises:
        ValueError: when `split` is something else, reaches beyond the source, or holds no image.
    """
    bound = r"(-?[0-9]{1,15}%?)?"
    match = re.fullmatch(rf"train(\[{bound}:{bound}\])?", split) if isinstance(split, str) else None
    if match is None:
        raise ValueError(f"This source has no split but 'train'. Received: split={split!r}. {SPLIT_ADVICE}")
    if match[1] is None:
        return np.arange(num_images)
    start = _position(match[2], num_images, 0, split)
    stop = _position(match[3], num_images, num_images, split)
    if start >= stop:
        raise ValueError(
            f"A split must hold at least one of the {num_images}. Received: split={split!r}. {SPLIT_ADVICE}"
        )
    return np.sort(np.random.default_rng(SPLIT_SEED).permutation(num_images)[start:stop])


def _position(bound, num_images, default, split):
    """Returns one end of a slice as a number of images in [0, num_images]; None means `default`."""
    if bound is None:
        return default
    percent = bound.endswith("%")
    number = int(bound.rstrip("%"))
    limit = 100 if percent else num_images
    if abs(number) > limit:
        rule = f"A split must stay within the source's {num_images}."
        raise ValueError(f"{rule} Received: split={split!r}. {SPLIT_ADVICE}")
    number = number + limit if bound.startswith("-") else number
    return round(number * num_images / 100) if percent else number
