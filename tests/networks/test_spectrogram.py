"""Spectrograms: levels of known tones, no phase, derivatives of both orders; the discriminator that sees them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import networks, penalties
from kerasgan.networks.spectrogram import FLOOR, LogSpectrogram

WINDOW, LENGTH = 32, 256


def tone(amplitude, cycles_a_window, phase=0.0):
    """A sine, shape (1, LENGTH, 1)."""
    angles = 2 * np.pi * cycles_a_window * np.arange(LENGTH) / WINDOW + phase
    return (amplitude * np.sin(angles)).astype("float32")[None, :, None]


def levels(signals):
    """The spectrogram without the windows that reach over an end."""
    return np.asarray(LogSpectrogram(WINDOW)(signals))[:, 2:-1]


def test_it_has_the_magnitudes_of_windows_of_numpy():
    signals = np.random.default_rng(0).uniform(-1, 1, (2, LENGTH, 3)).astype("float32")
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    starts = range(0, LENGTH - WINDOW + 1, WINDOW // 4)
    frames = np.stack([signals[:, start : start + WINDOW] * hann[:, None] for start in starts], axis=1)
    magnitudes = np.abs(np.fft.rfft(frames, axis=2))[:, :, :-1] * 4 / WINDOW
    magnitudes = np.sqrt(magnitudes**2 + (FLOOR / 10) ** 2) - FLOOR / 10  # what keeps the root smooth
    expected = 2 * np.log(1 + magnitudes / FLOOR) / np.log(1 + 1 / FLOOR) - 1
    found = levels(signals)
    assert found.shape == expected.shape == (2, 4 * LENGTH // WINDOW - 3, WINDOW // 2, 3)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_silence_is_minus_one_and_a_full_tone_one():
    assert np.abs(levels(np.zeros((1, LENGTH, 1), "float32")) + 1).max() < 1e-6
    for cycles in (2, 5, 11):
        found = levels(tone(1.0, cycles))[0, ..., 0]
        np.testing.assert_allclose(found[:, cycles], 1.0, atol=1e-3)
        assert (found.argmax(axis=1) == cycles).all()
        assert (levels(tone(0.1, cycles))[0, :, cycles, 0] < 0.7).all()


def test_the_phase_of_a_tone_does_not_matter():
    one, other = levels(tone(0.5, 4)), levels(tone(0.5, 4, phase=1.0))
    assert np.abs(tone(0.5, 4) - tone(0.5, 4, phase=1.0)).max() > 0.4
    np.testing.assert_allclose(one, other, atol=0.01)


@pytest.mark.parametrize("amplitude", [0.0, 0.5])
def test_gradients_of_both_orders_are_finite(amplitude):
    signals, layer = tf.constant(tone(amplitude, 3)), LogSpectrogram(WINDOW)
    with tf.GradientTape() as outer:
        outer.watch(signals)
        with tf.GradientTape() as inner:
            inner.watch(signals)
            loss = tf.reduce_sum(tf.sin(layer(signals)))
        gradient = inner.gradient(loss, signals)
        squares = tf.reduce_sum(tf.square(gradient))
    second = outer.gradient(squares, signals)
    assert np.isfinite(gradient).all() and np.isfinite(second).all()
    assert (np.abs(gradient).max() > 0) == (amplitude > 0)  # silence is the lowest level


def test_a_pair_of_sounds_trains_and_comes_back_from_a_file(tmp_path):
    pair = networks.resnet((LENGTH, 2), latent_dim=4, width=4, num_classes=3, spectrogram=WINDOW)
    gan = kerasgan.GAN(*pair, latent_dim=4, num_classes=3, seed=0)
    gan.compile(penalties=(penalties.R1(0.1), penalties.R2(0.1)), updates="one_stage")
    sounds = np.concatenate([tone(0.5, cycles) for cycles in (2, 3, 4)] * 4).repeat(2, axis=2)
    gan.fit(sounds, np.arange(12, dtype="int32") % 3, batch_size=6, verbose=0)
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    given = [sounds, np.arange(12, dtype="int32") % 3]
    np.testing.assert_array_equal(loaded.discriminator(given), gan.discriminator(given))
    assert gan.discriminator.get_layer("spectrogram").output.shape == (None, 32, 16, 2)


def test_the_generator_is_that_of_signals():
    plain, heard = (networks.resnet((LENGTH, 1), 4, width=4, **given) for given in ({}, {"spectrogram": WINDOW}))
    assert [each.shape for each in plain[0].weights] == [each.shape for each in heard[0].weights]
    assert heard[1].input_shape == plain[1].input_shape == (None, LENGTH, 1)


@pytest.mark.parametrize(
    ("shape", "window", "message"),
    [
        ((LENGTH, 1), 24, "window must be a power of 2. Received: window=24"),
        ((LENGTH, 1), 8, "window must be a whole number of at least 16"),
        ((LENGTH, 1), 256, "at least two. Received: length=256 with spectrogram=256. Use a length of 512"),
        ((16 * 20, 1), 128, "a multiple of the spectrogram's window, .*length=320 .* a length of 384"),
        ((32, 32, 1), 16, "A spectrogram is of signals, .*image_shape=\\(32, 32, 1\\)"),
    ],
)
def test_windows_that_do_not_fit(shape, window, message):
    with pytest.raises(ValueError, match=message):
        networks.resnet(shape, 4, width=4, spectrogram=window)
