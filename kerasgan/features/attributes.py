"""Labels and numbers, read from images by a small network: whether samples have the conditions that were asked for."""

import dataclasses
from typing import Any

import keras
import numpy as np

from kerasgan import conditions, datasets

from .classifier import BATCH_SIZE, fit, new_network
from .extractor import Extractor, inference

MOST_PASSES = 50
"""More passes over few images only learn them by heart."""


@dataclasses.dataclass(frozen=True)
class AttributeErrors:
    """How far the labels or numbers that a network reads are from those that belong to the images.

    Attributes:
        names: one name for each label or number.
        unit: of the errors: `"share wrong"` for labels, `"standard deviations"` for numbers.
        generated: mean errors on samples, against the conditions that were asked for, one for each.
        real: the same on real images that the network was not trained on: what a perfect generator would have.
    """

    names: tuple[str, ...]
    unit: str
    generated: tuple[float, ...]
    real: tuple[float, ...]


def attribute_errors(
    condition: conditions.Condition,
    training: tuple[np.ndarray, np.ndarray],
    real: tuple[np.ndarray, np.ndarray],
    generated: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...] | None = None,
    seed: int = 0,
) -> AttributeErrors:
    """Trains the network of `kerasgan.features.classifier` to read conditions from images, and reads those of samples.

    Args:
        condition: a `kerasgan.conditions.Labels` or `Vector`.
        training: real images, float32 (n, height, width, channels), and their conditions, to train on.
        real: other real images and their conditions.
        generated: samples, and the conditions with which they were drawn.
        names: one name for each label or number; None for their numbers.
        seed: fixes the weights and the order of the images.

    Raises:
        ValueError: for another kind of condition.
    """
    if not isinstance(condition, conditions.Labels | conditions.Vector):
        raise ValueError(
            f"Labels and numbers are read from images. Received: condition={condition!r}. For classes use "
            "kerasgan.features.classifier."
        )
    are_labels = isinstance(condition, conditions.Labels)
    mean, std = (0.0, 1.0) if are_labels else (training[1].mean(axis=0), np.maximum(training[1].std(axis=0), 1e-6))
    targets = ((training[1] - mean) / std).astype("float32")
    loss = keras.losses.BinaryCrossentropy(from_logits=True) if are_labels else keras.losses.MeanSquaredError()
    batch_size = min(BATCH_SIZE, len(targets))
    network = new_network(training[0].shape[1:], targets.shape[1], seed)
    fit(network, datasets.load(training[0], batch_size, conditions=targets, seed=seed)[0], loss, MOST_PASSES)

    def errors(images: np.ndarray, asked: np.ndarray) -> tuple[float, ...]:
        found = _read(network, images)
        wrong = (found > 0) != (asked > 0.5) if are_labels else np.abs(found - (asked - mean) / std)
        return tuple(map(float, wrong.mean(axis=0)))

    names = names or tuple(map(str, range(targets.shape[1])))
    unit = "share wrong" if are_labels else "standard deviations"
    return AttributeErrors(names, unit, errors(*generated), errors(*real))


def _read(network: Any, images: np.ndarray) -> np.ndarray:
    function = inference(network)
    return Extractor("conditions", lambda batch: function(batch)[1])(images).features
