"""Coverage of modes, where the truth is known."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """What a set of points covers of a mixture of Gaussians.

    Attributes:
        modes: number of modes that have at least one high-quality point.
        high_quality: share of the points within three sigma of the nearest centre, in [0, 1]; of points from the
            mixture itself 1 - exp(-9/2) = 0.989 in two dimensions.
        reverse_kl: KL divergence, in nats, of the high-quality points' distribution over the found modes from the
            uniform distribution over all modes; 0 for an even cover, inf where there is no high-quality point.
    """

    modes: int
    high_quality: float
    reverse_kl: float


def mode_coverage(points, centres, sigma):
    """Returns the `ModeCoverage` of points, by the protocol of PacGAN.

    Args:
        points: generated points, float (n, d), n at least 1.
        centres: the modes' centres, float (modes, d).
        sigma: standard deviation of each mode, positive.

    Raises:
        ValueError: if the points are none, not finite, or of another dimension than the centres.

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086 (section 4.1).
    """
    points, centres = np.asarray(points, "float64"), np.asarray(centres, "float64")
    if points.ndim != 2 or not len(points) or points.shape[1:] != centres.shape[1:] or not np.isfinite(points).all():
        raise ValueError(
            f"Points must be finite and of shape (n, {centres.shape[-1]}), n at least 1. Received: an array of shape "
            f"{points.shape}."
        )
    distances = np.linalg.norm(points[:, None] - centres[None], axis=-1)
    good = distances.min(axis=1) <= 3 * sigma
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centres))
    shares = counts[counts > 0] / max(counts.sum(), 1)
    divergence = float(np.sum(shares * np.log(shares * len(centres)))) if len(shares) else float("inf")
    return ModeCoverage(int(np.sum(counts > 0)), float(good.mean()), divergence)
