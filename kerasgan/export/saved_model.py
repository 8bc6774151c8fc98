"""TensorFlow's SavedModel: a folder with several endpoints, for programs that have TensorFlow alone."""

import importlib.metadata
import pathlib
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.export import card as cards
from kerasgan.export.network import Exported
from kerasgan.validation import paths


def write(exported: Exported, path: pathlib.Path, precision: str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a SavedModel with the endpoints that `kerasgan.export.export` describes.

    Raises:
        ValueError: for a path that TensorFlow cannot write to.
    """
    paths.check_utf8("filepath", path)
    try:
        endpoints, written = backend.write_saved_model(exported, path), exported
    except backend.FREE_SIZE_ERRORS:
        written = exported.of_fixed_size()
        if written is exported:
            raise
        endpoints = backend.write_saved_model(written, path)
    signatures = {name: each for network in written.all for name, each in cards.signatures(network).items()}
    signatures["serving_default"] = signatures[written.endpoint]
    found = {"endpoints": endpoints, "signatures": {name: signatures[name] for name in endpoints}}
    return found | cards.ports(written)


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the outputs of the endpoints for one network, of a SavedModel that is loaded by TensorFlow."""
    calls = {exported.endpoint: inputs}
    if exported.what == card["what"]:
        calls["serving_default"] = inputs
    if "generate" in card["endpoints"] and exported.drawn_from:
        drawn = {"n": np.int32(card["test"]["n"]), "seed": np.int32(card["test"]["seed"])}
        calls["generate"] = {name: drawn[name] if name in drawn else inputs[name] for name in exported.drawn_from}
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder, "saved_model")  # a path in which TensorFlow sees no pattern
        link.symlink_to(path.absolute(), target_is_directory=True)
        return [outputs[exported.output.name] for outputs in _call(link, calls)]


def _call(folder, calls):
    """Returns the outputs of endpoints, dicts of arrays by name, for the inputs of each."""
    import tensorflow as tf  # whatever the engine is

    model = tf.saved_model.load(str(folder))
    found = []
    for endpoint, inputs in calls.items():
        outputs = model.signatures[endpoint](**{name: tf.constant(value) for name, value in inputs.items()})
        found.append({name: value.numpy() for name, value in outputs.items()})
    return found


def runtime(card: Mapping[str, Any]) -> str:
    """Returns the name and the version of the runtime."""
    return f"tensorflow {importlib.metadata.version('tensorflow')}"


def warn_of_pattern(path: pathlib.Path) -> None:
    """Warns of a path from which TensorFlow does not load a SavedModel."""
    if not paths.is_loadable(path):
        warnings.warn(
            "TensorFlow takes the path of a SavedModel for a pattern when it loads it, in which [...] and \\ do not "
            f"stand for themselves. Received: {str(path)!r}, which was written. Move it before it is loaded.",
            stacklevel=5,
        )
