"""Toy distributions: they are what the literature has."""

import numpy as np
import pytest
from dataset_helpers import first_batch, values

from kerasgan import datasets
from kerasgan.datasets import load


@pytest.mark.parametrize(
    ("name", "centers", "sigma"),
    [("ring", datasets.ring_centers(), datasets.RING_SIGMA), ("grid", datasets.grid_centers(), datasets.GRID_SIGMA)],
)
def test_mixtures_have_their_modes_and_spread(name, centers, sigma):
    batches, info = load(name, 50_000, labels=True)
    points, labels = first_batch(batches)
    residuals = points - centers[labels]
    counts = np.bincount(labels, minlength=len(centers))
    assert (info.num_classes, info.image_shape) == (len(centers), (2,))
    assert abs(counts - 50_000 / len(centers)).max() < 5 * np.sqrt(50_000 / len(centers))
    np.testing.assert_allclose(residuals.std(axis=0), sigma, rtol=0.02)
    np.testing.assert_allclose(residuals.mean(axis=0), 0.0, atol=0.025 * sigma)
    high_quality = (np.linalg.norm(residuals, axis=1) < 3 * sigma).mean()
    assert 0.9865 < high_quality < 0.9915  # 1 - exp(-9/2) = 0.98889


def test_centers_are_those_of_the_literature():
    ring, grid = datasets.ring_centers(), datasets.grid_centers()
    assert ring.dtype == grid.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(ring[[0, 1, 2]], [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-6)
    assert sorted(map(tuple, grid.tolist())) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]


def test_the_bell_has_its_mean_and_sigma():
    batches, info = load("bell", 50_000)
    points = values(batches)
    assert points.shape == (50_000, 1) and info.num_classes is None
    assert abs(points.mean() - datasets.BELL_MEAN) < 0.012
    assert abs(points.std() - datasets.BELL_SIGMA) < 0.008


def test_points_follow_the_seed():
    first, again, other = (values(load("ring", 50_000, shuffle=False, seed=seed)[0]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 5)])
def test_point_arrays_have_no_range(shape):
    points = np.linspace(-50, 50, np.prod(shape)).reshape(shape)
    batches, info = load(points, 20, shuffle=False)
    np.testing.assert_allclose(values(batches), points.reshape(20, -1), rtol=1e-6)
    assert info.image_shape == points.reshape(20, -1).shape[1:]
