"""How values of a source become values of the model, in [-1, 1], and go back."""

import dataclasses
import warnings
from typing import Any

import numpy as np

PIXELS = {"uint8": (0, 255), "uint16": (0, 65535), "int16": (-32768, 32767)}
"""The range of dtypes that hold pixels."""
OFFSETS = {"int16": 32768}
"""What is added to values of a dtype so that uint16 holds them."""


@dataclasses.dataclass(frozen=True)
class ValueScale:
    """The values of a source: their dtype, range and unit.

    Attributes:
        dtype: the source's.
        low, high: the values that are -1 and 1 in the model.
        unit: a name of their unit, or None.

    Example:

    ```python
    import numpy as np

    import kerasgan

    scan = kerasgan.datasets.ValueScale("uint16", 0, 4095, unit="HU")
    pixels = np.array([0, 17, 4095], "uint16")
    assert (scan.to_source(scan.to_model(pixels)) == pixels).all()
    ```
    """

    dtype: str
    low: float
    high: float
    unit: str | None = None

    def to_model(self, values: Any) -> np.ndarray:
        """Returns values of the source as float32 in [-1, 1]; uint8, uint16 and int16 come back exactly."""
        if self._is_model_range:
            return np.asarray(values).astype("float32")
        number = np.float32 if self.dtype in PIXELS else np.float64
        values = np.asarray(values).astype(number) - number(self.low)
        return (values / number((self.high - self.low) / 2) - number(1)).astype("float32")

    def to_source(self, images: Any) -> np.ndarray:
        """Returns values of the model in the source's dtype and range; those beyond [-1, 1] become its ends."""
        images = np.clip(np.asarray(images), -1.0, 1.0)
        if self._is_model_range:
            return images.astype(self.dtype)
        images = images.astype("float64")
        values = (images + 1.0) * ((self.high - self.low) / 2) + self.low
        return np.round(values).astype(self.dtype) if np.dtype(self.dtype).kind in "iu" else values.astype(self.dtype)

    @property
    def _is_model_range(self):
        return (self.low, self.high) == (-1, 1) and np.dtype(self.dtype).kind == "f"

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of pixels as they are held in memory; None where that is all of their dtype, or they are scaled."""
        if self.dtype not in PIXELS or (self.low, self.high) == PIXELS[self.dtype]:
            return None
        offset = OFFSETS.get(self.dtype, 0)
        return self.low + offset, self.high + offset


def stored_to_model(values: np.ndarray, stored_range: tuple[float, float] | None) -> np.ndarray:
    """Returns pixels as they are held in memory, uint8 or uint16, as float32 in [-1, 1], as batches have them.

    Args:
        values: the pixels; float32 values are returned as they are.
        stored_range: `ValueScale.stored_range`.
    """
    if values.dtype.kind != "u":
        return values
    low, high = stored_range or (0, np.iinfo(values.dtype).max)
    return (values.astype("float32") - np.float32(low)) / np.float32((high - low) / 2) - np.float32(1.0)


def scaled(values: np.ndarray, value_range: Any, unit: str | None, name: str) -> tuple[np.ndarray, ValueScale]:
    """Returns images as they are held in memory, and their scale.

    Pixels of 8 and 16 bits stay as they are, and are scaled a batch at a time; all others become float32 in [-1, 1].

    Args:
        values: images (n, height, width, channels).
        value_range: (low, high), the values that become -1 and 1; `"data"` for the least and the greatest; None for all
            that a dtype of 8 or 16 bits holds, and [-1, 1] for floats.
        unit: name of the unit, or None.
        name: name of the data set.

    Raises:
        ValueError: for values that are not finite or out of range, or a range that holds no two values.
    """
    dtype = values.dtype.name
    low, high = _bounds(values, name)
    if isinstance(value_range, str) and value_range == "data":
        given = low, high
    elif value_range is None:
        given = PIXELS.get(dtype, (-1.0, 1.0) if values.dtype.kind == "f" else None)
    else:
        given = _pair(value_range)
    if given is None:
        raise ValueError(
            f"Values of {dtype} have no known range. Received: {name!r} with values from {low:g} to {high:g}. Use "
            'value_range=(low, high), in the unit of the data, or value_range="data".'
        )
    if not given[0] < given[1]:
        raise ValueError(
            f"Images must vary. Received: {name!r} with value_range={value_range!r}, from {given[0]:g} to "
            f"{given[1]:g}. Check where they come from."
        )
    if low < given[0] or high > given[1]:
        raise ValueError(
            f"Values must lie in their range, [{given[0]:g}, {given[1]:g}]. Received: {name!r} with values from "
            f'{low:g} to {high:g}. Use value_range=({low:g}, {high:g}), or value_range="data", or clip them first.'
        )
    if dtype != "uint8":
        _warn_of_constant(values, name)
    scale = ValueScale(dtype, *given, unit)
    if dtype in OFFSETS:
        return (values.astype("int32") + OFFSETS[dtype]).astype("uint16"), scale
    return (values if dtype in PIXELS else scale.to_model(values)), scale


def _bounds(values, name):
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        gaps = int(values.size - np.isfinite(values).sum())
        images = int((~np.isfinite(values)).reshape(len(values), -1).any(axis=1).sum())
        raise ValueError(
            f"All values must be finite. Received: {name!r} with {gaps:,} NaN or infinite values, in {images:,} of "
            f"{len(values):,} images. Remove these images or fill the gaps, with a value that the unit allows."
        )
    return values.min().item(), values.max().item()


def _pair(value_range):
    try:
        low, high = (float(each) for each in value_range)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            "value_range is two finite numbers (low, high), 'data', or None. Received: "
            f"value_range={value_range!r}. Use value_range=(-1000, 3000), for example."
        )
    return tuple(int(each) if each.is_integer() else each for each in (low, high))


def _warn_of_constant(values, name):
    flat = values.reshape(len(values), -1)
    constant = int((flat.min(axis=1) == flat.max(axis=1)).sum())
    of = "" if name == "array" else f" of {name!r}"
    if constant:
        warnings.warn(
            f"{constant:,} of the {len(values):,} images{of} are constant: every pixel has one value. Leave "
            "them out unless that is what such images are.",
            stacklevel=7,
        )
