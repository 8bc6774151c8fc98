"""Coverage of the modes of a mixture of Gaussians, where the truth is known."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from .classes import class_divergence


@dataclasses.dataclass(frozen=True)
class ModeCoverage:
    """How well a set of points covers a mixture of Gaussians.

    Attributes:
        modes: number of modes that have at least one high-quality point.
        high_quality: share of the points nearer than three sigma to the nearest center, in [0, 1]; for points of the
            mixture itself 1 - exp(-9/2) = 0.989 in two dimensions.
        reverse_kl: KL divergence, in nats, of the high-quality points' distribution over the modes from the uniform
            distribution over all modes; 0 for uniform coverage, inf where there is no high-quality point. It is the
            column of PacGAN's tables, and `log(modes)` minus the "entropy of coverage" in the log of its code.
        js: Jensen-Shannon divergence, in nats, between the same two distributions, which the code of PacGAN logs as
            "JSD"; 0 for uniform coverage, at most log 2, which it is where there is no high-quality point.
    """

    modes: int
    high_quality: float
    reverse_kl: float
    js: float


def mode_coverage(points: ArrayLike, centers: ArrayLike, sigma: float) -> ModeCoverage:
    """Returns the `ModeCoverage` of points, by the protocol of PacGAN.

    Args:
        points: generated points, float (n, d), n at least 1.
        centers: the centers of the modes, float (modes, d).
        sigma: standard deviation of each mode, positive.

    Returns:
        A `ModeCoverage`.

    Raises:
        ValueError: if there are no points, or they are not finite, or of another dimension than the centers.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    centers = np.array([[0.0, 1.0], [0.0, -1.0]])
    metrics.mode_coverage(centers[:1].repeat(10, axis=0), centers, sigma=0.05)  # modes=1, high_quality=1.0
    ```

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086 (section 4.1).
    """
    points, centers = np.asarray(points, "float64"), np.asarray(centers, "float64")
    if points.ndim != 2 or not len(points) or points.shape[1:] != centers.shape[1:] or not np.isfinite(points).all():
        raise ValueError(
            f"Points must be finite and of shape (n, {centers.shape[-1]}), n at least 1. Received: an array of shape "
            f"{points.shape}. Drop points that are not finite, and pass a batch."
        )
    distances = np.linalg.norm(points[:, None] - centers[None], axis=-1)
    good = distances.min(axis=1) < 3 * sigma
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centers))
    shares = counts[counts > 0] / max(counts.sum(), 1)
    divergence = float(np.sum(shares * np.log(shares * len(centers)))) if len(shares) else float("inf")
    js = class_divergence(np.ones(len(centers)), counts) if len(shares) else math.log(2)
    return ModeCoverage(int(np.sum(counts > 0)), float(good.mean()), divergence, js)
