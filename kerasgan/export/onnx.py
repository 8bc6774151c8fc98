"""ONNX: one file, for ONNX Runtime and everything else that reads it."""

import importlib.metadata
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.export import card as cards
from kerasgan.export import onnx_graph
from kerasgan.export.network import Exported


def write(exported: Exported, path: pathlib.Path, precision: str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Writes an ONNX file, for images of any size where the engine can, or else for those of training."""
    try:
        model, written = backend.onnx_model(exported), exported
    except backend.FREE_SIZE_ERRORS:
        written = exported.of_fixed_size()
        if written is exported:
            raise
        model = backend.onnx_model(written)
    onnx_graph.name_dimensions(model, [*written.inputs, written.output])
    onnx_graph.replace_unknown(model)
    if precision != "float32":
        onnx_graph.store(model, precision)
    path.write_bytes(model.SerializeToString())
    return cards.ports(written)


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the output of an ONNX file in ONNX Runtime, on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    return session.run([exported.output.name], dict(inputs))


def runtime(card: Mapping[str, Any]) -> str:
    """Returns the name and the version of the runtime."""
    return f"onnxruntime {importlib.metadata.version('onnxruntime')}"


def embed(path: pathlib.Path, card: Mapping[str, Any]) -> None:
    """Puts the card into the file's metadata, under the key `kerasgan`."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"kerasgan": cards.text(card)})
    path.write_bytes(model.SerializeToString())
