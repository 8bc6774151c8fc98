"""What both engines know of the batches of some arrays before one of them is read."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class EpochFacts:
    """Shapes, dtype and range of the parts of a batch.

    Attributes:
        image_shape: shape of one image, or point, after cropping.
        condition_shape: shape of the condition of one image, () for a label; None where batches are of images alone.
        condition_dtype: `"int32"` or `"float32"`, or None.
        condition_range: bounds of the conditions: the least and the greatest of labels and of float32 values, NaN where
            one is NaN, and (-1.0, 1.0) for pixels; or None.
        split: the number of the channel at which images end and conditions begin, where both are in one array.
    """

    image_shape: tuple[int, ...]
    condition_shape: tuple[int, ...] | None = None
    condition_dtype: str | None = None
    condition_range: tuple[float, float] | None = None
    split: int | None = None

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        conditions: np.ndarray | None,
        crop: tuple[int, int] | None,
        condition_channels: int | None,
    ) -> "EpochFacts":
        """Returns the facts of arrays: the arguments are those of `kerasgan.datasets.batches.make_batches`."""
        shape = values.shape[1:] if crop is None else (*crop, values.shape[-1])
        if condition_channels is not None:
            split = shape[-1] - condition_channels
            bounds = (-1.0, 1.0) if values.dtype.kind == "u" else _range(values[..., split:])
            return cls((*shape[:-1], split), (*shape[:-1], condition_channels), "float32", bounds, split)
        if conditions is None:
            return cls(shape)
        condition_shape = conditions.shape[1:]
        if len(condition_shape) == 3 and crop is not None:
            condition_shape = (*crop, condition_shape[-1])
        if conditions.dtype.kind == "u":
            return cls(shape, condition_shape, "float32", (-1.0, 1.0))
        return cls(shape, condition_shape, str(conditions.dtype), _range(conditions))


def _range(values):
    low, high = values.min(), values.max()
    return (int(low), int(high)) if values.dtype.kind == "i" else (float(low), float(high))
