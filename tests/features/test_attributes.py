"""Labels and numbers that a network reads from images: errors of images that have them, and of images that do not."""

import importlib

import numpy as np
import pytest

from kerasgan import conditions
from kerasgan.features import attributes

CLASSIFIER = importlib.import_module("kerasgan.features.classifier")
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(2, size=(240, 2)).astype("float32")
NUMBERS = np.stack([RANDOM.uniform(100, 200, 240), RANDOM.normal(0, 0.01, 240)], axis=1).astype("float32")


def drawn(halves):
    """Noisy images whose upper and lower halves are as bright as two numbers say, about in [-1, 1]."""
    images = RANDOM.normal(0, 0.05, (len(halves), 8, 8, 1)) - 0.5
    images[:, :4] += halves[:, 0, None, None, None]
    images[:, 4:] += halves[:, 1, None, None, None]
    return np.clip(images, -1, 1).astype("float32")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(CLASSIFIER, "MIN_IMAGES", 6_000)


def errors(condition, images, values, asked, names=None):
    """Of images 160 to 200 with `asked` in place of their values; images 200 to 240 are the real ones."""
    training, real = (images[:160], values[:160]), (images[200:], values[200:])
    return attributes.attribute_errors(condition, training, real, (images[160:200], asked), names)


def test_labels():
    """All labels of one column are asked for the other way round: nearly all are wrong there, and few elsewhere."""
    images, asked = drawn(LABELS), LABELS[160:200].copy()
    asked[:, 1] = 1 - asked[:, 1]
    found = errors(conditions.Labels(2), images, LABELS, asked, ("hat", "smile"))
    assert found.names == ("hat", "smile") and found.unit == "share wrong"
    assert found.generated[0] <= 0.05 and found.generated[1] >= 0.95 and max(found.real) <= 0.05


def test_numbers_are_read_in_their_standard_deviations():
    """Numbers of any unit: 3 standard deviations more are asked for than the images have."""
    scaled = (NUMBERS - NUMBERS.mean(0)) / NUMBERS.std(0) * 0.2 + 0.4
    asked = NUMBERS[160:200] + np.array([0.0, 3 * NUMBERS[:160, 1].std()])
    found = errors(conditions.Vector.from_data(NUMBERS), drawn(scaled), NUMBERS, asked)
    assert found.names == ("0", "1") and found.unit == "standard deviations"
    assert max(found.real) < 0.6 and found.generated[0] < 0.6 and 2.4 < found.generated[1] < 3.6


def test_few_images_are_not_passed_over_for_ever(monkeypatch):
    """160 images of which 10,000,000 would be passed."""
    steps, adapter = [], CLASSIFIER.keras_internals.EpochAdapter
    monkeypatch.setattr(CLASSIFIER, "MIN_IMAGES", 10**7)
    monkeypatch.setattr(
        CLASSIFIER.keras_internals, "EpochAdapter", lambda batches: steps.append(len(batches)) or adapter(batches)
    )
    for passes in (1, 3):
        monkeypatch.setattr(attributes, "MOST_PASSES", passes)
        errors(conditions.Labels(2), drawn(LABELS), LABELS, LABELS[160:200])
    assert steps == [steps[0], 3 * steps[0]] and steps[0] <= 2


def test_classes_have_a_classifier():
    with pytest.raises(ValueError, match=r"Received: condition=Classes.*kerasgan\.features\.classifier"):
        attributes.attribute_errors(conditions.Classes(2), *[(np.zeros((4, 8, 8, 1)), np.zeros(4))] * 3)
