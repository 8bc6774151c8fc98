"""What every metric on features asks of its input."""

import numpy as np


def features(real, generated, least=2):
    """Returns both sets of features as arrays (n, d), once they are found fit to be compared.

    Raises:
        ValueError: if either is not finite, not of two axes, has fewer than `least` rows, or their widths differ.
    """
    real, generated = np.asarray(real), np.asarray(generated)
    for name, each in (("real", real), ("generated", generated)):
        if each.ndim != 2 or len(each) < least or not np.isfinite(each).all():
            raise ValueError(
                f"Features must be finite and of shape (n, width) with n at least {least}. Received: {name} of shape "
                f"{each.shape}. Flatten maps and drop what is not finite."
            )
    if real.shape[1] != generated.shape[1]:
        raise ValueError(
            f"Both sets must be features of one extractor. Received: widths {real.shape[1]} and {generated.shape[1]}."
        )
    return real, generated
