"""L-BFGS on many independent problems at once, each with its own memory, step length and end."""

from collections.abc import Callable

import numpy as np

MEMORY = 8
"""Pairs of steps and changes of the gradient from which the curvature is estimated."""

FIRST_STEP = 0.5
"""Length of the first step, before the curvature is known."""

LONGEST_STEP = 1.5
"""No step is longer: far away the estimate of the curvature does not hold."""

DECREASE, SHRINK = 1e-4, 0.3
"""Share of the slope's decrease that a step must reach (Armijo's condition); one that does not is cut to the second."""


def minimize(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], start: np.ndarray, evaluations: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns lower points of n functions, and the values there: no value is above that at the start.

    All functions are evaluated together. At each evaluation a function whose value has fallen enough takes its step,
    and any other tries a shorter one next time.

    Args:
        function: from points (n, dimensions) to values (n,) and gradients (n, dimensions), float64. Value i and
            gradient i depend on point i alone.
        start: (n, dimensions).
        evaluations: how often the functions are evaluated, after the start.

    Returns:
        A tuple of points, float64 (n, dimensions), and values, float64 (n,).

    Example:
        >>> import numpy as np
        >>> def square(x):
        ...     return (x**2).sum(axis=1), 2 * x
        >>> point, value = minimize(square, np.array([[3.0, -4.0]]), evaluations=20)
        >>> bool(value[0] < 1e-12)
        True

    Reference: Liu and Nocedal, 1989, https://doi.org/10.1007/BF01589116.
    """
    point = np.array(start, "float64")
    value, gradient = function(point)
    curvature = _Curvature(*point.shape)
    direction, length = curvature.direction(gradient), np.ones(len(point))
    for _ in range(evaluations):
        step = length[:, None] * direction
        new_value, new_gradient = function(point + step)
        slope = (step * gradient).sum(axis=1)
        taken = new_value <= value + DECREASE * slope  # False for NaN
        curvature.add(taken, step, new_gradient - gradient)
        point[taken] += step[taken]
        value, gradient = np.where(taken, new_value, value), np.where(taken[:, None], new_gradient, gradient)
        direction = np.where(taken[:, None], curvature.direction(gradient), direction)
        length = np.where(taken, 1.0, SHRINK * length)
    return point, value


class _Curvature:
    """The last steps of n functions, and how their gradients changed, from the oldest to the newest."""

    def __init__(self, n: int, dimensions: int):
        self.steps = np.zeros((MEMORY, n, dimensions))
        self.changes = np.zeros((MEMORY, n, dimensions))
        self.inverse_products = np.zeros((MEMORY, n))  # 1 / (step . change), 0 where there is no pair

    def add(self, taken: np.ndarray, step: np.ndarray, change: np.ndarray) -> None:
        """Adds a pair to each function that has taken its step, if its curvature is positive."""
        product = (step * change).sum(axis=1)
        good = taken & (product > 1e-10)
        for memory, new in (
            (self.steps, step),
            (self.changes, change),
            (self.inverse_products, 1.0 / np.where(good, product, 1.0)),
        ):
            memory[:-1, good] = memory[1:, good]
            memory[-1, good] = new[good]

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Returns directions of descent, (n, dimensions): minus the estimated inverse Hessian times the gradient."""
        rest, shares = gradient.copy(), []
        for step, change, inverse in reversed(self._pairs()):
            shares.append(inverse * (step * rest).sum(axis=1))
            rest -= shares[-1][:, None] * change
        rest *= self._scale(gradient)[:, None]
        for (step, change, inverse), share in zip(self._pairs(), reversed(shares), strict=True):
            rest += (share - inverse * (change * rest).sum(axis=1))[:, None] * step
        length = np.linalg.norm(rest, axis=1)
        return -rest * np.minimum(1.0, LONGEST_STEP / np.maximum(length, 1e-12))[:, None]

    def _pairs(self):
        return list(zip(self.steps, self.changes, self.inverse_products, strict=True))

    def _scale(self, gradient):
        """Returns the inverse curvature along the newest step; before the first, what makes a step of `FIRST_STEP`."""
        squared_change = (self.changes[-1] ** 2).sum(axis=1)
        product = (self.steps[-1] * self.changes[-1]).sum(axis=1)
        first = FIRST_STEP / np.maximum(np.linalg.norm(gradient, axis=1), 1e-12)
        return np.where(squared_change > 0.0, product / np.where(squared_change > 0.0, squared_change, 1.0), first)
