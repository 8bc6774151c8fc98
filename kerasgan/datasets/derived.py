"""Conditions that are made from the images themselves: edges, gray, a smaller image, a hidden part."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from kerasgan.conditions import Image
from kerasgan.validation import errors
from kerasgan.validation.printable import printable

from .decoding import held
from .info import fingerprint_of
from .source import Source

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the luma of ITU-R BT.601."""
SMALL_FACTOR = 4
LIGHT, LINE, HIDDEN = 255, 0, 128
LEAST_EDGE = 24.0
"""Slopes below so many gray levels are no edge, however flat the rest of the image is."""
EDGE_SHARE = 0.12
"""About so many of the pixels are the steepest, from which lines begin."""
WEAK_EDGE = 0.4
"""Lines go on while the slope is so much of that from which they begin."""

MakeCondition = Callable[[np.ndarray], np.ndarray]


def gray(image: np.ndarray) -> np.ndarray:
    """Returns the luma of a color image: uint8 (height, width, 1).

    Args:
        image: uint8 (height, width, 3).

    Reference: ITU-R BT.601, 2011.
    """
    if image.shape[-1] != 3:
        raise ValueError(
            'condition_from="gray" needs images in color. Received: images of '
            f"{image.shape[-1]} channels. Load them with channels=3."
        )
    return np.round(image @ LUMA).astype("uint8")[..., None]


