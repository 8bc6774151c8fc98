"""Signals of two channels that are made of a few numbers, and those numbers read back from any signals.

Sines have a frequency, a phase, the lag of the second channel behind the first, and an amplitude in each channel.
Heartbeats are a wave of five bumps in every beat (P, Q, R, S, T) as two leads see it; they have a rate, the phase of
the beats at the start, and an amplitude in each lead. No noise is added, so that the numbers explain a signal whole.

They are read back by least squares: of all signals that the numbers can make, the nearest one. What is left of a
signal's energy is the share that no sine or heartbeat explains.
"""

import dataclasses
import typing

import numpy as np

LENGTH, CHANNELS = 256, 2
CIRCLE = 2 * np.pi
CHUNK = 500
"""Signals that are fitted at a time."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of signals.

    Attributes:
        draw: a function from (n, generator of random numbers) to the numbers of n signals: a dict of arrays (n,).
        make: a function from such numbers to signals, float64 (n, LENGTH, CHANNELS) within [-1, 1].
        read: a function from signals to their numbers, and to the share of their energy that these leave, (n,).
        circular: names of the numbers that are angles, in radians.
    """

    draw: typing.Callable
    make: typing.Callable
    read: typing.Callable
    circular: tuple[str, ...]


def signals(kind, n, seed):
    """Returns n signals of a kind, float32 (n, LENGTH, CHANNELS). `seed` is a whole number, or several."""
    known = KINDS[kind]
    return known.make(known.draw(n, np.random.default_rng(seed))).astype("float32")


def distance(found, real, circular):
    """Returns the Wasserstein distance of two samples of a number, in standard deviations of the real ones.

    Of angles it is that on the circle, and the standard deviation that of the angles around their mean direction: 1.81
    for even ones.

    Args:
        found, real: shape (n,) and (m,).
        circular: whether they are angles in radians.

    Reference: Rabin et al., 2011, "Transportation distances on the circle", for the one on the circle.
    """
    from scipy.stats import wasserstein_distance

    if not circular:
        return float(wasserstein_distance(found, real) / real.std())
    middle = np.angle(np.exp(1j * real).mean())
    deviation = np.sqrt(np.mean(np.angle(np.exp(1j * (real - middle))) ** 2))
    places = np.sort(np.concatenate([found, real]) % CIRCLE)
    above = [np.searchsorted(np.sort(each % CIRCLE), places, side="right") / len(each) for each in (found, real)]
    difference, lengths = above[0] - above[1], np.diff(places, append=places[0] + CIRCLE)
    order = np.argsort(difference)
    half = np.searchsorted(np.cumsum(lengths[order]), CIRCLE / 2)
    return float(np.sum(lengths * np.abs(difference - difference[order[half]])) / deviation)


# Sines


def draw_sines(n, random):
    """Frequency in cycles a signal, even from 2 to 8; even phases; lags from N(pi/2, 0.4); even amplitudes."""
    return {
        "frequency": random.uniform(2, 8, n),
        "phase": random.uniform(0, CIRCLE, n),
        "lag": random.normal(np.pi / 2, 0.4, n),
        "amplitude_1": random.uniform(0.3, 0.95, n),
        "amplitude_2": random.uniform(0.3, 0.95, n),
    }


def make_sines(numbers):
    phase = numbers["phase"]
    phases = np.stack([phase, phase - numbers["lag"]], axis=1)[:, None]
    amplitudes = np.stack([numbers["amplitude_1"], numbers["amplitude_2"]], axis=1)[:, None]
    times = np.arange(LENGTH)[None, :, None] / LENGTH
    return amplitudes * np.sin(CIRCLE * numbers["frequency"][:, None, None] * times + phases)


FREQUENCIES = np.arange(0.5, 16, 0.05)
"""Where sines are looked for first, in cycles a signal."""


def _waves(frequencies):
    """Sine and cosine at some frequencies, (m, LENGTH, 2), and the same made orthonormal."""
    angles = CIRCLE * frequencies[:, None] * np.arange(LENGTH) / LENGTH
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return waves, np.linalg.qr(waves)[0]


def read_sines(given):
    given = np.asarray(given, "float64")
    explained = np.zeros((len(given), len(FREQUENCIES)))
    for number, wave in enumerate(_waves(FREQUENCIES)[1]):
        explained[:, number] = np.sum((given.transpose(0, 2, 1) @ wave) ** 2, axis=(1, 2))
    best = np.clip(explained.argmax(axis=1), 1, len(FREQUENCIES) - 2)
    frequencies, step = FREQUENCIES[best], FREQUENCIES[1] - FREQUENCIES[0]
    before, at, after = (explained[np.arange(len(given)), best + offset] for offset in (-1, 0, 1))
    for _ in range(3):  # the top of the parabola through three points, ever closer
        bend = before - 2 * at + after
        moved = np.where(bend < 0, np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -1), -1, 1), 0)
        frequencies, step = frequencies + step * moved, step / 10
        before, at, after = (_explained(given, frequencies + offset * step) for offset in (-1, 0, 1))
    waves, _ = _waves(frequencies)
    parts = np.linalg.pinv(waves) @ given  # (n, 2, CHANNELS): those of sine and cosine
    phases, amplitudes = np.arctan2(parts[:, 1], parts[:, 0]), np.hypot(parts[:, 0], parts[:, 1])
    numbers = {"frequency": frequencies, "phase": phases[:, 0] % CIRCLE, "lag": phases[:, 0] - phases[:, 1]}
    numbers |= {"amplitude_1": amplitudes[:, 0], "amplitude_2": amplitudes[:, 1]}
    return numbers, _left(given, waves @ parts)


