"""How far signals are from real ones by their spectra and by their values."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

DB_RANGE = 80.0
"""Power that is so far below the greatest of the real signals counts as that: it is noise, and cannot be heard."""


def mean_spectrum(signals: ArrayLike) -> np.ndarray:
    """Returns the mean power of signals at each frequency, with a Hann window, for each channel.

    Args:
        signals: shape (n, length, channels).

    Returns:
        float64, shape (length // 2 + 1, channels).
    """
    signals = _checked("signals", signals)
    window = np.hanning(signals.shape[1])[:, None]
    return np.mean(np.abs(np.fft.rfft(signals * window, axis=1)) ** 2, axis=0)


def log_spectral_distance(real: ArrayLike, generated: ArrayLike) -> float:
    """Returns the root mean square difference of the mean spectra in dB; 0 for the same, 6 for twice the amplitude.

        sqrt(mean over frequencies (10 log10 P_real(f) - 10 log10 P_generated(f))^2)

    Args:
        real, generated: shape (n, length, channels) and (m, length, channels).

    Raises:
        ValueError: for other ranks, lengths or channels that differ, or values that are not finite.

    Example:
        >>> import numpy as np
        >>> noise = np.random.default_rng(0).normal(size=(100, 64, 1))
        >>> round(log_spectral_distance(noise, 2 * noise), 2)
        6.02

    Reference: Gray and Markel, 1976, "Distance measures for speech processing".
    """
    real, generated = _pair(real, generated)
    spectra = mean_spectrum(real), mean_spectrum(generated)
    floor = max(spectra[0].max() * 10 ** (-DB_RANGE / 10), np.finfo("float64").tiny)
    decibels = [10 * np.log10(np.maximum(each, floor)) for each in spectra]
    return float(np.sqrt(np.mean((decibels[0] - decibels[1]) ** 2)))


@dataclasses.dataclass(frozen=True)
class Marginals:
    """Distances between the distributions of numbers that describe each signal, in units of the data's.

    Attributes:
        mean, deviation, largest, steps: Wasserstein distance of the mean, the standard deviation, the largest absolute
            value, and the root mean square difference of neighbors, each divided by the standard deviation of all real
            values.
    """

    mean: float
    deviation: float
    largest: float
    steps: float


def marginal_distances(real: ArrayLike, generated: ArrayLike) -> Marginals:
    """Returns how far signals are from real ones by their means, deviations, largest values and steps.

    Args:
        real, generated: as for `log_spectral_distance`.

    Raises:
        ValueError: as `log_spectral_distance`, or if all real values are equal.
    """
    from scipy.stats import wasserstein_distance

    real, generated = _pair(real, generated)
    unit = real.std()
    if not unit:
        raise ValueError("Signals must vary. Received: real signals that are constant. Check where they come from.")
    described = [_described(each) for each in (real, generated)]
    return Marginals(*(float(wasserstein_distance(*both) / unit) for both in zip(*described, strict=True)))


def _described(signals):
    steps = np.sqrt(np.mean(np.diff(signals, axis=1) ** 2, axis=(1, 2))) if signals.shape[1] > 1 else np.zeros(1)
    flat = signals.reshape(len(signals), -1)
    return flat.mean(axis=1), flat.std(axis=1), np.abs(flat).max(axis=1), steps


def _pair(real, generated):
    real, generated = _checked("real", real), _checked("generated", generated)
    if real.shape[1:] != generated.shape[1:]:
        raise ValueError(
            "Signals are compared with those of the same length and channels. Received: real.shape="
            f"{real.shape}, generated.shape={generated.shape}. Cut them to one length."
        )
    return real, generated


def _checked(name, signals):
    signals = np.asarray(signals, "float64")
    if signals.ndim != 3 or not signals.size or not np.isfinite(signals).all():
        raise ValueError(
            f"Signals must be finite, (n, length, channels). Received: {name}.shape={signals.shape}. Give signals of "
            "one channel a last axis of 1, and leave out those with NaN."
        )
    return signals
