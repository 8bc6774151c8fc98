"""Quality and variety apart, from nearest neighbours among the features."""

import numpy as np

from . import checks

WORKING_MEMORY_MIB = 256


def precision_recall(real, generated, k=3):
    """Returns improved precision and recall, each in [0, 1].

    A set's manifold is the union of balls around its samples, each as wide as the way to its k-th nearest neighbour.
    Precision is the share of *generated* samples in the real manifold (are they good?); recall the share of *real* ones
    in the generated manifold (is everything covered?). A collapsed generator has high precision and low recall.

    Args:
        real, generated: features (n, width), more than k each.
        k: which neighbour sets the radius.

    Raises:
        ValueError: for features that cannot be compared, or too few of them.

    Reference: Kynkaanniemi et al., 2019, arXiv:1904.06991.
    """
    real, generated = checks.features(real, generated, least=k + 1)
    precision = _balls_around(real, _radii(real, k), generated) > 0
    recall = _balls_around(generated, _radii(generated, k), real) > 0
    return float(precision.mean()), float(recall.mean())


def density_coverage(real, generated, k=5):
    """Returns density, in [0, inf), and coverage, in [0, 1].

    Density counts in how many real balls a generated sample lies, over k: about 1 for the real distribution, and unlike
    precision not carried away by one wide ball around an outlier. Coverage is the share of real balls with a generated
    sample in them.

    Args:
        real, generated: features (n, width), more than k each.
        k: which neighbour sets the radius.

    Raises:
        ValueError: for features that cannot be compared, or too few of them.

    Reference: Naeem et al., 2020, arXiv:2002.09797.
    """
    real, generated = checks.features(real, generated, least=k + 1)
    radii = _radii(real, k)
    density = _balls_around(real, radii, generated).mean() / k
    nearest = _neighbours(generated, 1).kneighbors(real)[0][:, 0]
    return float(density), float(np.mean(nearest <= radii))


def _radii(samples, k):
    """The distance from each sample to its k-th nearest neighbour among the others."""
    return _neighbours(samples, k).kneighbors()[0][:, -1]


def _neighbours(samples, k):
    from sklearn.neighbors import NearestNeighbors  # takes a second, of which training has no need

    return NearestNeighbors(n_neighbors=k).fit(samples)


def _balls_around(centres, radii, samples):
    """In how many of the balls each sample lies; works in blocks of bounded memory."""
    from sklearn.metrics import pairwise_distances_chunked

    chunks = pairwise_distances_chunked(
        samples,
        centres,
        reduce_func=lambda block, _: (block <= radii).sum(axis=1),
        working_memory=WORKING_MEMORY_MIB,
    )
    return np.concatenate(list(chunks))
