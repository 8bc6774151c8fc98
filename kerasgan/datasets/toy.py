"""Known toy distributions: a ring and a grid of Gaussians in two dimensions, and one Gaussian in one dimension."""

import numpy as np

from .source import Source

NAMES = ("ring", "grid", "bell")
NUM_POINTS = 50_000
RING_MODES = 8
RING_SIGMA = 0.01
GRID_SIGMA = 0.05
BELL_MEAN = 2.0
BELL_SIGMA = 0.5


def ring_centers() -> np.ndarray:
    """Returns the centers of the modes of the ring: float32 (8, 2), on the unit circle, the first at (1, 0).

    Example:
        >>> ring_centers()[:2].round(3).tolist()
        [[1.0, 0.0], [0.7070000171661377, 0.7070000171661377]]

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086.
    """
    angles = 2.0 * np.pi * np.arange(RING_MODES) / RING_MODES
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")


def grid_centers() -> np.ndarray:
    """Returns the centers of the modes of the grid: float32 (25, 2), all pairs from {-4, -2, 0, 2, 4}.

    Example:
        >>> grid_centers()[:2].tolist()
        [[-4.0, -4.0], [-4.0, -2.0]]

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086.
    """
    ticks = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2).astype("float32")


def read_points(name: str, seed: int) -> Source:
    """Returns 50,000 points of "ring", "grid" or "bell" as `Source`; the label of a point is the number of its mode."""
    generator = np.random.default_rng(seed)
    if name == "bell":
        values = generator.normal(BELL_MEAN, BELL_SIGMA, size=(NUM_POINTS, 1))
        return Source(name, values.astype("float32"))
    centers, sigma = (ring_centers(), RING_SIGMA) if name == "ring" else (grid_centers(), GRID_SIGMA)
    labels = generator.integers(len(centers), size=NUM_POINTS)
    values = generator.normal(centers[labels], sigma)
    return Source(name, values.astype("float32"), labels.astype("int32"), num_classes=len(centers))
