"""Metrics by their meaning, and against independent computations."""

import numpy as np
import pytest
from scipy import linalg

from kerasgan import metrics

RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=(600, 8)) * np.linspace(0.5, 2, 8)
OTHER = RANDOM.normal(size=(500, 8)) + 0.3


def test_a_set_is_no_distance_from_itself():
    assert metrics.frechet_distance(REAL, REAL) == pytest.approx(0, abs=1e-8)
    assert metrics.precision_recall(REAL, REAL) == (1.0, 1.0)
    assert metrics.density_coverage(REAL, REAL)[1] == 1.0


def test_frechet_distance_against_a_matrix_root():
    """The formula of the paper with SciPy's root of the plain product."""
    (m, c), (n, d) = ((each.mean(axis=0), np.cov(each, rowvar=False)) for each in (REAL, OTHER))
    expected = np.sum((m - n) ** 2) + np.trace(c + d - 2 * np.real(linalg.sqrtm(c @ d)))
    assert metrics.frechet_distance(REAL, OTHER) == pytest.approx(expected, rel=1e-8)
    assert metrics.frechet_distance(OTHER, REAL) == pytest.approx(expected, rel=1e-8)


def test_frechet_distance_of_known_gaussians():
    """In one dimension (m - n)^2 + (s - t)^2."""
    points = RANDOM.normal(size=(200, 1))
    points = (points - points.mean()) / points.std(ddof=1)
    assert metrics.frechet_distance(2 * points + 1, 5 * points - 3) == pytest.approx(16 + 9)


def test_frechet_distance_where_covariances_are_singular():
    flat = REAL * [1, 1, 1, 0, 0, 0, 0, 0]
    assert metrics.frechet_distance(flat, flat) == pytest.approx(0, abs=1e-8)
    assert metrics.frechet_distance(flat[:4], flat[4:8]) >= 0
    shifted = flat + np.eye(8)[7] * 3
    assert metrics.frechet_distance(flat, shifted) == pytest.approx(9)


def test_moments_in_blocks_are_those_of_the_whole(monkeypatch):
    monkeypatch.setattr("kerasgan.metrics.frechet.BLOCK", 7)
    mean, covariance = metrics.moments(REAL)
    assert np.allclose(mean, REAL.mean(axis=0))
    assert np.allclose(covariance, np.cov(REAL, rowvar=False))


def test_the_distance_of_infinitely_many_samples_has_no_bias():
    """Between draws of one Gaussian it is 0 within its error, where the plain distance is far above; and of two
    Gaussians that differ it is what the formula says."""
    draws = [RANDOM.normal(size=(2, 300, 20)) for _ in range(20)]
    plain = np.mean([metrics.frechet_distance(*draw) for draw in draws])
    infinite = [metrics.frechet_distance_infinity(*draw) for draw in draws]
    assert plain > 0.5 and abs(np.mean(infinite)) < 0.06 * plain
    assert min(infinite) < 0 < max(infinite)
    shifted = [metrics.frechet_distance_infinity(real, 2 * generated + 1) for real, generated in draws]
    assert np.mean(shifted) == pytest.approx(20 * (1 + 1), rel=0.02)


def test_the_extrapolation_is_a_line_through_the_means_of_parts(monkeypatch):
    """Distances that are 7 + 3 * parts give 7."""
    monkeypatch.setattr("kerasgan.metrics.frechet._mean_distance", lambda real, generated: 7 + 3 * len(real))
    assert metrics.frechet_distance_infinity(REAL, OTHER) == pytest.approx(7)
    assert metrics.frechet_distance_infinity(REAL, OTHER, parts=2) == pytest.approx(7)


def test_kernel_distance_against_a_loop_over_pairs():
    x, y = REAL[:20], OTHER[:20]

    def kernel(a, b):
        return (np.dot(a, b) / 8 + 1) ** 3

    within = [np.mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]) for z in (x, y)]
    expected = sum(within) - 2 * np.mean([kernel(a, b) for a in x for b in y])
    mean, spread = metrics.kernel_distance(x, y, subsets=3, subset_size=20)
    assert mean == pytest.approx(expected) and spread == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_unbiased():
    """Between halves of one distribution it is 0 within its error, with both signs; of others it is far above."""
    halves = [metrics.kernel_distance(*np.split(RANDOM.normal(size=(200, 8)), 2), subsets=1)[0] for _ in range(60)]
    assert min(halves) < 0 < max(halves)
    assert abs(np.mean(halves)) < 4 * np.std(halves) / np.sqrt(60)
    assert metrics.kernel_distance(REAL, OTHER)[0] > 5 * np.std(halves)
    assert metrics.kernel_distance(REAL, OTHER, subset_size=50) == metrics.kernel_distance(REAL, OTHER, subset_size=50)


def test_a_collapsed_generator_is_precise_and_recalls_little():
    """And one that spreads over everything the reverse: the pair that was swapped for years in a peer."""
    collapsed = REAL[:1] + RANDOM.normal(size=(600, 8)) * 0.01
    precision, recall = metrics.precision_recall(REAL, collapsed)
    assert precision > 0.95 and recall < 0.05
    density, coverage = metrics.density_coverage(REAL, collapsed)
    assert density > 0.9 and coverage < 0.05
    spread = RANDOM.normal(size=(600, 8)) * 20
    precision, recall = metrics.precision_recall(REAL, spread)
    assert precision < 0.05 and recall > 0.9
    assert metrics.density_coverage(REAL, spread)[0] < 0.05


