"""The layer by which a discriminator sees a sound as a picture: its spectrogram."""

from typing import Any

import keras
from keras import layers, ops

from kerasgan.validation import scalars

FLOOR = 0.003
"""Magnitude that counts as silence, next to 1 of a full tone: 50 dB below it."""
LEAST_WINDOW = 16


@keras.saving.register_keras_serializable(package="kerasgan")
class LogSpectrogram(layers.Layer):
    """Signals as images: log magnitudes of short Fourier transforms, with Hann windows that overlap by three quarters.

    A magnitude m of a frequency, 1 for a sine of amplitude 1, becomes 2 log(1 + m / 0.003) / log(1 + 1 / 0.003) - 1: -1
    is silence, 1 a full tone. The phase is lost; neighboring windows share three quarters of their values. It can be
    differentiated twice, as gradient penalties need, also where a signal is 0. It computes in float32.

    Args:
        window: samples of a window, a power of 2 and at least 16. It has half as many frequencies, the highest is left
            out; the next window begins a quarter of it later.

    Shapes: (batch, length, channels), the length a multiple of `window` / 4, to (batch, 4 * length / window,
    window / 2, channels).

    Raises:
        ValueError: if the window is no such number.

    Reference: discriminators of spectrograms: Jang et al., 2021 (UnivNet), arXiv:2106.07889.
    """

    def __init__(self, window: int, **options: Any):
        super().__init__(**({"dtype": "float32"} | options))
        self.window = scalars.whole_number("window", window, LEAST_WINDOW)
        if window & (window - 1):
            raise ValueError(f"window must be a power of 2. Received: window={window}. For example: 256")

    def call(self, signals: Any) -> Any:
        channels = ops.transpose(signals, (0, 2, 1))
        parts = ops.stft(channels, self.window, self.window // 4, self.window)
        real, imaginary = (part[:, :, :-1, :-1] * (4 / self.window) for part in parts)
        least = 0.1 * FLOOR  # the square root has no derivative at 0
        magnitudes = ops.sqrt(ops.square(real) + ops.square(imaginary) + least**2) - least
        levels = ops.log1p(magnitudes / FLOOR) / ops.log1p(1 / FLOOR)
        return ops.transpose(2 * levels - 1, (0, 2, 3, 1))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, length, channels = input_shape
        return (batch, None if length is None else 4 * length // self.window, self.window // 2, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window}
