"""Laws of pictures of signals, sounds and volumes."""

import numpy as np
import pytest

from kerasgan import pictures, signal_pictures


def test_a_spectrogram_has_its_largest_value_at_the_frequency_of_a_tone():
    times = np.arange(4000) / 4000
    found = signal_pictures.spectrograms(np.sin(2 * np.pi * 500 * times)[None, :, None])
    assert (found[0].argmax(axis=-1) == 500 * signal_pictures.WINDOW // 4000).all()


def test_slices_are_the_middle_ones_of_each_side():
    volume = np.zeros((1, 4, 6, 8, 1), "float32")
    volume[0, 2], volume[0, :, 3], volume[0, :, :, 4] = 0.25, 0.5, 0.75
    shown = signal_pictures.slices(volume)[0, ..., 0]
    assert shown.shape == (6, 8 + 1 + 8 + 1 + 6)
    np.testing.assert_array_equal(shown[:, :8], volume[0, 2, ..., 0])
    np.testing.assert_array_equal(shown[:4, 9:17], volume[0, :, 3, :, 0])
    np.testing.assert_array_equal(shown[:4, 18:], volume[0, :, :, 4, 0])


def test_signals_and_volumes_are_pictures_of_their_own():
    signals = np.random.default_rng(0).uniform(-1, 1, (3, 40, 2))
    assert pictures.picture_of(signals).shape[-1] == 3
    assert pictures.picture_of(np.zeros((2, 4, 4, 4, 1), "float32")).dtype == np.uint8
    assert not np.array_equal(signal_pictures.lines_picture(signals), signal_pictures.lines_picture(signals * 0.5))
    for draw in (signal_pictures.lines_picture, lambda each: signal_pictures.spectrograms_picture(each, 100)):
        with pytest.raises(ValueError, match="Received: shape"):
            draw(np.zeros((3, 40)))
