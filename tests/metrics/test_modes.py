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
    assert (found.modes, found.high_quality, found.reverse_kl) == (0, 0.0, np.inf)


def test_one_good_point_finds_a_mode():
    points = np.concatenate([np.zeros((9, 2)), CENTERS[3:4] + 0.02])
    found = mode_coverage(points, CENTERS, 0.01)
    assert found.modes == 1 and found.high_quality == pytest.approx(0.1)


@pytest.mark.parametrize("points", [np.zeros((0, 2)), np.zeros((3, 3)), np.zeros(2), np.full((3, 2), np.nan)])
def test_bad_points(points):
    with pytest.raises(ValueError, match="Received: an array of shape"):
        mode_coverage(points, CENTERS, 0.01)
