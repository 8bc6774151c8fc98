"""OpenVINO: a file of the graph and one of the weights, for Intel's processors."""

import importlib.metadata
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.export.network import Exported

HINTS = {"INFERENCE_PRECISION_HINT": "f32"}
"""Without it OpenVINO computes in bfloat16 where the processor can, some 2e-2 away."""


def write(exported: Exported, path: pathlib.Path, precision: str, card: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the graph as `.xml` and the weights, in float32, as `.bin`."""
    import openvino

    openvino.save_model(openvino.convert_model(backend.traced(exported)), path, compress_to_fp16=False)
    return {"compile_with": HINTS}


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the output of an OpenVINO model on the CPU, in float32."""
    import openvino

    compiled = openvino.Core().compile_model(path, "CPU", HINTS)
    return [compiled(dict(inputs))[exported.output.name]]


def runtime(card: Mapping[str, Any]) -> str:
    """Returns the name and the version of the runtime."""
    return f"openvino {importlib.metadata.version('openvino')}"
