"""The kernel distance between two sets of features."""

import numpy as np

from . import checks


def kernel_distance(real, generated, subsets=100, subset_size=1000, seed=0):
    """Returns the mean and the standard deviation, over random subsets, of the unbiased squared MMD.

    `MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)` over pairs of different samples, with the cubic kernel
    `k(x, y) = (x . y / width + 1)^3`. Unlike the Frechet distance it has no bias, so that it can fall below 0 and its
    spread says what a difference is worth. With Inception's features it is the KID.

    Args:
        real, generated: features (n, width).
        subsets: how many pairs of subsets are drawn.
        subset_size: samples in each; no more than there are in the smaller set, at least 2.
        seed: int that fixes the subsets.

    Returns:
        Two floats: mean and standard deviation over the subsets.

    Raises:
        ValueError: for features that cannot be compared, or fewer than 2 samples in a subset.

    Reference: Binkowski et al., 2018, arXiv:1801.01401.
    """
    real, generated = checks.features(real, generated)
    size = min(subset_size, len(real), len(generated))
    if size < 2 or subsets < 1:
        raise ValueError(
            f"There must be at least one subset of at least 2 samples. Received: subsets={subsets}, "
            f"subset_size={subset_size}."
        )
    random = np.random.default_rng(seed)
    found = [
        _unbiased(real[random.choice(len(real), size, False)], generated[random.choice(len(generated), size, False)])
        for _ in range(subsets)
    ]
    return float(np.mean(found)), float(np.std(found))


def _unbiased(x, y):
    x, y, n = x.astype("float64"), y.astype("float64"), len(x)
    own = sum((kernel.sum() - np.trace(kernel)) / (n * (n - 1)) for kernel in (_cubic(x, x), _cubic(y, y)))
    return own - 2 * _cubic(x, y).mean()


def _cubic(x, y):
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # a power would take five times as long as all the rest
