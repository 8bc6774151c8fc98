"""Conditions: what the generator is asked for, and the discriminator is told, beside the image.

A condition is a frozen value that describes one input of both networks, with one row for each image of a batch: a class
(`Classes`), several labels at once (`Labels`), numbers (`Vector`), or another image (`Image`). Networks are built for
it, and `kerasgan.GAN(..., condition=...)` is trained on pairs (images, conditions).

`num_classes=10` is the short form of `condition=Classes(10)`.
"""

import abc
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasgan.configs import frozen_config
from kerasgan.validation import images as image_checks
from kerasgan.validation import networks as network_checks
from kerasgan.validation import scalars

TOLERANCE = image_checks.TOLERANCE


class Condition(abc.ABC):
    """What all conditions have in common.

    Attributes:
        shape: shape of the condition of one image, without the batch axis.
        dtype: `"int32"` or `"float32"`, the type in which networks get it.
        input_name: name of the networks' input, and of that of exported models.
        limits: the least and the greatest value that is allowed; (None, None) for any finite number.
    """

    dtype: str = "float32"
    input_name: str = "condition"
    limits: tuple[float | None, float | None] = (None, None)
    plural: str = "Conditions"

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the condition of one image, without the batch axis."""

    def input(self) -> Any:
        """Returns the symbolic input of a network, (batch, *shape)."""
        return keras.Input(self.shape, dtype=self.dtype, name=self.input_name)

    @abc.abstractmethod
    def draw(self, n: int, seed: int | None) -> np.ndarray:
        """Draws conditions for samples of which none were given, (n, *shape); the same for the same seed.

        Raises:
            ValueError: if such conditions cannot be drawn.
        """

    def check_spec(self, shape: Sequence[int | None], dtype: Any) -> None:
        """Checks the shape (with the batch axis) and the dtype of one batch of conditions.

        Raises:
            ValueError: if they are not those of this condition.
        """
        dtype = _standard_dtype(dtype)
        if not dtype.startswith(("float", "bfloat", "int", "uint", "bool")):
            raise ValueError(f"{self.plural} must be numbers. Received: dtype {dtype}. Encode them as numbers first.")
        if not network_checks.same_shape(tuple(shape)[1:], self.shape):
            raise ValueError(
                f"{self.plural} must have shape {_batch_of(self.shape)}. Received: shape {tuple(shape)}. "
                f"{self._way_to_shape(tuple(shape))}"
            )

    def check_array(self, values: Any, num_images: int) -> None:
        """Checks the conditions of `num_images` images.

        Raises:
            ValueError: if they are not as many, of another shape or dtype, not finite or out of range.
        """
        values = np.asarray(values)
        self.check_spec(values.shape, values.dtype)
        if len(values) != num_images:
            raise ValueError(
                f"There must be one condition for each image. Received: {len(values)} conditions for {num_images} "
                "images."
            )
        if values.size:
            self.check_range(float(values.min()), float(values.max()))

    def check_range(self, lowest: float, highest: float) -> None:
        """Checks the least and the greatest value of some conditions; NaN anywhere makes both NaN.

        Raises:
            ValueError: if they are not finite, or out of range.
        """
        if not (np.isfinite(lowest) and np.isfinite(highest)):
            raise ValueError(
                f"{self.plural} must be finite. Received: values from {lowest:g} to {highest:g}. Remove or replace "
                "what holds NaN or infinity."
            )
        low, high = self.limits
        if (low is not None and lowest < low - TOLERANCE) or (high is not None and highest > high + TOLERANCE):
            raise ValueError(f"{self.rule}. Received: values from {lowest:g} to {highest:g}. {self.advice}.")

    @property
    def rule(self) -> str:
        """The rule of `check_range`, as a clause."""
        return f"{self.plural} must lie in [{self.limits[0]:g}, {self.limits[1]:g}]"

    @property
    def advice(self) -> str:
        """The way out of values that are out of range, as a clause."""
        return image_checks.RANGE_ADVICE

    def _way_to_shape(self, shape):
        return f"Build the networks and the GAN for {type(self).__name__} of shape {shape[1:]}."


@frozen_config
class Classes(Condition):
    """One class for each image: int32 (batch,) in [0, num_classes).

    Args:
        num_classes: number of classes, at least 1.

    Raises:
        ValueError: if that is not a whole number of at least 1.

    Reference: Mirza and Osindero, 2014, arXiv:1411.1784.
    """

    num_classes: int

    dtype = "int32"
    input_name = "labels"
    plural = "Labels"

    def __post_init__(self) -> None:
        scalars.whole_number("num_classes", self.num_classes, 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """(): a class is one number."""
        return ()

    @property
    def limits(self) -> tuple[float | None, float | None]:
        """The first and the last class."""
        return 0, self.num_classes - 1

    def draw(self, n: int, seed: int | None) -> np.ndarray:
        """Raises a `ValueError`: `generate` draws labels on the engine, uniformly, as an exported model draws them."""
        raise ValueError(
            f"Labels are drawn by the GAN. Received: n={n}. Use gan.generate(n), or "
            f"np.random.default_rng(seed).integers({self.num_classes}, size=n)."
        )

    def check_spec(self, shape: Sequence[int | None], dtype: Any) -> None:
        """Checks one batch of labels: see `Condition.check_spec`."""
        image_checks.check_label_spec(shape, dtype)

    def check_array(self, values: Any, num_images: int) -> None:
        """Checks the labels of `num_images` images: see `Condition.check_array`."""
        image_checks.check_label_array(values, num_images, self.num_classes)

    def check_range(self, lowest: float, highest: float) -> None:
        """Checks the least and the largest label: see `Condition.check_range`."""
        image_checks.check_label_range(int(lowest), int(highest), self.num_classes)

    @property
    def rule(self) -> str:
        """The rule of `check_range`, as a clause."""
        return f"{image_checks.LABELS_RULE}, [0, {self.num_classes})"

    @property
    def advice(self) -> str:
        """The way out of labels that are out of range, as a clause."""
        return image_checks.LABELS_ADVICE


@frozen_config
class Labels(Condition):
    """Several labels at once, each there or not: 0 or 1, float32 (batch, num_labels).

    Args:
        num_labels: how many labels there are, at least 1.
        frequencies: the share of images that have each label, in [0, 1], from which labels are drawn where none are
            given; None for one half each. `Labels.from_data` counts them.

    Raises:
        ValueError: if the number is not whole and at least 1, or the frequencies are not one share for each label.

    Example:

    ```python
    import numpy as np

    import kerasgan

    has = np.array([[1, 0, 1], [1, 1, 0]])  # two images: glasses, hat, smile
    kerasgan.conditions.Labels.from_data(has)
    ```
    """

    num_labels: int
    frequencies: tuple[float, ...] | None = None

    limits = (0.0, 1.0)
    plural = "Labels"

    def __post_init__(self) -> None:
        scalars.whole_number("num_labels", self.num_labels, 1)
        if self.frequencies is not None:
            shares = _numbers_of("frequencies", self.frequencies, self.num_labels)
            if not all(0 <= each <= 1 for each in shares):
                raise ValueError(f"frequencies must lie in [0, 1]. Received: frequencies={self.frequencies!r}.")
            object.__setattr__(self, "frequencies", shares)

    @classmethod
    def from_data(cls, labels: Any) -> "Labels":
        """Returns the condition of labels, 0 or 1, (n, num_labels), with the frequency of each."""
        labels = _table("labels", labels)
        condition = cls(labels.shape[1], tuple(labels.mean(axis=0).clip(0, 1)))
        condition.check_array(labels, len(labels))
        return condition

    @property
    def shape(self) -> tuple[int, ...]:
        """(num_labels,)."""
        return (self.num_labels,)

    @property
    def advice(self) -> str:
        """The way out of values that are out of range, as a clause."""
        return "Encode each label as 0 or 1"

    def draw(self, n: int, seed: int | None) -> np.ndarray:
        """Draws each label by its frequency, independently of the others: float32 (n, num_labels)."""
        shares = 0.5 if self.frequencies is None else np.array(self.frequencies)
        return (np.random.default_rng(seed).random((n, self.num_labels)) < shares).astype("float32")


@frozen_config
class Vector(Condition):
    """Numbers, such as an age, an angle or a temperature: float32 (batch, size), of any unit.

    Networks standardize them themselves, so that numbers go in, and into an exported model, in their own unit.

    Args:
        size: how many numbers there are, at least 1.
        mean, std: mean and standard deviation of each number; None for 0 and 1. `Vector.from_data` finds them.

    Raises:
        ValueError: if the size is not a whole number of at least 1, there is not one mean and one standard deviation
            for each number, or a standard deviation is not above 0.

    Example:

    ```python
    import numpy as np

    import kerasgan

    ages = np.array([[23.0], [61.0], [45.0]])
    kerasgan.conditions.Vector.from_data(ages)
    ```
    """

    size: int
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        scalars.whole_number("size", self.size, 1)
        for name in ("mean", "std"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _numbers_of(name, value, self.size))
        if self.std is not None and min(self.std) <= 0:
            raise ValueError(f"std must be above 0. Received: std={self.std!r}. Leave out numbers that never change.")

    @classmethod
    def from_data(cls, numbers: Any) -> "Vector":
        """Returns the condition of numbers (n, size), with the mean and standard deviation of each.

        Raises:
            ValueError: if they are not finite, or one of them never changes.
        """
        numbers = _table("numbers", numbers)
        condition = cls(numbers.shape[1])
        condition.check_array(numbers, len(numbers))
        std = numbers.astype("float64").std(axis=0)
        if not np.all(std > 0):
            constant = np.flatnonzero(~(std > 0)).tolist()
            raise ValueError(f"Every number must vary. Received: numbers whose columns {constant} are constant.")
        return cls(numbers.shape[1], tuple(numbers.astype("float64").mean(axis=0)), tuple(std))

    @property
    def shape(self) -> tuple[int, ...]:
        """(size,)."""
        return (self.size,)

    @property
    def scale(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, float32 (size,) each."""
        mean = np.zeros(self.size) if self.mean is None else np.array(self.mean)
        std = np.ones(self.size) if self.std is None else np.array(self.std)
        return mean.astype("float32"), std.astype("float32")

    def draw(self, n: int, seed: int | None) -> np.ndarray:
        """Draws each number from a normal distribution of its mean and standard deviation: float32 (n, size)."""
        mean, std = self.scale
        return (mean + std * np.random.default_rng(seed).standard_normal((n, self.size))).astype("float32")


