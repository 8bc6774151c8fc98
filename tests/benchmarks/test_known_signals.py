"""The numbers that signals are made of are read back, and their distances are what they are by hand."""

import known_signals
import numpy as np
import pytest
import signals

TIMES = np.arange(256) / 256


def angle_between(a, b):
    return np.angle(np.exp(1j * (a - b)))


@pytest.mark.parametrize("kind", known_signals.KINDS)
def test_the_numbers_of_real_signals_come_back(kind):
    known = known_signals.KINDS[kind]
    numbers = known.draw(200, np.random.default_rng(0))
    made = known.make(numbers).astype("float32")
    assert made.shape == (200, 256, 2) and 0.6 < np.abs(made).max() < 1
    found, left = known.read(made)
    assert left.max() < 1e-10 and set(found) == set(numbers)
    for name, values in numbers.items():
        difference = angle_between(found[name], values) if name in known.circular else found[name] - values
        assert np.abs(difference).max() < 1e-5 * max(1, np.abs(values).max()), name


@pytest.mark.parametrize("kind", known_signals.KINDS)
def test_numbers_come_back_from_noise(kind):
    """Noise of a tenth of the energy is left over, and moves the numbers by little."""
    known, random = known_signals.KINDS[kind], np.random.default_rng(0)
    numbers = known.draw(50, random)
    made = known.make(numbers)
    noise = random.normal(size=made.shape)
    noise *= np.sqrt(np.sum(made**2, axis=(1, 2), keepdims=True) / np.sum(noise**2, axis=(1, 2), keepdims=True) / 9)
    found, left = known.read(made + noise)
    np.testing.assert_allclose(left, 0.1, atol=0.02)
    for name, values in numbers.items():
        difference = angle_between(found[name], values) if name in known.circular else found[name] - values
        assert np.abs(difference).mean() < 0.1 * values.std(), name


def test_a_sine_by_hand():
    first, second = 0.5 * np.sin(2 * np.pi * 3 * TIMES + 1), 0.25 * np.sin(2 * np.pi * 3 * TIMES + 0.25)
    other = 0.25 * np.sin(2 * np.pi * 11 * TIMES)
    found, left = known_signals.read_sines(np.stack([[first, second], [first + other, second]]).transpose(0, 2, 1))
    expected = {"frequency": 3, "phase": 1, "lag": 0.75, "amplitude_1": 0.5, "amplitude_2": 0.25}
    for name, value in expected.items():
        assert found[name] == pytest.approx([value, value], abs=0.1)
        assert found[name][0] == pytest.approx(value, abs=1e-6)
    assert left[0] < 1e-10
    # A sixth of the energy is in the other sine; a frequency that is moved a little explains some more.
    assert 0.15 < left[1] <= 0.0625 / (0.25 + 0.0625 + 0.0625)


def test_heartbeats_by_hand():
    """60 beats a minute from a quarter of a second on: R at 0.25, 1.25, 2.25 and 3.25 s of 64 values each."""
    numbers = {"rate": 60, "phase": np.pi / 2, "amplitude_1": 0.5, "amplitude_2": 0.4}
    (beats,) = known_signals.make_heartbeats({name: np.array([value]) for name, value in numbers.items()})
    peaks = np.flatnonzero(beats[:, 0] > 0.45)
    assert set(peaks.tolist()) == {16, 80, 144, 208} and beats[16, 0] == pytest.approx(0.5, rel=0.1)
    np.testing.assert_allclose(beats[:64], beats[64:128], atol=1e-12)
    assert beats[:, 1].min() < -0.1 < 0.35 < beats[:, 1].max()


@pytest.mark.parametrize("kind", known_signals.KINDS)
def test_noise_is_mostly_unexplained(kind):
    _, left = known_signals.KINDS[kind].read(np.random.default_rng(0).normal(size=(20, 256, 2)))
    assert 0.8 < left.min() and left.max() < 1


def test_distances_by_hand():
    values = np.random.default_rng(0).uniform(0, 2 * np.pi, 5000)
    assert known_signals.distance(values + 0.3, values, circular=False) == pytest.approx(0.3 / values.std())
    assert known_signals.distance(values + 2 * np.pi, values, circular=True) == pytest.approx(0, abs=1e-9)
    near = 6.2 + np.random.default_rng(0).normal(size=5000) * 0.2  # around 0 on the circle
    found = known_signals.distance((near + 0.3) % (2 * np.pi), near % (2 * np.pi), circular=True)
    assert found == pytest.approx(0.3 / near.std(), rel=1e-3)
    half = np.full(100, 1.0) + np.repeat([0, np.pi], 50)  # each half has a quarter of the circle to go at most
    even = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    assert known_signals.distance(half, even, circular=True) == pytest.approx(np.pi / 4 / 1.8138, rel=1e-3)


def test_a_second_real_sample_is_within_the_goal_and_a_collapsed_one_is_not():
    real, other = (known_signals.signals("sines", 2000, [7, part]) for part in (0, 1))
    numbers, _ = known_signals.read_sines(real)
    runs = [{"row": "kerasgan", "figures": signals.figures("sines", other, numbers), "floor": {}}]
    assert signals.is_reached(runs, "kerasgan")
    runs[0]["figures"] = signals.figures("sines", np.repeat(real[:1], 500, axis=0), numbers)
    assert runs[0]["figures"]["unexplained"] < 1e-6 and not signals.is_reached(runs, "kerasgan")


def test_rows_are_recipes_of_as_many_samples():
    ours, plain = (signals.recipe_of(row, 40_000, 8) for row in signals.ROWS)
    assert ours.network_options == plain.network_options == {"width": 8} and ours.epochs == plain.epochs == 2
    assert (ours.network, plain.network, plain.gamma, plain.ema_half_life_images) == ("resnet", "dcgan", None, None)
