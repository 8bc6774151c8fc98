"""How values of a source become values of the model, in [-1, 1], and go back."""

import dataclasses
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
        values = np.asarray(values)
        precise = "float32" if self.dtype in PIXELS else "float64"
        shifted = values.astype(precise) - np.dtype(precise).type(self.low)
        return (shifted / np.dtype(precise).type((self.high - self.low) / 2) - np.dtype(precise).type(1)).astype("float32")

    def to_source(self, images: Any) -> np.ndarray:
        """Returns values of the model in the source's dtype and range; those beyond [-1, 1] become its ends."""
        images = np.clip(np.asarray(images, "float64"), -1.0, 1.0)
        values = (images + 1.0) * ((self.high - self.low) / 2) + self.low
        return np.round(values).astype(self.dtype) if np.dtype(self.dtype).kind in "iu" else values.astype(self.dtype)

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of pixels as they are held in memory; None where that is all of their dtype, or they are scaled."""
        if self.dtype not in PIXELS or (self.low, self.high) == PIXELS[self.dtype]:
            return None
        offset = OFFSETS.get(self.dtype, 0)
        return self.low + offset, self.high + offset
