"""Checks of features, the same for every metric."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def features(
    real: ArrayLike,
    generated: ArrayLike,
    min_samples: int = 2,
    names: tuple[str, str] = ("real", "generated"),
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns both sets of features as arrays (n, width), after checking that they can be compared.

    Args:
        real, generated: the features.
        min_samples: the fewest rows of each.
        names: of the two, for messages.

    Raises:
        ValueError: if either is not finite, not of two axes, has fewer than `min_samples` rows, or their widths differ.
    """
    real, generated = np.asarray(real), np.asarray(generated)
    for name, values in zip(names, (real, generated), strict=True):
        if values.ndim != 2 or len(values) < min_samples or not np.isfinite(values).all():
            raise ValueError(
                f"Features must be finite and of shape (n, width) with n at least {min_samples}. Received: {name} of "
                f"shape {values.shape}. Flatten maps and drop rows that are not finite."
            )
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"Both sets must be features of one extractor. Received: widths {real.shape[1]} and {generated.shape[1]}. "
            "Compute both with the same extractor."
        )
    return real, generated
