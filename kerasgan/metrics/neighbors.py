"""Quality and variety as two numbers, from nearest neighbors among the features."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation import scalars

from . import checks

WORKING_MEMORY_MIB = 256
ROUNDING = 1e-6
"""Distances whose quotient differs from 1 by no more are equal: two ways to compute one may round differently."""


def precision_recall(real: ArrayLike, generated: ArrayLike, k: int = 3) -> tuple[float, float]:
    """Returns improved precision and recall.

    The manifold of a set is the union of balls around its samples, with the distance to the k-th nearest neighbor as
    radius, boundary included, as in the authors' code. Precision is the share of *generated* samples in the real
    manifold (quality); recall the share of *real* samples in the generated manifold (variety). A collapsed generator
    has high precision and low recall.

    Args:
        real: features of real images, (n, width), n above k.
        generated: features of generated images, (m, width), m above k.
        k: number of the neighbor that sets the radius, at least 1.

    Returns:
        Two floats in [0, 1]: precision and recall.

    Raises:
        ValueError: for features that cannot be compared, or too few of them.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    real = np.random.default_rng(0).normal(size=(100, 8))
    collapsed = real[:1] + np.random.default_rng(1).normal(size=(100, 8)) * 0.01
    metrics.precision_recall(real, collapsed)  # (1.0, 0.01): good samples, no variety
    ```

    Reference: Kynkaanniemi et al., 2019, arXiv:1904.06991.
    """
    k = scalars.whole_number("k", k, 1)
    real, generated = checks.features(real, generated, min_samples=k + 1)
    precision = _balls_around(real, _radii(real, k) * (1 + ROUNDING), generated) > 0
    recall = _balls_around(generated, _radii(generated, k) * (1 + ROUNDING), real) > 0
    return float(precision.mean()), float(recall.mean())


def density_coverage(real: ArrayLike, generated: ArrayLike, k: int = 5) -> tuple[float, float]:
    """Returns density and coverage.

    Density is the mean number of real balls around a generated sample, over k: about 1 for the real distribution.
    Unlike precision it is robust to one large ball around an outlier. Coverage is the share of real balls with a
    generated sample in them. A sample on the boundary of a ball is outside, as in the authors' package `prdc`.

    Args:
        real: features of real images, (n, width), n above k.
        generated: features of generated images, (m, width), m above k.
        k: number of the neighbor that sets the radius, at least 1.

    Returns:
        Two floats: density, in [0, inf), and coverage, in [0, 1].

    Raises:
        ValueError: for features that cannot be compared, or too few of them.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    random = np.random.default_rng(0)
    metrics.density_coverage(random.normal(size=(200, 8)), random.normal(size=(200, 8)))  # both near 1
    ```

    Reference: Naeem et al., 2020, arXiv:2002.09797.
    """
    k = scalars.whole_number("k", k, 1)
    real, generated = checks.features(real, generated, min_samples=k + 1)
    radii = _radii(real, k)
    radii = np.where(radii > 0, radii * (1 - ROUNDING), -1)  # open balls: nothing is in one without extent
    density = _balls_around(real, radii, generated).mean() / k
    nearest = _fitted(generated, 1).kneighbors(real)[0][:, 0]
    return float(density), float(np.mean(nearest <= radii))


def distances(real: np.ndarray[Any, Any], samples: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    """Returns the distances (n, k) from n samples to their k nearest real ones, the nearest first."""
    return _fitted(real, k).kneighbors(samples)[0]


def nearest(
    real: np.ndarray[Any, Any], samples: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns the distance (n,) from n samples to the nearest real one, and its index (n,)."""
    found, index = _fitted(real, 1).kneighbors(samples)
    return found[:, 0], index[:, 0]


def _radii(samples, k):
    """Returns the distance from each sample to its k-th nearest neighbor among the others."""
    return _fitted(samples, k).kneighbors()[0][:, -1]


def _fitted(samples, k):
    from sklearn.neighbors import NearestNeighbors  # its import takes a second, and training has no need of it

    return NearestNeighbors(n_neighbors=k).fit(samples)


def _balls_around(centers, radii, samples):
    """Returns for each sample the number of balls it lies in; works in blocks of bounded memory."""
    from sklearn.metrics import pairwise_distances_chunked

    chunks = pairwise_distances_chunked(
        samples,
        centers,
        reduce_func=lambda block, _: (block <= radii).sum(axis=1),
        working_memory=WORKING_MEMORY_MIB,
    )
    return np.concatenate(list(chunks))
