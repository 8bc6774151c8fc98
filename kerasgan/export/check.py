"""The check of an export: the test vector's output in the format's own runtime, and in Keras."""

import pathlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasgan import backend
from kerasgan.export import card as cards
from kerasgan.export.network import Exported
from kerasgan.export.registry import FORMATS
from kerasgan.networks import sizes

SAMPLES = 4
IMAGE_SAMPLES = 2
"""Of networks from image to image, whose test vectors are large."""
SEED = 0
ROUNDINGS, MOST_ROUNDING = 3.0, 1e-4
"""A runtime may be as far from the network as so many times its own rounding in float32, and never further than that.

Both round, each in its own order: deep networks with instance norm are some 1e-5 from float64 themselves.
"""
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
        is_of_training: False for images of another size than that of training.
    """

    subject: Exported
    inputs: dict[str, np.ndarray]
    expected: np.ndarray
    is_of_training: bool = True


def test_vectors(subject: Exported) -> list[TestVector]:
    """Returns the test vector of each network that is exported; of those of free size a second one, of another size.

    The latents and labels are those of `gan.generate(4, seed=0)`, images that are translated are noise, and a
    discriminator's images are the generator's.
    """
    found: dict[tuple[str, tuple[int, int] | None], TestVector] = {}
    for each in subject.all:
        _add_vector(found, each, None)
    for each in subject.all:
        # A discriminator of one size is compared at that alone, also where its generator takes others.
        size = (_other_size(each.source or each) or _other_size(each)) if each.is_free else None
        if size is not None:
            _add_vector(found, each, size)
    names = {each.endpoint for each in subject.all}
    return [vector for (endpoint, _), vector in found.items() if endpoint in names]


def _other_size(subject):
    """Returns a size that differs from that of training, and is not square if that is; None if none is known."""
    if not subject.is_free or subject.multiple is None:
        return None
    height, width = subject.size
    return height + subject.multiple, width + 2 * subject.multiple


def _add_vector(found, subject, size):
    """Adds the test vector of a network for images of a size, None for that of training; and that of its source."""
    source = subject.source
    if source is None or (size is not None and not source.is_free):
        inputs = {port.name: _drawn(subject, port, size) for port in subject.inputs}
    else:
        if (source.endpoint, size) not in found:
            _add_vector(found, source, size)
        inputs = _evaluated(subject, found[source.endpoint, size])
    found[subject.endpoint, size] = TestVector(subject, inputs, subject.expected(inputs), size is None)


def _drawn(subject, port, size):
    """Returns an input: latents, classes, conditions or noise of a size."""
    n = SAMPLES if subject.size is None else IMAGE_SAMPLES
    if port.name == "z":
        return keras.ops.convert_to_numpy(keras.random.normal((n, *port.shape), seed=SEED))
    if port.name == "labels":
        return keras.ops.convert_to_numpy(backend.draw_labels(n, SEED, subject.condition.num_classes))
    if len(port.shape) != 3:
        return subject.condition.draw(n, SEED)
    shape = sizes.of_size(port.shape, size or subject.size)
    return np.random.default_rng(SEED).uniform(-1, 1, (n, *shape)).astype("float32")


def _evaluated(subject, source):
    """Returns inputs of a discriminator: what its generator gives, and the generator's condition."""
    drawn = {"images": source.expected}
    if subject.condition is not None:
        drawn[subject.inputs[-1].name] = source.inputs[source.subject.inputs[-1].name]
    return {port.name: drawn[port.name] for port in subject.inputs}


def encoded(vectors: Sequence[TestVector]) -> dict[str, Any]:
    """Returns test vectors as the card has them: the seed, and each array by name.

    Where images are translated, all networks but the first have their arrays under the name of their endpoint, since
    the `images` that they take are not the same.
    """
    first, *others = [each for each in vectors if each.is_of_training]
    found = {"seed": SEED, "n": len(first.expected), **_arrays(first)}
    for each in others:
        found |= {each.subject.endpoint: _arrays(each)} if _translates(first) else _arrays(each)
    return found


def _translates(vector):
    return vector.subject.output.name == "translated"


def _arrays(vector):
    arrays = vector.inputs | {vector.subject.output.name: vector.expected}
    return {name: _encoded(name, each) for name, each in arrays.items()}


def _encoded(name, values):
    is_large = name in ("images", "translated") or values.ndim > 2
    return cards.array(values) if is_large else cards.numbers(values)


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
    chosen, runtime = FORMATS[format], module.runtime(card)
    is_mixed = any(each.subject.is_mixed for each in vectors)
    tolerance = max(chosen.precisions[card["precision"]], MIXED_TOLERANCE if is_mixed else 0.0)
    is_fixed = card["sizes"] is not None and not card["sizes"]["free"]
    compared = [each for each in vectors if each.is_of_training or not is_fixed]
    differences: dict[str, float] = {}
    for each in compared:
        name = each.subject.output.name
        differences[name] = max(differences.get(name, 0.0), _difference(module, each, path, card))
    largest = max(differences.values())
    rounding = 0.0
    if chosen.precisions[card["precision"]] < largest <= MOST_ROUNDING and not is_mixed:
        rounding = max(_rounding(each) for each in compared)
        tolerance = max(tolerance, min(ROUNDINGS * rounding, MOST_ROUNDING))
    if not largest <= tolerance:
        raise CheckFailed(
            f"{chosen.title} must give what the network gives, to {tolerance:g}. Received: outputs that differ by "
            f"{largest:.2g} in {runtime}; nothing was written. With check=False (--no-check) it is written all the "
            "same; the SavedModel is the most exact format."
        )
    found = {"runtime": runtime, "largest_difference": largest, "tolerance": tolerance, "differences": differences}
    return found | {"rounding": rounding, "sizes": _sizes(compared)}


def _sizes(vectors):
    """Returns the sizes of the images that went in, [height, width] each; None where none go in."""
    arrays = [array for each in vectors for array in each.inputs.values() if np.ndim(array) == 4]
    return [list(size) for size in sorted({array.shape[1:3] for array in arrays})] or None


def _rounding(vector):
    scale = max(1.0, float(np.max(np.abs(vector.expected), initial=0)))
    return vector.subject.rounding(vector.inputs, vector.expected) / scale


def _outputs(module, vector, path, card):
    """Returns what an export gives for a test vector; every runtime has errors of its own."""
    try:
        return module.run(path, vector.subject, vector.inputs, card)
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckFailed(
            f"{FORMATS[card['format']].title} must run in its own runtime. Received: a {vector.subject.role} with "
            f"which {module.runtime(card)} ends in an error ({reason}); nothing was written. Choose another format, or "
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
