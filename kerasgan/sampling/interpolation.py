"""Ways between latents."""

import numpy as np
from numpy.typing import ArrayLike


def spherical_interpolation(start: ArrayLike, end: ArrayLike, t: ArrayLike) -> np.ndarray:
    """Returns points on the arcs between pairs of latents.

    For an angle w between start and end, the point at t is

        sin((1 - t) w) / sin(w) start + sin(t w) / sin(w) end.

    Normal latents of many dimensions lie near a sphere. The straight line between two of them leaves it: halfway the
    norm is smaller by sqrt(2), and the generator has not been trained there. Between latents that are parallel or
    opposite, or of which one is 0, there is no single arc, and the straight line is taken.

    Args:
        start: latents, shape (rows, latent_dim).
        end: latents, shape (rows, latent_dim).
        t: positions on the arc, shape (frames,), in [0, 1].

    Returns:
        float64 array, shape (rows, frames, latent_dim).

    Example:
        >>> import numpy as np
        >>> points = spherical_interpolation([[3.0, 0.0]], [[0.0, 3.0]], [0.0, 0.5, 1.0])
        >>> np.linalg.norm(points, axis=-1).round(6).tolist()
        [[3.0, 3.0, 3.0]]

    Reference: White, 2016, arXiv:1609.04468.
    """
    start, end = np.asarray(start, "float64")[:, None], np.asarray(end, "float64")[:, None]
    t = np.asarray(t, "float64")[None, :, None]
    norms = np.linalg.norm(start, axis=-1, keepdims=True) * np.linalg.norm(end, axis=-1, keepdims=True)
    products = (start * end).sum(axis=-1, keepdims=True)
    cosine = np.divide(products, norms, out=np.ones_like(products), where=norms > 0.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    straight = np.sin(angle) < 1e-6
    sine = np.where(straight, 1.0, np.sin(angle))
    start_weight = np.where(straight, 1.0 - t, np.sin((1.0 - t) * angle) / sine)
    end_weight = np.where(straight, t, np.sin(t * angle) / sine)
    return start_weight * start + end_weight * end
