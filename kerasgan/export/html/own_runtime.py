"""A page on kerasgan's own kernels: the program of a generator, its weights, and the scripts that run it."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import backend, pictures
from kerasgan.export.html import page, program, reading, reference, weights
from kerasgan.export.html.program import Program
from kerasgan.export.network import Exported

SCRIPTS = ("base64.js", "kernels.js", "operations.js", "program.js")
LEVELS = 1
"""How far, in levels of 255, float16 may move a pixel."""

SAMPLES, SEED = 64, 1


def parts(exported: Exported, precision: str) -> tuple[page.Parts, dict[str, Any]]:
    """Returns the parts of a page, and what the card says about them.

    Args:
        exported: the generator.
        precision: `"auto"`, `"float16"` or `"float32"`.

    Raises:
        ValueError: for layers that the page cannot run, or with float16 for pixels that it would move too far.
    """
    gan = exported.gan
    found = reading.read(exported.network, gan.latent_dim, gan.image_shape, gan.num_classes)
    half = precision != "float32"
    apart = _levels_apart(exported, program.rounded(found) if half else found)
    if half and apart > LEVELS:
        if precision == "float16":
            raise ValueError(
                f"Weights in float16 may move a pixel by {LEVELS} of 255 levels. Received: {apart} levels. Use "
                "precision='float32'."
            )
        half, apart = False, _levels_apart(exported, found)
    described, content = weights.packed(found, half)
    facts = {"precision": "float16" if half else "float32", "levels_apart": apart, "weights": found.num_weights}
    return page.Parts(described, content, page.resource("kernels.wasm"), SCRIPTS), facts


def images(read: page.Parts, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the images of a page's program, computed in NumPy."""
    return reference.run(weights.unpacked(read.program, read.weights), inputs["z"], inputs.get("labels"))


def _levels_apart(exported: Exported, found: Program) -> int:
    """Returns the largest difference between a program's pixels and Keras's, in levels of 255."""
    gan = exported.gan
    inputs = {"z": keras.ops.convert_to_numpy(keras.random.normal((SAMPLES, gan.latent_dim), seed=SEED))}
    if gan.num_classes is not None:
        inputs["labels"] = keras.ops.convert_to_numpy(backend.draw_labels(SAMPLES, SEED, gan.num_classes))
    drawn = reference.run(found, inputs["z"], inputs.get("labels"))
    a, b = (pictures.to_uint8(each).astype(int) for each in (drawn, exported.expected(inputs)))
    return int(np.abs(a - b).max())