@frozen_config
class Image(Condition):
    """An image, such as a sketch or a gray photo: float32 (batch, height, width, channels) in [-1, 1].

    Args:
        image_shape: (height, width, channels) of the condition in training. Networks that take any size, such as
            `kerasgan.networks.unet`, translate images of other sizes as well.

    Raises:
        ValueError: if these are not three whole numbers of at least 1.
    """

    image_shape: tuple[int, ...]

    limits = (-1.0, 1.0)
    plural = "Images that are conditions"

    def __post_init__(self) -> None:
        sides = tuple(self.image_shape) if isinstance(self.image_shape, list | tuple) else (self.image_shape,)
        if len(sides) != 3:
            raise ValueError(
                "image_shape must be (height, width, channels). Received: "
                f"image_shape={self.image_shape!r}. Gray images have one channel."
            )
        whole = tuple(scalars.whole_number(f"image_shape[{axis}]", side, 1) for axis, side in enumerate(sides))
        object.__setattr__(self, "image_shape", whole)

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, channels)."""
        return self.image_shape

    def draw(self, n: int, seed: int | None) -> np.ndarray:
        """Raises a `ValueError`: images are not drawn."""
        raise ValueError(
            "Images that are conditions must be given. Received: none. Pass condition=images, float (n, "
            f"{', '.join(map(str, self.shape))}) in [-1, 1]."
        )

    def _way_to_shape(self, shape):
        return "Load pairs with kerasgan.datasets, which brings both images to one size, or build for that shape."


KINDS: dict[str, type[Condition]] = {"classes": Classes, "labels": Labels, "vector": Vector, "image": Image}
"""The kinds of conditions."""


def resolve(num_classes: int | None = None, condition: Condition | None = None) -> Condition | None:
    """Returns the condition that the arguments `num_classes` and `condition` stand for; None for none.

    Raises:
        ValueError: if both are given, or `condition` is no condition.
    """
    if condition is None:
        return None if num_classes is None else Classes(num_classes)
    if num_classes is not None:
        raise ValueError(
            "There is one condition. Received: "
            f"num_classes={num_classes!r} and condition={condition!r}. Give one of them: num_classes is the short form "
            "of condition=kerasgan.conditions.Classes(num_classes)."
        )
    if not isinstance(condition, Condition):
        raise ValueError(
            f"condition must be a value of kerasgan.conditions. Received: condition={condition!r}. Use "
            "Classes(10), Labels(40), Vector(3) or Image((64, 64, 1))."
        )
    return condition


def _numbers_of(name, values, count):
    numbers = scalars.numbers(name, values).ravel()
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be {count} finite numbers. Received: {name}={values!r}.")
    return tuple(float(each) for each in numbers)


def _table(name, values):
    values = np.asarray(values)
    if values.ndim != 2 or not len(values) or values.dtype.kind not in "iufb":
        raise ValueError(
            f"{name} must be numbers of shape (n, columns). Received: shape {values.shape} of dtype {values.dtype}. "
            "Use values[:, None] for one number for each image."
        )
    return values


def _batch_of(shape):
    return f"(batch, {', '.join(map(str, shape))})" if len(shape) != 1 else f"(batch, {shape[0]})"


def _standard_dtype(dtype):
    try:
        return keras.backend.standardize_dtype(dtype)
    except ValueError:  # of objects, texts and dates
        return str(dtype)
