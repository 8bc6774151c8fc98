"""Toy distributions whose truth is known: a ring and a grid of Gaussians in two dimensions, and one bell curve."""

import numpy as np

from .source import Source

NAMES = ("ring", "grid", "bell")
NUM_POINTS = 50_000
RING_MODES = 8
RING_SIGMA = 0.01
GRID_SIGMA = 0.05
BELL_MEAN = 2.0
BELL_SIGMA = 0.5


def ring_centers():
    """Returns the centres of the ring's modes: float32 (8, 2), on the unit circle, the first at (1, 0).

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086.
    """
    angles = 2.0 * np.pi * np.arange(RING_MODES) / RING_MODES
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype("float32")


def grid_centers():
    """Returns the centres of the grid's modes: float32 (25, 2), all pairs from {-4, -2, 0, 2, 4}.

    Reference: Lin et al. (PacGAN), 2017, arXiv:1712.04086.
    """
    ticks = np.arange(-4.0, 5.0, 2.0)
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2).astype("float32")


def read_points(name, seed):
    """Returns 50,000 points of "ring", "grid" or "bell" as `Source`; labels name the mode each was drawn from."""
    generator = np.random.default_rng(seed)
    if name == "bell":
        values = generator.normal(BELL_MEAN, BELL_SIGMA, size=(NUM_POINTS, 1))
        return Source(name, values.astype("float32"))
    centres, sigma = (ring_centers(), RING_SIGMA) if name == "ring" else (grid_centers(), GRID_SIGMA)
    labels = generator.integers(len(centres), size=NUM_POINTS)
    values = generator.normal(centres[labels], sigma)
    return Source(name, values.astype("float32"), labels.astype("int32"), num_classes=len(centres))