def test_density_of_the_real_distribution_is_about_one():
    more = RANDOM.normal(size=(600, 8)) * np.linspace(0.5, 2, 8)
    density, coverage = metrics.density_coverage(REAL, more)
    assert 0.85 < density < 1.15 and coverage > 0.9


def test_an_outlier_does_not_buy_density():
    """One real point far off has a wide ball: precision falls for it, density does not."""
    real = np.concatenate([REAL[:200], np.full((1, 8), 100.0)])
    far = np.full((100, 8), 60.0) + RANDOM.normal(size=(100, 8))
    assert metrics.precision_recall(real, far)[0] == 1.0
    assert metrics.density_coverage(real, far)[0] == pytest.approx(1 / 5)


def test_neighbors_worked_by_hand():
    """Points on a line, k = 1. The real balls are [-1, 1], [0, 2] and [1, 19]: 0.5 lies in two, 1.5 in two, 30 in none.
    The generated balls are [-0.5, 1.5], [0.5, 2.5] and [1.5, 58.5], so that each real point lies in one."""
    real, generated = np.array([[0.0], [1.0], [10.0]]), np.array([[0.5], [1.5], [30.0]])
    assert metrics.precision_recall(real, generated, k=1) == pytest.approx((2 / 3, 1.0))
    assert metrics.density_coverage(real, generated, k=1) == pytest.approx((4 / 3, 1.0))
    assert metrics.precision_recall(real, generated[:2] + 0.6, k=1) == pytest.approx((1.0, 1 / 3))


def prdc(real, generated, k):
    """Density and coverage as `prdc.compute_prdc` has them, with all pairs of distances."""
    within = np.linalg.norm(real[:, None] - real[None], axis=-1)
    radii = np.partition(within, k, axis=1)[:, k]  # the distance to itself is among them
    between = np.linalg.norm(real[:, None] - generated[None], axis=-1)
    return (between < radii[:, None]).sum(axis=0).mean() / k, (between.min(axis=1) < radii).mean()


TIES = {
    "few values": lambda n: RANDOM.integers(0, 3, (n, 2)),
    "repeated images": lambda n: RANDOM.normal(size=(10, 4)).repeat(n // 10, axis=0),
    "a grid": lambda n: np.stack(np.meshgrid(range(10), range(n // 10)), axis=-1).reshape(-1, 2),
    "all the same": lambda n: np.ones((n, 3)),
    "no ties": lambda n: RANDOM.normal(size=(n, 4)),
}


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("kind", TIES)
def test_density_and_coverage_are_those_of_prdc_where_distances_are_equal(kind, k):
    real, generated = (TIES[kind](n).astype("float64") for n in (100, 80))
    assert metrics.density_coverage(real, generated, k) == pytest.approx(prdc(real, generated, k))
    assert metrics.density_coverage(real, real, k) == pytest.approx(prdc(real, real, k))


def test_precision_and_recall_count_the_boundary():
    """Also that of balls without extent, around images that are there several times."""
    same = np.ones((10, 2))
    assert metrics.precision_recall(same, same) == (1.0, 1.0)
    assert metrics.precision_recall(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]), k=1) == (0.5, 0.5)


def test_class_divergence():
    assert metrics.class_divergence([10, 10], [3, 3]) == pytest.approx(0)
    assert metrics.class_divergence([10, 0], [0, 3]) == pytest.approx(np.log(2))
    by_hand = 0.5 * (0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25) + np.log(1 / 0.75))
    assert metrics.class_divergence([5, 5], [7, 0]) == pytest.approx(by_hand)


def test_classifier_score():
    assert metrics.classifier_score(np.full((50, 4), 0.25)) == pytest.approx((1.0, 0.0))
    assert metrics.classifier_score(np.tile(np.eye(4), (10, 1)), splits=5) == pytest.approx((4.0, 0.0))
    assert metrics.classifier_score(np.tile([[1.0, 0, 0, 0]], (20, 1)))[0] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "metric",
    [metrics.frechet_distance, metrics.kernel_distance, metrics.precision_recall, metrics.density_coverage],
)
@pytest.mark.parametrize("bad", [np.zeros((10, 7)), np.zeros((1, 8)), np.full((10, 8), np.nan), np.zeros(8)])
def test_features_that_cannot_be_compared(metric, bad):
    with pytest.raises(ValueError, match="Received"):
        metric(REAL, bad)


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.class_divergence([1, 2], [1, 2, 3]),
        lambda: metrics.class_divergence([1, -2], [1, 2]),
        lambda: metrics.class_divergence([0, 0], [1, 2]),
        lambda: metrics.classifier_score(np.ones((20, 3))),
        lambda: metrics.classifier_score(np.full((5, 2), 0.5)),
        lambda: metrics.classifier_score(np.eye(4), splits=0),
        lambda: metrics.kernel_distance(REAL, OTHER, subset_size=1),
        lambda: metrics.kernel_distance(REAL, OTHER, subsets=True),
        lambda: metrics.precision_recall(REAL, OTHER, k=0),
        lambda: metrics.density_coverage(REAL, OTHER, k=1.5),
        lambda: metrics.frechet_distance_infinity(REAL, OTHER, parts=1),
        lambda: metrics.frechet_distance_infinity(REAL, OTHER[:7]),
    ],
)
def test_other_refusals(call):
    with pytest.raises(ValueError, match="Received"):
        call()
