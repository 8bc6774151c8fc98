"""Walks through the latents: closed ones, for animations that repeat without a jump."""

import numpy as np

from kerasgan.validation import scalars

from .interpolation import spherical_interpolation


def closed_walk(latent_dim: int, points: int = 8, frames: int = 120, seed: int = 0, walks: int = 1) -> np.ndarray:
    """Returns latents along a smooth closed path through normal points, on the arcs between them.

    From one point to the next the position on the arc is t**2 (3 - 2 t): the path slows down at each point, so that its
    velocity has no jump, and every sample is seen for a moment. The last frame is followed by the first.

    Args:
        latent_dim: width of the latents.
        points: number of points, drawn from N(0, I).
        frames: number of frames in all, at least `points`.
        seed: int, of the points.
        walks: number of walks, each with points of its own.

    Returns:
        float32 (frames, walks, latent_dim).

    Raises:
        ValueError: if there are fewer than 2 points, or fewer frames than points.

    Example:
        >>> closed_walk(3, points=4, frames=12, walks=2).shape
        (12, 2, 3)

    Reference: White, 2016, arXiv:1609.04468.
    """
    points = scalars.whole_number("points", points, 2)
    frames = scalars.whole_number("frames", frames, 2)
    walks = scalars.whole_number("walks", walks, 1)
    if frames < points:
        raise ValueError(
            f"A walk has a frame for each of its points. Received: frames={frames}, points={points}. Use fewer points."
        )
    ends = np.random.default_rng(seed).standard_normal((points, walks, latent_dim))
    position = np.arange(frames) * points / frames
    arc, t = position.astype(int), position % 1.0
    eased = t**2 * (3.0 - 2.0 * t)
    found = np.empty((frames, walks, latent_dim), "float32")
    for number in range(points):
        own = arc == number
        start, end = ends[number], ends[(number + 1) % points]
        found[own] = spherical_interpolation(start, end, eased[own]).swapaxes(0, 1)
    return found


def direction_walk(
    vector: np.ndarray, extent: float = 3.0, frames: int = 60, seed: int = 0, walks: int = 1
) -> np.ndarray:
    """Returns latents that swing along a direction, to both sides of normal points: z + extent sin(2 pi t) vector.

    Args:
        vector: float (latent_dim,), of length 1, such as a row of `Directions.vectors`.
        extent: how far to go, in standard deviations of the latents.
        frames: number of frames of one swing, there and back.
        seed: int, of the points.
        walks: number of points.

    Returns:
        float32 (frames, walks, latent_dim). The last frame is followed by the first.

    Example:
        >>> import numpy as np
        >>> walk = direction_walk(np.array([1.0, 0.0]), extent=2.0, frames=4)
        >>> (walk - walk[0])[:, 0].round(6).tolist()
        [[0.0, 0.0], [2.0, 0.0], [0.0, 0.0], [-2.0, 0.0]]
    """
    frames = scalars.whole_number("frames", frames, 2)
    walks = scalars.whole_number("walks", walks, 1)
    vector = np.asarray(vector, "float64")
    centers = np.random.default_rng(seed).standard_normal((walks, len(vector)))
    swing = extent * np.sin(2.0 * np.pi * np.arange(frames) / frames)
    return (centers[None] + swing[:, None, None] * vector).astype("float32")