def _explained(given, frequencies):
    return np.sum((_waves(frequencies)[1].transpose(0, 2, 1) @ given) ** 2, axis=(1, 2))


def _left(given, fitted):
    energy = np.sum(given**2, axis=(1, 2))
    return np.sum((given - fitted) ** 2, axis=(1, 2)) / np.maximum(energy, np.finfo("float64").tiny)


# Heartbeats

RATE = 64
"""Values a second, so that a signal lasts 4 seconds."""
CENTERS = np.array([-0.16, -0.04, 0.0, 0.045, 0.24])
"""Seconds of the bumps P, Q, R, S and T from R."""
WIDTHS = np.array([0.03, 0.02, 0.02, 0.02, 0.045])
"""Their standard deviations in seconds."""
HEIGHTS = np.array([[0.15, -0.15, 1.0, -0.25, 0.35], [0.1, 0.1, -0.5, 0.9, -0.2]])
"""Of each bump in each lead."""
PEAKS = np.array([1.0, 0.9])
"""About the largest value of each lead, which makes its amplitude 1."""


def draw_heartbeats(n, random):
    """Rates in beats a minute from N(80, 10) within 60 and 100; even phases of the first beat; even amplitudes."""
    rates = random.normal(80, 10, (n, 20))
    return {
        "rate": rates[np.arange(n), (np.abs(rates - 80) < 20).argmax(axis=1)],
        "phase": random.uniform(0, CIRCLE, n),
        "amplitude_1": random.uniform(0.3, 0.9, n),
        "amplitude_2": random.uniform(0.3, 0.9, n),
    }


def make_heartbeats(numbers):
    period = 60 / numbers["rate"]
    wave, _ = _beats(period, numbers["phase"] / CIRCLE * period)
    return wave * np.stack([numbers["amplitude_1"], numbers["amplitude_2"]], axis=1)[:, None]


def _beats(period, first):
    """Returns heartbeats of amplitude 1, (n, LENGTH, CHANNELS), and their derivatives by period and first beat.

    Each bump is that of the nearest beat; the next beat's is more than five of its widths away.
    """
    period, first = period[:, None, None], first[:, None, None]
    since = np.arange(LENGTH)[None, :, None] / RATE - first - CENTERS
    beat = np.round(since / period)
    since = since - beat * period
    bump = np.exp(-0.5 * (since / WIDTHS) ** 2)
    heights = (HEIGHTS / PEAKS[:, None]).T
    slope = bump * since / WIDTHS**2
    return bump @ heights, ((slope * beat) @ heights, slope @ heights)


PERIODS, STEPS = np.arange(0.5, 1.3, 0.008), 64
"""Where heartbeats are looked for first: periods in seconds, and first beats at so many parts of each."""


def read_heartbeats(given):
    given = np.asarray(given, "float64")
    period, part = (each.ravel() for each in np.meshgrid(PERIODS, np.arange(STEPS) / STEPS, indexing="ij"))
    waves, _ = _beats(period, part * period)
    waves /= np.sqrt(np.sum(waves**2, axis=1, keepdims=True))
    waves = waves.astype("float32")
    parts = np.array_split(given, -(-len(given) // CHUNK))
    found = [_read_heartbeats(each, waves, period, part * period) for each in parts]
    period, first, amplitudes, left = (np.concatenate(each) for each in zip(*found, strict=True))
    numbers = {"rate": 60 / period, "phase": CIRCLE * (first / period) % CIRCLE}
    return numbers | {"amplitude_1": amplitudes[:, 0], "amplitude_2": amplitudes[:, 1]}, left


def _read_heartbeats(given, waves, periods, firsts):
    """The nearest heartbeats: the best of a grid, then steps of Gauss and Newton where these are nearer."""
    single = given.astype("float32")
    explained = sum((single[..., lead] @ waves[..., lead].T) ** 2 for lead in range(CHANNELS))
    best = explained.argmax(axis=1)
    place = np.stack([periods[best], firsts[best]], axis=1)
    for _ in range(6):
        _, left, slopes, missing = _fit(given, place)
        slopes = slopes.reshape(len(given), -1, 2)
        change = np.linalg.pinv(slopes) @ missing.reshape(len(given), -1, 1)
        nearest = place
        for share in (0.25, 1.0):
            moved = place + share * change[..., 0]
            moved[:, 0] = np.clip(moved[:, 0], PERIODS[0], PERIODS[-1])
            left_there = _fit(given, moved)[1]
            nearest = np.where((left_there < left)[:, None], moved, nearest)
            left = np.minimum(left, left_there)
        place = nearest
    amplitudes, left = _fit(given, place)[:2]
    return *place.T, amplitudes, left


def _fit(given, place):
    """Returns the amplitudes of the nearest heartbeats at a place (period, first beat), the share of energy that they
    leave, the derivatives by the place, and what is missing."""
    wave, derivatives = _beats(*place.T)
    amplitudes = np.sum(wave * given, axis=1) / np.sum(wave**2, axis=1)
    scaled = amplitudes[:, None]
    slopes = np.stack([scaled * each for each in derivatives], axis=-1)
    missing = given - scaled * wave
    return amplitudes, _left(given, scaled * wave), slopes, missing


KINDS = {
    "sines": Kind(draw_sines, make_sines, read_sines, ("phase", "lag")),
    "heartbeats": Kind(draw_heartbeats, make_heartbeats, read_heartbeats, ("phase",)),
}
