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


def write(exported: Exported, path: pathlib.Path, precision: str, card: Mapping[str, Any]) -> None:
    """Writes a LiteRT file."""
    path.write_bytes(backend.litert_model(exported, precision))


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the output of a LiteRT file in LiteRT's interpreter, by its signature."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=path.read_bytes()).get_signature_runner()
    return [runner(**inputs)[exported.output.name]]


def runtime() -> str:
    """Returns the name and the version of the runtime."""
    return f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}"


def embed(path: pathlib.Path, card: Mapping[str, Any]) -> None:
    """Appends the card as a ZIP file, as the format's metadata has it: `unzip FILE` extracts `kerasgan.json`."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(cards.NAME, cards.text(card))
