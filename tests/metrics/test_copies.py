"""Copies of training images are found, and samples that are merely bad are not taken for copies."""

import numpy as np
import pytest

from kerasgan import datasets, metrics

DIGITS, LABELS, _ = datasets.load_arrays("digits")
FLAT = DIGITS.reshape(len(DIGITS), -1).astype("float64")
MEANS = np.stack([FLAT[LABELS == label].mean(axis=0) for label in range(10)])
SEEDS = range(4)


def split(seed, num_training):
    """Returns training digits, held-out ones, and others that stand for the samples of a perfect generator."""
    order = np.random.default_rng(seed).permutation(len(FLAT))
    training, rest = order[:num_training], order[num_training:]
    return FLAT[training], FLAT[rest[: len(rest) // 2]], rest[len(rest) // 2 :]


def noisy(values, seed, sigma=0.1):
    return values + sigma * np.random.default_rng(seed).normal(size=values.shape)


OTHER = {
    "perfect": lambda new, seed: FLAT[new],
    "noisy": lambda new, seed: noisy(FLAT[new], seed, 0.5),
    "blurry": lambda new, seed: 0.5 * FLAT[new] + 0.5 * MEANS[LABELS[new]],
    "means of classes": lambda new, seed: noisy(MEANS[LABELS[new]], seed),
    "collapsed to one": lambda new, seed: noisy(FLAT[new[:1]].repeat(500, axis=0), seed),
    "collapsed to few": lambda new, seed: noisy(FLAT[new[:10]].repeat(50, axis=0), seed),
    "noise alone": lambda new, seed: np.random.default_rng(seed).uniform(-1, 1, (500, 64)),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("num_training", [90, 400])
@pytest.mark.parametrize("kind", OTHER)
def test_generators_that_know_no_training_image_copy_none(kind, num_training, seed):
    training, held_out, new = split(seed, num_training)
    found = metrics.copying(OTHER[kind](new, seed), training, held_out)
    assert not found.suspicious and abs(found.z) < 4, found
    assert not metrics.copying(OTHER[kind](new, seed), training).suspicious


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("num_training", [90, 400])
def test_copies_are_found_with_and_without_held_out_images(num_training, seed):
    training, held_out, _ = split(seed, num_training)
    copies = noisy(training[np.random.default_rng(seed).integers(len(training), size=500)], seed)
    found = metrics.copying(copies, training, held_out)
    assert found.suspicious and found.share == 1.0 == found.excess and found.z > 4
    alone = metrics.copying(copies, training)
    assert alone.suspicious and alone.close > 0.9 and alone.share is alone.expected is alone.z is None


@pytest.mark.parametrize("seed", SEEDS)
def test_mixtures_of_training_images_need_held_out_ones(seed):
    """Halves of a training digit and of its class's mean are no plain copies, but nearer to it than to others."""
    training, held_out, _ = split(seed, 90)
    chosen = np.random.default_rng(seed).integers(90, size=500)
    nearest_mean = MEANS[((training[chosen][:, None] - MEANS) ** 2).sum(axis=2).argmin(axis=1)]
    samples = noisy(0.5 * training[chosen] + 0.5 * nearest_mean, seed)
    assert metrics.copying(samples, training, held_out).suspicious


def test_a_few_held_out_images_suffice_for_plain_copies():
    training, held_out, new = split(0, 81)
    assert metrics.copying(noisy(training.repeat(5, axis=0), 0), training, held_out[:9]).suspicious
    assert not metrics.copying(FLAT[new], training, held_out[:9]).suspicious


def test_the_deviation_is_that_of_another_choice_of_the_held_out_images():
    """By brute force: hold out others, 300 times. For a collapsed generator the deviation is large."""
    random = np.random.default_rng(0)
    real = random.normal(size=(60, 2))
    for samples in (random.normal(size=(300, 2)), real[:3].repeat(100, axis=0) + 0.01):
        shares, deviations = [], []
        for _ in range(300):
            order = random.permutation(60)
            found = metrics.copying(samples, real[order[:40]], real[order[40:]])
            shares.append(found.share)
            deviations.append((found.share - found.expected) / found.z if found.z else np.nan)
        assert np.mean(shares) == pytest.approx(2 / 3, abs=0.04)
        assert np.nanmean(deviations) == pytest.approx(np.std(shares), rel=0.15)


def test_repeated_training_images_are_copied_once():
    """A photo that is in the folder ten times is copied like any other."""
    training, _, _ = split(0, 90)
    copies = noisy(training.repeat(5, axis=0), 0)
    assert metrics.copying(copies, training.repeat(10, axis=0)).suspicious


def test_an_image_that_is_in_both_sets_says_nothing():
    training, _, _ = split(0, 90)
    found = metrics.copying(training, training, training)
    assert found.share == found.expected == 0.5 and found.z == 0


def test_no_more_held_out_images_than_training_images_count():
    training, held_out, _ = split(0, 90)
    found = metrics.copying(training, training, held_out)
    assert found.expected == 0.5 and found == metrics.copying(training, training, held_out)


@pytest.mark.parametrize(
    "arguments",
    [
        (FLAT[:9], FLAT, FLAT),
        (FLAT, FLAT[:9], FLAT),
        (FLAT, FLAT, FLAT[:4]),
        (FLAT, FLAT[:, :5], FLAT),
        (FLAT, FLAT, FLAT[:, :5]),
        (FLAT * np.nan, FLAT, FLAT),
        (FLAT, FLAT, FLAT * np.inf),
        (FLAT, FLAT[:3].repeat(10, axis=0), FLAT),
        (FLAT, FLAT, FLAT, -1),
    ],
)
def test_refusals(arguments):
    with pytest.raises(ValueError, match="Received"):
        metrics.copying(*arguments)
