"""The Frechet distance between two sets of features."""

import numpy as np

from . import checks

BLOCK = 4096


def frechet_distance(real, generated):
    """Returns the squared Frechet distance between Gaussians fitted to two sets of features.

    `|m_r - m_g|^2 + trace(C_r + C_g - 2 (C_r^(1/2) C_g C_r^(1/2))^(1/2))`, with means m and covariances C (divided by
    n - 1). With the features of the original Inception network it is the FID; with others it compares runs with each
    other, not with published tables. It is biased upwards for few samples: compare only figures from the same counts.

    Args:
        real, generated: features (n, width), n at least 2 each; they need not be as many.

    Raises:
        ValueError: for features that cannot be compared.

    Reference: Heusel et al., 2017, arXiv:1706.08500.
    """
    return frechet_distance_of_moments(*(moments(each) for each in checks.features(real, generated)))


def frechet_distance_of_moments(real, generated):
    """The same from `moments`, so that those of the real features can be kept. Returns a float, at least 0."""
    from scipy import linalg  # here and below: training has no need of it

    (real_mean, real_covariance), (mean, covariance) = real, generated
    # The eigenvalues of a product of two positive semi-definite matrices are those of the symmetric product, and real;
    # unlike a matrix root of the plain product, this holds where a covariance is singular.
    root = _symmetric_root(real_covariance)
    overlap = np.sqrt(np.clip(linalg.eigvalsh(root @ covariance @ root), 0, None)).sum()
    distance = np.sum((real_mean - mean) ** 2) + np.trace(real_covariance) + np.trace(covariance) - 2 * overlap
    return max(float(distance), 0.0)


def moments(features):
    """Returns the mean (width,) and the covariance (width, width) of features (n, width), in float64.

    Works in blocks of rows, so that beside the features only a few (width, width) matrices are held.
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
