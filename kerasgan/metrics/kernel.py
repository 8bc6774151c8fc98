"""The kernel distance between two sets of features."""

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation import scalars

from . import checks


def kernel_distance(
    real: ArrayLike, generated: ArrayLike, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Returns the mean and the standard deviation, over random subsets, of the unbiased squared MMD.

    `MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y)` over pairs of different samples, with the cubic kernel
    `k(x, y) = (x . y / width + 1)^3`. Unlike the Frechet distance it is unbiased, so it can be below 0, and its
    standard deviation tells which differences are significant. With the features of the original Inception network it
    is the published KID.

    Args:
        real: features of real images, (n, width).
        generated: features of generated images, (m, width).
        subsets: number of pairs of random subsets, at least 1.
        subset_size: samples in each subset, at least 2; no more than there are in the smaller set are taken.
        seed: of the random subsets.

    Returns:
        Two floats: mean and standard deviation over the subsets.

    Raises:
        ValueError: for features that cannot be compared, or fewer than 2 samples in a subset.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    random = np.random.default_rng(0)
    halves = np.split(random.normal(size=(400, 8)), 2)
    mean, deviation = metrics.kernel_distance(*halves, subset_size=50)
    abs(mean) < 3 * deviation  # one distribution: 0 within its error
    ```

    Reference: Binkowski et al., 2018, arXiv:1801.01401.
    """
    real, generated = checks.features(real, generated)
    subsets = scalars.whole_number("subsets", subsets, 1)
    size = min(scalars.whole_number("subset_size", subset_size, 2), len(real), len(generated))
    random = np.random.default_rng(seed)
    distances = [
        _unbiased(real[random.choice(len(real), size, False)], generated[random.choice(len(generated), size, False)])
        for _ in range(subsets)
    ]
    return float(np.mean(distances)), float(np.std(distances))


def _unbiased(x, y):
    x, y, n = x.astype("float64"), y.astype("float64"), len(x)
    within = sum((kernel.sum() - np.trace(kernel)) / (n * (n - 1)) for kernel in (_cubic(x, x), _cubic(y, y)))
    return within - 2 * _cubic(x, y).mean()


def _cubic(x, y):
    base = x @ y.T / x.shape[1] + 1
    return base * base * base  # np.power takes five times as long as all the rest
