"""The check of an export: the test vector's output in the format's own runtime, and in Keras."""

import pathlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

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


class TestVector(NamedTuple):
    """What a network gives for a few inputs, computed by Keras.

    Args:
        subject: the network.
        inputs: arrays by name.
        expected: its output.
    """

    subject: Exported
    inputs: dict[str, np.ndarray]
    expected: np.ndarray


def test_vectors(subject: Exported) -> list[TestVector]:
    """Returns the test vector of each network that is exported.

    The latents and labels are those of `gan.generate(4, seed=0)`; a discriminator's images are the generator's.
    """
    gan = subject.gan
    made = {"z": keras.ops.convert_to_numpy(keras.random.normal((SAMPLES, gan.latent_dim), seed=SEED))}
    if gan.num_classes is not None:
        made["labels"] = keras.ops.convert_to_numpy(backend.draw_labels(SAMPLES, SEED, gan.num_classes))
    found = []
    for each in (subject, subject.discriminator):
        if each is None:
            continue
        if each.what == "discriminator" and "images" not in made:
            made["images"] = exported(gan, "generator", in_policy=False).expected(made)
        inputs = {port.name: made[port.name] for port in each.inputs}
        found.append(TestVector(each, inputs, each.expected(inputs)))
        made.setdefault(each.output.name, found[-1].expected)
    return found


def encoded(vectors: Sequence[TestVector]) -> dict[str, Any]:
    """Returns test vectors as the card has them: the seed, and each array by name."""
    arrays = {name: array for each in vectors for name, array in each.inputs.items()}
    arrays |= {each.subject.output.name: each.expected for each in vectors}
    found = {name: (cards.array if name == "images" else cards.numbers)(array) for name, array in arrays.items()}
    return {"seed": SEED, "n": SAMPLES, **found}


def check(
    module: ModuleType,
    vectors: Sequence[TestVector],
    path: pathlib.Path,
    format: str,
    card: Mapping[str, Any],
) -> dict[str, Any]:
    """Runs an export on test vectors, and returns what was found, for the card.

    Raises:
        CheckFailed: if an output differs by more than the tolerance.
    """
    chosen, runtime = FORMATS[format], module.runtime()
    is_mixed = any(each.subject.is_mixed for each in vectors)
    tolerance = max(chosen.precisions[card["precision"]], MIXED_TOLERANCE if is_mixed else 0.0)
    differences = {each.subject.output.name: _difference(module, each, path, card) for each in vectors}
    largest = max(differences.values())
    if not largest <= tolerance:
        raise CheckFailed(
            f"{chosen.title} must give what the network gives, to {tolerance:g}. Received: outputs that differ by "
            f"{largest:.2g} in {runtime}; nothing was written. With check=False (--no-check) it is written all the "
            "same; the SavedModel is the most exact format."
        )
    return {"runtime": runtime, "largest_difference": largest, "tolerance": tolerance, "differences": differences}


def _outputs(module, vector, path, card):
    """Returns what an export gives for a test vector; every runtime has errors of its own."""
    try:
        return module.run(path, vector.subject, vector.inputs, card)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckFailed(
            f"{FORMATS[card['format']].title} must run in its own runtime. Received: a {vector.subject.what} with "
            f"which {module.runtime()} ends in an error ({reason}); nothing was written. Choose another format, or "
            "replace the layer that it names."
        ) from error


def _difference(module, vector, path, card):
    """Returns the largest difference, relative to the largest output if that is above 1; infinite for NaN."""
    scale = max(1.0, float(np.max(np.abs(vector.expected), initial=0)))
    largest = 0.0
    for found in _outputs(module, vector, path, card):
        if found.shape != vector.expected.shape or not np.isfinite(found).all():
            return float("inf")
        largest = max(largest, float(np.max(np.abs(found - vector.expected), initial=0)) / scale)
    return largest
