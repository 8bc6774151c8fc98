"""Pictures of signals, sounds and volumes: lines with axes, spectrograms, slices."""

from collections.abc import Sequence
from typing import Any

import numpy as np

WINDOW = 128
"""Samples of a window of a spectrogram, of which neighbors share three quarters."""
FLOOR_DB = -80.0
"""What is that far below the loudest is drawn black."""
MOST_LINES = 16
SLICES = 3


def lines_picture(
    signals: Any, rate: int | None = None, columns: int = 4, titles: Sequence[str] | None = None
) -> np.ndarray:
    """Returns one picture of signals as lines, each in axes of its own with the same limits.

    Args:
        signals: shape (n, length, channels), floats; up to 16 are drawn, one line for each channel.
        rate: samples a second, for an axis in seconds; None for an axis of positions.
        columns: signals in a row.
        titles: a title for each, or None.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        ValueError: for another rank, or no signal.
    """
    signals = _checked(signals)[:MOST_LINES]
    times = np.arange(signals.shape[1]) / (rate or 1)
    finite = signals[np.isfinite(signals)]
    limit = 1.05 * max(1.0, np.abs(finite).max(initial=0))

    def draw(axes, signal):
        axes.plot(times, signal, linewidth=0.7)
        axes.set(xlim=(0, times[-1] or 1), ylim=(-limit, limit))

    return _grid(signals, draw, columns, titles, "seconds" if rate else "position")


def spectrograms_picture(sounds: Any, rate: int, columns: int = 4, titles: Sequence[str] | None = None) -> np.ndarray:
    """Returns one picture of the spectrograms of sounds, of the mean of their channels, in dB below the loudest.

    Args:
        sounds: shape (n, length, channels), floats; up to 16 are drawn.
        rate: samples a second.
        columns: sounds in a row.
        titles: a title for each, or None.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        ValueError: for another rank, or no sound.
    """
    sounds = _checked(sounds)[:MOST_LINES]
    found = spectrograms(sounds)
    loudest = max(found.max(), 1e-12)
    extent = (0, sounds.shape[1] / rate, 0, rate / 2000)

    def draw(axes, spectrogram):
        shown = 20 * np.log10(np.maximum(spectrogram / loudest, 1e-12))
        options = {"vmin": FLOOR_DB, "vmax": 0, "origin": "lower", "aspect": "auto", "extent": extent}
        axes.imshow(shown.T, cmap="magma", **options)

    return _grid(found, draw, columns, titles, "seconds", "kHz")


def spectrograms(sounds: Any, window: int = WINDOW) -> np.ndarray:
    """Returns the magnitudes of short Fourier transforms, of the mean of the channels, with Hann windows.

    Args:
        sounds: shape (n, length, channels).
        window: samples of a window; the next one begins a quarter of it later. A shorter signal is one window.

    Returns:
        float64, shape (n, times, frequencies).
    """
    mono = np.nan_to_num(np.asarray(sounds, "float64")).mean(axis=-1)
    window = min(window, mono.shape[1])
    frames = np.lib.stride_tricks.sliding_window_view(mono, window, axis=1)[:, :: max(1, window // 4)]
    return np.abs(np.fft.rfft(frames * np.hanning(window), axis=-1))


def slices(volumes: Any) -> np.ndarray:
    """Returns the middle slices of volumes along their three sides, next to each other, as images.

    Args:
        volumes: shape (n, depth, height, width, channels), floats in [-1, 1].

    Returns:
        shape (n, largest height, sum of the widths + gaps, channels), with gray where a slice is smaller: the middle in
        depth (height, width), in height (depth, width), and in width (depth, height).

    Raises:
        ValueError: for another rank.
    """
    volumes = np.asarray(volumes)
    if volumes.ndim != 5 or not volumes.size:
        raise ValueError(
            f"Volumes are (n, depth, height, width, channels). Received: shape {volumes.shape}. Give volumes of one "
            "channel a last axis of 1."
        )
    middles = [volumes.take(volumes.shape[axis] // 2, axis=axis) for axis in (1, 2, 3)]
    height = max(each.shape[1] for each in middles)
    padded = [np.pad(each, ((0, 0), (0, height - each.shape[1]), (0, 1), (0, 0))) for each in middles]
    return np.concatenate(padded, axis=2)[:, :, :-1]


def _checked(signals):
    signals = np.asarray(signals, "float64")
    if signals.ndim != 3 or not signals.size:
        raise ValueError(
            f"Signals are (n, length, channels), and there is at least one. Received: shape {signals.shape}. Give "
            "signals of one channel a last axis of 1."
        )
    return signals


def _grid(drawn, draw, columns, titles, x_label, y_label=None):
    """Draws each of several things into axes of its own; the outer axes are named."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(columns, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(2.6 * columns, 1.6 * rows + 0.3), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(drawn):
            axes.set_visible(False)
            continue
        draw(axes, drawn[number])
        axes.tick_params(labelsize=7)
        if titles is not None:
            axes.set_title(titles[number], fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel(x_label, fontsize=7)
    for axes in grid[:, 0]:
        axes.set_ylabel(y_label or "", fontsize=7)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
