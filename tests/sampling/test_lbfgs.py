"""Batched L-BFGS against closed forms and SciPy's."""

import numpy as np
import pytest
from scipy import optimize

from kerasgan.sampling import lbfgs


def rosenbrock(x):
    value = np.array([optimize.rosen(each) for each in x])
    return value, np.array([optimize.rosen_der(each) for each in x])


def test_quadratics_end_at_their_minima():
    random = np.random.default_rng(0)
    roots = random.normal(size=(6, 4, 4)) + 2 * np.eye(4)
    matrices, centers = roots @ roots.swapaxes(1, 2) + 0.1 * np.eye(4), random.normal(size=(6, 4))

    def function(x):
        gradient = np.einsum("nij,nj->ni", matrices, x - centers)
        return ((x - centers) * gradient).sum(axis=1) / 2, gradient

    found, value = lbfgs.minimize(function, np.zeros((6, 4)), 100)
    assert found == pytest.approx(centers, abs=1e-4) and value == pytest.approx(np.zeros(6), abs=1e-8)


def test_the_valley_of_rosenbrock_is_followed_as_scipy_does():
    starts = np.array([[-1.2, 1.0], [0.0, 0.0], [2.0, -1.0]])
    found, _ = lbfgs.minimize(rosenbrock, starts, 100)
    assert found == pytest.approx(np.ones((3, 2)), abs=1e-3)
    by_scipy = [optimize.minimize(optimize.rosen, each, jac=optimize.rosen_der, method="L-BFGS-B").x for each in starts]
    assert found == pytest.approx(np.array(by_scipy), abs=1e-3)


def test_problems_do_not_touch_each_other():
    starts = np.random.default_rng(1).normal(size=(5, 3))
    together, _ = lbfgs.minimize(rosenbrock, starts, 25)
    alone = [lbfgs.minimize(rosenbrock, start[None], 25)[0][0] for start in starts]
    assert together == pytest.approx(np.array(alone), abs=1e-12)


def test_no_value_rises_even_where_the_function_ends():
    """1 / x + x is NaN, and then infinite, left of 0: such steps are not taken."""

    def function(x):
        with np.errstate(all="ignore"):
            return np.where(x[:, 0] > 0, 1 / x[:, 0] + x[:, 0], np.nan), 1 - 1 / x**2

    starts = np.array([[0.2], [1.4], [5.0]])
    value = function(starts)[0]
    for evaluations in range(1, 30, 4):
        found, lower = lbfgs.minimize(function, starts, evaluations)
        assert (lower <= value).all() and (found > 0).all()
        value = lower
    assert found == pytest.approx(np.ones((3, 1)), abs=1e-3)
