"""Exports on JAX."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

SEEDED_LATENTS = "threefry2x32, inverse error function"
"""How `generate` draws latents from a seed: docs/export.md has the algorithm."""


def traced(exported: Any, batch: int | None = None) -> Any:
    """Refuses: a graph of TensorFlow is not made here."""
    raise NotImplementedError


def onnx_model(exported: Any, opset: int = 17) -> Any:
    """Refuses."""
    raise NotImplementedError


def litert_model(exported: Any, precision: str, batch: int | None = None) -> bytes:
    """Refuses."""
    raise NotImplementedError


def write_saved_model(exported: Any, folder: str | os.PathLike[str]) -> list[str]:
    """Refuses."""
    raise NotImplementedError


def run_saved_model(
    folder: str | os.PathLike[str], calls: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, np.ndarray]]:
    """Refuses."""
    raise NotImplementedError
