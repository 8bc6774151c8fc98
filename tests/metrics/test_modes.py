"""Coverage of modes: what true, collapsed and biased samples score."""

import numpy as np
import pytest

from kerasgan import datasets
from kerasgan.metrics import mode_coverage

CENTERS = datasets.ring_centers()


def samples(counts, sigma=0.01, seed=0):
    """`counts[i]` points of mode i."""
    modes = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(seed).normal(CENTERS[modes], sigma)


def test_the_data_itself_scores_the_ceiling():
    found = mode_coverage(samples([5000] * 8), CENTERS, 0.01)
    assert found.modes == 8
    assert found.high_quality == pytest.approx(1 - np.exp(-4.5), abs=0.003)
    assert found.reverse_kl == pytest.approx(0, abs=1e-4)


def test_lost_modes_are_missed():
    """Half the modes, evenly: KL(1/4 on four | 1/8 on eight) = log 2."""
    found = mode_coverage(samples([100] * 4 + [0] * 4, sigma=0.0), CENTERS, 0.01)
    assert found.modes == 4 and found.high_quality == 1
    assert found.reverse_kl == pytest.approx(np.log(2))


def test_the_divergence_is_the_reverse_one():
    """Shares 3/4 and 1/4 of two modes: 3/4 log 6 + 1/4 log 2, whichever modes they are."""
    for counts in ([300, 100, 0, 0, 0, 0, 0, 0], [0, 0, 0, 100, 0, 0, 300, 0]):
        found = mode_coverage(samples(counts, sigma=0.0), CENTERS, 0.01)
        assert found.reverse_kl == pytest.approx(0.75 * np.log(6) + 0.25 * np.log(2))


def test_points_between_the_modes_find_nothing():
    found = mode_coverage(np.zeros((10, 2)), CENTERS, 0.01)
    assert (found.modes, found.high_quality, found.reverse_kl, found.js) == (0, 0.0, np.inf, np.log(2))


def test_one_good_point_finds_a_mode():
    points = np.concatenate([np.zeros((9, 2)), CENTERS[3:4] + 0.02])
    found = mode_coverage(points, CENTERS, 0.01)
    assert found.modes == 1 and found.high_quality == pytest.approx(0.1)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((3, 3)), np.zeros(2), np.full((3, 2), np.nan)])
def test_bad_points(points):
    with pytest.raises(ValueError, match="Received: an array of shape"):
        mode_coverage(points, CENTERS, 0.01)


def pacgan(points, sigma):
    """The columns that PacGAN's code logs, written out: points below three sigma, entropy of coverage, JSD."""
    counts = np.zeros(len(CENTERS))
    for point in points:
        distances = [np.sqrt(np.sum((point - center) ** 2 / sigma**2)) for center in CENTERS]
        if min(distances) < 3:
            counts[int(np.argmin(distances))] += 1
    p, q = counts / counts.sum(), np.full(len(CENTERS), 1 / len(CENTERS))
    m = (p + q) / 2

    def kl(a, b):
        return sum(x * np.log(x / y) for x, y in zip(a, b, strict=True) if x != 0)

    return (
        np.sum(counts > 0),
        counts.sum() / len(points),
        -np.sum(p[p > 0] * np.log(p[p > 0])),
        (kl(p, m) + kl(q, m)) / 2,
    )


@pytest.mark.parametrize("counts", [[100] * 8, [300, 100, 0, 0, 0, 0, 0, 0], [5, 10, 20, 40, 80, 160, 320, 0]])
def test_both_divergences_are_those_of_pacgan(counts):
    points = samples(counts)
    found, (modes, high_quality, entropy, js) = mode_coverage(points, CENTERS, 0.01), pacgan(points, 0.01)
    assert (found.modes, found.high_quality) == (modes, pytest.approx(high_quality))
    assert found.js == pytest.approx(js)
    assert found.reverse_kl == pytest.approx(np.log(8) - entropy)


def test_a_point_at_three_sigma_is_not_of_high_quality():
    """With numbers that have no rounding."""
    centers = np.array([[0.0, 0.0], [8.0, 0.0]])
    assert mode_coverage(np.array([[0.75, 0.0], [0.5, 0.0]]), centers, 0.25).high_quality == 0.5