def small(image: np.ndarray) -> np.ndarray:
    """Returns an image of a quarter of each side, enlarged back by repeating each pixel: uint8, of the same shape.

    Each pixel of the small image is the mean of 4x4 pixels, so that nothing else but detail is lost.

    Args:
        image: uint8 (height, width, channels).
    """
    height, width, channels = image.shape
    if height % SMALL_FACTOR or width % SMALL_FACTOR:
        raise ValueError(
            f'condition_from="small" needs sides that are multiples of {SMALL_FACTOR}. Received: images of '
            f"{height}x{width}. Load them with image_size={SMALL_FACTOR * max(1, round(height / SMALL_FACTOR))}."
        )
    blocks = image.reshape(height // SMALL_FACTOR, SMALL_FACTOR, width // SMALL_FACTOR, SMALL_FACTOR, channels)
    means = np.round(blocks.mean(axis=(1, 3))).astype("uint8")
    return means.repeat(SMALL_FACTOR, axis=0).repeat(SMALL_FACTOR, axis=1)


def edges(image: np.ndarray) -> np.ndarray:
    """Returns the outlines of an image as dark lines of one pixel on light ground: uint8 (height, width, 1), 0 or 255.

    The luma is blurred a little; slopes are those of Sobel's filters; a line follows the ridges of the slope, begins
    where it is steep for this image, and goes on where it is less so.

    Args:
        image: uint8 (height, width, channels).

    Reference: Canny, 1986, A computational approach to edge detection.
    """
    level = (image @ LUMA if image.shape[-1] == 3 else image.mean(axis=-1)).astype("float32")
    level = _filtered(level, (1, 4, 6, 4, 1), (1, 4, 6, 4, 1)) / 256
    down = _filtered(level, (-1, 0, 1), (1, 2, 1)) / 4
    right = _filtered(level, (1, 2, 1), (-1, 0, 1)) / 4
    slope = np.hypot(down, right)
    steep = max(float(np.quantile(slope, 1 - EDGE_SHARE)), LEAST_EDGE)
    ridge = _is_ridge(slope, down, right)
    lines = _connected(ridge & (slope >= steep), ridge & (slope >= WEAK_EDGE * steep))
    return np.where(lines, LINE, LIGHT).astype("uint8")[..., None]


def mask(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns an image of which a rectangle is hidden, and a channel that is 255 there: uint8 (h, w, channels + 1).

    The sides of the rectangle are between a quarter and a half of those of the image; hidden pixels are 128.

    Args:
        image: uint8 (height, width, channels).
        random: draws the size and the place of the rectangle.
    """
    ranges = []
    for side in image.shape[:2]:
        length = int(random.integers(max(1, side // 4), max(1, side // 2) + 1))
        start = int(random.integers(0, side - length + 1))
        ranges.append(slice(start, start + length))
    hidden = np.zeros((*image.shape[:2], 1), "uint8")
    hidden[tuple(ranges)] = 255
    return np.concatenate([np.where(hidden, HIDDEN, image).astype("uint8"), hidden], axis=-1)


FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {"edges": edges, "gray": gray, "small": small, "mask": mask}
"""The conditions with a name."""


@dataclasses.dataclass(frozen=True)
class Derived:
    """A condition that is made from each image.

    Attributes:
        make: a name of `FUNCTIONS`, or a function from uint8 (height, width, channels) to uint8 (height, width, k).
        shape: (height, width, channels) of the images.
        seed: integer that fixes what is random in conditions.
        channels: k.
        key: what determines the conditions, for the cache.
    """

    make: str | MakeCondition
    shape: tuple[int, ...]
    seed: int
    channels: int
    key: Any

    @classmethod
    def of(cls, make: Any, shape: tuple[int, ...], seed: int) -> "Derived":
        """Returns the condition, after a trial on an image of noise.

        Raises:
            ValueError: for an unknown name, or a function that cannot make a condition of such images.
        """
        if isinstance(make, str) and make not in FUNCTIONS:
            raise errors.unknown_name("condition_from", make, FUNCTIONS)
        if not isinstance(make, str) and not callable(make):
            raise ValueError(
                "condition_from must be a name or a function of one image. Received: "
                f"condition_from={make!r}. Use one of {sorted(FUNCTIONS)}, or a function from uint8 (height, width, "
                "channels) to uint8 (height, width, k)."
            )
        noise = np.random.default_rng(0).integers(256, size=shape, dtype="uint8")
        condition = cls(make, tuple(shape), seed, 0, None)(noise, 0)
        if isinstance(make, str):
            key = (make, seed) if make == "mask" else (make,)
        else:  # a function is known by its name and by what it does: its code may be anything
            key = (getattr(make, "__qualname__", ""), hashlib.sha256(condition.tobytes()).hexdigest())
        return cls(make, tuple(shape), seed, condition.shape[-1], key)

    def __call__(self, image: np.ndarray, number: int) -> np.ndarray:
        """Returns the condition of the image of a number: uint8 (height, width, channels).

        Raises:
            ValueError: if the function returns something else.
        """
        if self.make == "mask":
            return mask(image, np.random.default_rng([self.seed, number]))
        if isinstance(self.make, str):
            return FUNCTIONS[self.make](image)
        condition = np.asarray(self.make(image))
        sides = condition.shape[:2] == image.shape[:2] and condition.ndim == 3
        if not sides or condition.dtype != np.uint8 or (self.channels and condition.shape[2] != self.channels):
            channels = self.channels or "k"
            raise ValueError(
                f"condition_from must return uint8 images ({image.shape[0]}, {image.shape[1]}, {channels}) for images "
                f"{image.shape}. Received: shape {condition.shape} of dtype {condition.dtype}. Add the axis of the "
                "channels, keep the size, and round to uint8."
            )
        return condition


def with_derived(data: Source, make: str | MakeCondition, seed: int) -> Source:
    """Returns a source whose images have a condition that is made from them: see `Derived`.

    Args:
        data: a source of uint8 images.
        make: a name of `FUNCTIONS`, or a function.
        seed: integer that fixes what is random in conditions.

    Raises:
        ValueError: for data that are no such images, or a function that fails.
    """
    values = data.values
    if values.ndim != 4 or values.dtype != np.uint8:
        raise ValueError(
            "condition_from is for uint8 images. Received: "
            f"{data.name!r} of shape {values.shape} and dtype {values.dtype}. Convert floats in [-1, 1] by "
            "np.round((images + 1) * 127.5).astype('uint8')."
        )
    if data.stored_range is not None:
        raise ValueError(
            "Conditions are made from images that have the whole range of 8 bits, and scaled as these. Received: "
            f"condition_from with value_range={data.stored_range}. Leave value_range out."
        )
    derived = Derived.of(make, values.shape[1:], seed)
    shape = (*values.shape[1:3], values.shape[3] + derived.channels)
    name = re.sub(r"[^A-Za-z0-9]+", "-", data.name).strip("-")

    def joined(number):
        return np.concatenate([values[number], derived(values[number], number)], axis=-1)

    found, reasons, fingerprint = held(name, lambda: (fingerprint_of(data), derived.key), len(values), shape, joined)
    failed = [number for number, reason in enumerate(reasons) if reason is not None]
    if failed:
        raise ValueError(
            f"condition_from must make a condition of every image. Received: {len(failed)} of {len(values)} images "
            f"for which it fails; the first, number {failed[0]}, with: {printable(reasons[failed[0]])}."
        )
    condition = Image((*shape[:2], derived.channels))
    return dataclasses.replace(
        data, values=found, fingerprint=fingerprint, condition=condition, condition_channels=derived.channels
    )


def _filtered(values, rows, columns):
    """Returns an image after a separable filter of odd lengths; beyond its edges it goes on as it ends."""
    for axis, weights in enumerate((rows, columns)):
        reach, length = len(weights) // 2, values.shape[axis]
        padded = np.pad(values, [(reach, reach) if each == axis else (0, 0) for each in (0, 1)], mode="edge")
        values = sum(w * padded.take(range(i, i + length), axis=axis) for i, w in enumerate(weights) if w)
    return values


def _is_ridge(slope, down, right):
    """Returns where the slope is the largest along its direction, of eight."""
    direction = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    padded, result = np.pad(slope, 1), np.zeros(slope.shape, bool)
    for number, (y, x) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead, behind = (_moved(padded, sign * y, sign * x) for sign in (1, -1))
        result |= (direction == number) & (slope > ahead) & (slope >= behind)
    return result


def _connected(strong, weak):
    """Returns the weak places that are connected to a strong one by weak ones, diagonals included."""
    found = strong
    while True:
        padded = np.pad(found, 1)
        near = np.logical_or.reduce([_moved(padded, y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]) & weak
        if np.array_equal(near, found):
            return found
        found = near


def _moved(padded, y, x):
    height, width = padded.shape
    return padded[1 + y : height - 1 + y, 1 + x : width - 1 + x]
