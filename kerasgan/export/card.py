"""The card of an export, JSON: what goes in and out, a test vector, and what the check has found."""

import base64
import hashlib
import importlib.metadata
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import backend
from kerasgan.export.network import Exported, Tensor
from kerasgan.export.registry import Format

NAME = "kerasgan.json"
VERSION = 2


def contents(exported: Exported, format: str, precision: str) -> dict[str, Any]:
    """Returns the card before anything is written, a dict that JSON can hold.

    The fields from `latent_shape` on are those of version 1, whatever is exported.
    """
    gan = exported.gan
    return {
        "card_version": VERSION,
        "format": format,
        "what": exported.what,
        "precision": precision,
        "inputs": [_described(each, gan) for each in exported.inputs],
        "outputs": [_described(exported.output, gan)],
        "latent_shape": [gan.latent_dim],
        "latent_distribution": "standard normal",
        "image_shape": list(gan.image_shape),
        "num_classes": gan.num_classes,
        "labels": None if gan.num_classes is None else _labels(gan.num_classes),
        "pixel_range": _pixel_range(gan),
        "logits": "positive means real",
        "seeded_latents": backend.SEEDED_LATENTS,
        "versions": _versions(),
    }


def write(path: pathlib.Path, chosen: Format, card: Mapping[str, Any]) -> None:
    """Writes the card into the folder of an export, or next to its file."""
    file = path / NAME if chosen.is_folder else path.with_name(f"{path.name}.{NAME}")
    file.write_text(text(card) + "\n")


def text(card: Mapping[str, Any]) -> str:
    """Returns a card as JSON."""
    return json.dumps(card, indent=2)


def checksums(path: pathlib.Path, chosen: Format) -> dict[str, dict[str, Any]]:
    """Returns the size and the SHA-256 of each file of an export, by its path in the folder."""
    found = sorted(each for each in path.parent.rglob("*") if each.is_file())
    folder = path if chosen.is_folder else path.parent
    return {each.relative_to(folder).as_posix(): _checksum(each) for each in found}


def array(values: np.ndarray) -> dict[str, Any]:
    """Returns an array as a dict that JSON can hold: dtype, shape, and the bytes, little-endian, in base64.

    Example:
        >>> array(np.zeros(1, "float32"))
        {'dtype': 'float32', 'shape': [1], 'base64': 'AAAAAA=='}
    """
    values = np.ascontiguousarray(values)
    little = values.astype(values.dtype.newbyteorder("<"))
    return {
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "base64": base64.b64encode(little.tobytes()).decode(),
    }


def numbers(values: np.ndarray) -> Any:
    """Returns an array as lists of numbers, each as short as it can be and still be read as the same float32."""
    return json.loads(json.dumps(values.tolist() if values.dtype.kind == "i" else _shortest(values)))


def _shortest(values):
    return float(str(np.float32(values))) if values.ndim == 0 else [_shortest(each) for each in values]


def _described(tensor: Tensor, gan):
    described = {"name": tensor.name, "dtype": tensor.dtype, "shape": ["batch", *tensor.shape]}
    if tensor.name == "z":
        return described | {"distribution": "standard normal"}
    if tensor.name == "labels":
        return described | {"range": [0, gan.num_classes - 1], "out_of_range": "clipped"}
    if tensor.name == "images":
        return described | {"range": _pixel_range(gan), "axes": _axes(gan)}
    return described | {"meaning": "positive means real"}


def _axes(gan):
    return ["batch", "height", "width", "channels"] if len(gan.image_shape) == 3 else None


def _pixel_range(gan):
    return [-1.0, 1.0] if len(gan.image_shape) == 3 else None


def _labels(num_classes):
    last = num_classes - 1
    return f"int32 (n,), 0 to {last}; labels below 0 are taken as 0, labels above {last} as {last}"


def _versions():
    found = {"keras": keras.__version__}
    for name in ("kerasgan", *backend.PACKAGES):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from its folder, without being installed
            continue
    return found


def _checksum(file):
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
