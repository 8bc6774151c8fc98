"""LiteRT, formerly TensorFlow Lite: one file, for phones and small devices."""

import importlib.metadata
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.export import card as cards
from kerasgan.export.network import Exported


def write(exported: Exported, path: pathlib.Path, precision: str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Writes a LiteRT file, for any batch and any size that the network takes where the format can.

    Otherwise it is written for images of the size of training, or else for one sample of that size.

    Raises:
        ValueError: for a network that cannot be written with LiteRT's own operations.
    """
    fixed, needed = exported.of_fixed_size(), None
    sized = [exported] if fixed is exported else [exported, fixed]
    for network, batch in [*((each, None) for each in sized), (fixed, 1)]:
        try:
            path.write_bytes(backend.litert_model(network, precision, batch))
        except NotImplementedError as error:
            needed = error
        else:
            return cards.ports(network, batch or "batch")
    raise ValueError(
        "LiteRT is written with its built-in operations alone, since its runtime has no others. Received: a "
        f"{exported.role} that needs {needed}. Export it as onnx, or replace the layer."
    )


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the output of a LiteRT file in LiteRT's interpreter, by its signature."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=path.read_bytes()).get_signature_runner()
    if card["inputs"][0]["shape"][0] == "batch":
        return [runner(**inputs)[exported.output.name]]
    n = len(inputs[exported.inputs[0].name])
    parts = [{name: values[number : number + 1] for name, values in inputs.items()} for number in range(n)]
    return [np.concatenate([runner(**part)[exported.output.name] for part in parts])]


def runtime(card: Mapping[str, Any]) -> str:
    """Returns the name and the version of the runtime."""
    return f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"


def embed(path: pathlib.Path, card: Mapping[str, Any]) -> None:
    """Appends the card as a ZIP file, as the format's metadata has it: `unzip FILE` extracts `kerasgan.json`."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(cards.NAME, cards.text(card))
