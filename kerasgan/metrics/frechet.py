"""The Frechet distance between two sets of features."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation import scalars

from . import checks

BLOCK = 4096
"""Rows that are centered at a time."""

Moments = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def frechet_distance(real: ArrayLike, generated: ArrayLike) -> float:
    """Returns the squared Frechet distance between Gaussians fitted to two sets of features.

    `|m_r - m_g|^2 + trace(C_r + C_g - 2 (C_r^(1/2) C_g C_r^(1/2))^(1/2))`, with means m and covariances C (divided by
    n - 1). With the features of the original Inception network it is the published FID; with other features it
    compares runs with each other, not with published tables. It is biased upwards for few samples: compare only values
    from the same numbers of samples.

    Args:
        real: features of real images, (n, width), n at least 2.
        generated: features of generated images, (m, width), m at least 2.

    Returns:
        A float, at least 0.

    Raises:
        ValueError: for features that cannot be compared.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    random = np.random.default_rng(0)
    real, generated = random.normal(size=(500, 8)), random.normal(loc=0.5, size=(500, 8))
    metrics.frechet_distance(real, generated)  # about 8 * 0.5^2 = 2
    ```

    Reference: Heusel et al., 2017, arXiv:1706.08500.
    """
    return frechet_distance_of_moments(*(moments(features) for features in checks.features(real, generated)))


def frechet_distance_of_moments(real: Moments, generated: Moments) -> float:
    """Returns the same from `moments`, so that the moments of the real features need computing only once.

    Args:
        real: mean (width,) and covariance (width, width) of the real features.
        generated: the same of the generated ones.

    Returns:
        A float, at least 0.
    """
    from scipy import linalg  # here and below: training has no need of it

    (real_mean, real_covariance), (mean, covariance) = real, generated
    # The eigenvalues of a product of two positive semi-definite matrices are those of the symmetric product, and real;
    # unlike a matrix root of the plain product, this holds where a covariance is singular.
    root = _symmetric_root(real_covariance)
    overlap = np.sqrt(np.clip(linalg.eigvalsh(root @ covariance @ root), 0, None)).sum()
    distance = np.sum((real_mean - mean) ** 2) + np.trace(real_covariance) + np.trace(covariance) - 2 * overlap
    return max(float(distance), 0.0)


def frechet_distance_infinity(real: ArrayLike, generated: ArrayLike, parts: int = 4, seed: int = 0) -> float:
    """Returns the Frechet distance extrapolated to infinitely many samples.

    The bias of the distance falls as 1 / n. Both sets are divided into 1, 2, ... `parts` disjoint parts; the mean
    distance of the pairs of parts is a line in their number, and its value at 0 is returned. So both sets are
    extrapolated, where the paper extrapolates the generated one alone. It is 0 on average, and can be below 0, for two
    sets of one distribution. Parts with fewer samples than features do not lie on that line.

    Args:
        real: features of real images, (n, width), n at least 2 * parts.
        generated: features of generated images, (m, width), m at least 2 * parts.
        parts: the most parts, at least 2.
        seed: whole number, of the choice of the parts.

    Returns:
        A float.

    Raises:
        ValueError: for features that cannot be compared, too few of them, or fewer than 2 parts.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    random = np.random.default_rng(0)
    real, generated = random.normal(size=(2, 500, 16))
    metrics.frechet_distance(real, generated)  # about 0.3, for one distribution
    metrics.frechet_distance_infinity(real, generated)  # about 0
    ```

    Reference: Chong and Forsyth, 2020, arXiv:1911.07023.
    """
    parts = scalars.whole_number("parts", parts, 2)
    real, generated = checks.features(real, generated, min_samples=2 * parts)
    random = np.random.default_rng(scalars.whole_number("seed", seed, 0))
    real, generated = (features[random.permutation(len(features))] for features in (real, generated))
    counts = np.arange(1, parts + 1)
    distances = [_mean_distance(np.array_split(real, count), np.array_split(generated, count)) for count in counts]
    return float(np.polynomial.Polynomial.fit(counts, distances, 1)(0))


def _mean_distance(real_parts, generated_parts):
    pairs = zip(real_parts, generated_parts, strict=True)
    return np.mean([frechet_distance_of_moments(moments(real), moments(generated)) for real, generated in pairs])


def moments(features: np.ndarray[Any, Any]) -> Moments:
    """Returns the mean (width,) and the covariance (width, width) of features (n, width), in float64.

    It works in blocks of rows, so that the additional memory is a few (width, width) matrices.
    """
    mean = np.mean(features, axis=0, dtype="float64")
    scatter = np.zeros((len(mean), len(mean)))
    for start in range(0, len(features), BLOCK):
        block = features[start : start + BLOCK] - mean
        scatter += block.T @ block
    return mean, scatter / (len(features) - 1)


def _symmetric_root(matrix):
    from scipy import linalg

    values, vectors = linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
