"""The check of an export: the test vector's output in the format's own runtime, and in Keras."""

import pathlib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras
import numpy as np

from kerasgan import backend
from kerasgan.export import card as cards
from kerasgan.export.network import Exported, exported
from kerasgan.export.registry import FORMATS

SAMPLES = 4
SEED = 0
MIXED_TOLERANCE = 5e-2
"""Of a network that computes in bfloat16, which keeps 8 bits."""


class CheckFailed(ValueError):
    """An export whose outputs are not those of the network."""


def inputs_of(subject: Exported) -> dict[str, np.ndarray]:
    """Returns the inputs of the test vector, arrays by name: those of `gan.generate(4, seed=0)`.

    For a discriminator the images are the generator's.
    """
    gan = subject.gan
    z = keras.ops.convert_to_numpy(keras.random.normal((SAMPLES, gan.latent_dim), seed=SEED))
    made = {"z": z}
    if gan.num_classes is not None:
        made["labels"] = keras.ops.convert_to_numpy(backend.draw_labels(SAMPLES, SEED, gan.num_classes))
    if subject.what == "discriminator":
        made["images"] = exported(gan, "generator", in_policy=False).expected(made)
    return {each.name: made[each.name] for each in subject.inputs}


def test_vector(subject: Exported) -> dict[str, Any]:
    """Returns the test vector for the card: the seed, the inputs and Keras's output for them."""
    inputs = inputs_of(subject)
    arrays = {**inputs, subject.output.name: subject.expected(inputs)}
    encoded = {name: (cards.array if name == "images" else cards.numbers)(each) for name, each in arrays.items()}
    return {"seed": SEED, "n": SAMPLES, **encoded}


def check(
    module: ModuleType,
    subject: Exported,
    path: pathlib.Path,
    format: str,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Runs an export on the test vector, and returns what was found, for the card.

    Raises:
        CheckFailed: if an output differs by more than the tolerance.
    """
    tolerance = FORMATS[format].precisions[card["precision"]]
    tolerance = max(tolerance, MIXED_TOLERANCE) if subject.is_mixed else tolerance
    differences = {}
    for each in (subject, subject.discriminator):
        if each is not None:
            differences[each.output.name] = _difference(module, each, path, card)
    largest = max(differences.values())
    found = {"runtime": module.runtime(), "largest_difference": largest, "tolerance": tolerance, **differences}
    if not largest <= tolerance:
        raise CheckFailed(
            f"{FORMATS[format].title} must give what the network gives, to {tolerance:g}. Received: outputs that "
            f"differ by {largest:.2g} in {found['runtime']}; nothing was written. With check=False (--no-check) it is "
            "written all the same; the SavedModel is the most exact format."
        )
    return found


def _difference(module, subject, path, card):
    """Returns the largest difference; for outputs above 1, relative to the largest."""
    inputs = inputs_of(subject)
    expected = subject.expected(inputs)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    largest = 0.0
    for found in module.run(path, subject, inputs, card):
        if found.shape != expected.shape or not np.isfinite(found).all():
            return float("inf")
        largest = max(largest, float(np.max(np.abs(found - expected), initial=0)) / scale)
    return largest
