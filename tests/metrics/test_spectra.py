"""Laws of the metrics of signals: hand-worked values, and zeros for the same signals."""

import numpy as np
import pytest

from kerasgan import metrics


def noise(n=50, length=64, channels=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, length, channels))


def test_the_same_signals_are_at_distance_zero_and_twice_the_amplitude_at_six_decibels():
    assert metrics.log_spectral_distance(noise(), noise()) == 0
    assert metrics.log_spectral_distance(noise(), 2 * noise()) == pytest.approx(20 * np.log10(2))


def test_the_spectrum_of_a_sine_has_its_peak_at_its_frequency():
    times = np.arange(128) / 128
    sine = np.sin(2 * np.pi * 20 * times)[None, :, None]
    assert metrics.mean_spectrum(sine).argmax() == 20


def test_a_shift_is_the_distance_of_the_means_and_of_nothing_else():
    found = metrics.marginal_distances(noise(), noise() + 3)
    assert found.mean == pytest.approx(3 / noise().std())
    assert found.deviation == pytest.approx(0, abs=1e-9) and found.steps == pytest.approx(0, abs=1e-9)


def test_signals_in_another_order_of_time_differ_in_their_steps_alone():
    ramps = np.linspace(-1, 1, 64)[None, :, None] * np.linspace(0.5, 1, 20)[:, None, None]
    shuffled = ramps[:, np.random.default_rng(0).permutation(64)]
    found = metrics.marginal_distances(ramps, shuffled)
    assert found.steps > 0.5 and max(found.mean, found.deviation, found.largest) < 1e-9


@pytest.mark.parametrize("bad", [noise(length=32), noise()[..., 0], noise() * np.nan])
def test_signals_of_another_shape_or_with_gaps_are_refused(bad):
    with pytest.raises(ValueError, match="Received"):
        metrics.log_spectral_distance(noise(), bad)
    with pytest.raises(ValueError, match="must vary"):
        metrics.marginal_distances(np.ones((3, 8, 1)), np.ones((3, 8, 1)))
