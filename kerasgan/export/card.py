"""The card of an export, JSON: what goes in and out, a test vector, and what the check has found."""

import base64
import dataclasses
import hashlib
import importlib.metadata
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import backend, conditions
from kerasgan.datasets import ValueScale
from kerasgan.export.network import CLIPPED, Exported, Tensor
from kerasgan.export.registry import Format

NAME = "kerasgan.json"
VERSION = 4
TO_SOURCE = "(clip(x, -1, 1) + 1) * (high - low) / 2 + low, computed in float64"
"""How samples x become values of the data, by the fields of `value_scale`."""
AXES = {
    2: ["batch", "length", "channels"],
    3: ["batch", "height", "width", "channels"],
    4: ["batch", "depth", "height", "width", "channels"],
}
"""The axes of signals, images and volumes, by the number of axes of one of them."""


def contents(
    exported: Exported, format: str, precision: str, value_scale: ValueScale | None = None, rate: int | None = None
) -> dict[str, Any]:
    """Returns the card before anything is written, a dict that JSON can hold.

    The fields from `latent_shape` to `logits` are those of version 1, `inputs` and `outputs` those of version 2.

    Args:
        exported: the network.
        format, precision: as for `kerasgan.export.export`.
        value_scale: the dtype, range and unit of the data's values; None if they are not known.
        rate: samples a second of sounds, or None.
    """
    gan = exported.gan
    return {
        "card_version": VERSION,
        "format": format,
        "what": exported.what,
        "precision": precision,
        **ports(exported),
        "condition": None if exported.condition is None else _condition(exported.condition),
        "latent_shape": [gan.latent_dim],
        "latent_distribution": "standard normal" if gan.latent_dim else None,
        "image_shape": list(exported.image_shape),
        "num_classes": gan.num_classes,
        "labels": None if gan.num_classes is None else _labels(gan.num_classes),
        "pixel_range": _pixel_range(exported.image_shape),
        "value_scale": None if value_scale is None else dataclasses.asdict(value_scale),
        "to_source": None if value_scale is None else _to_source(value_scale),
        "rate": rate,
        "logits": "positive means real",
        "seeded_latents": backend.SEEDED_LATENTS,
        "versions": _versions(),
    }


def ports(exported: Exported, batch: int | str = "batch") -> dict[str, Any]:
    """Returns what the card says of a network's inputs and outputs, and of the sizes that it takes.

    Args:
        exported: the network.
        batch: the number of samples that it takes; "batch" for any.
    """
    return {
        "inputs": [_described(each, exported, batch) for each in exported.inputs],
        "outputs": [_described(exported.output, exported, batch)],
        "sizes": _sizes(exported),
    }


def signatures(exported: Exported) -> dict[str, Any]:
    """Returns what the card says of the endpoints of a SavedModel for one network."""
    named = {each["name"]: each for each in ports(exported)["inputs"]}
    outputs = [_described(exported.output, exported, "batch")]
    found = {exported.endpoint: {"inputs": list(named.values()), "outputs": outputs}}
    if exported.drawn_from:
        scalars = {name: {"name": name, "dtype": "int32", "shape": []} for name in ("n", "seed")}
        inputs = [(scalars | named)[name] for name in exported.drawn_from]
        found["generate"] = {"inputs": inputs, "outputs": outputs}
    return found


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


def _described(tensor: Tensor, exported, batch):
    described = {"name": tensor.name, "dtype": tensor.dtype, "shape": [batch, *tensor.dimensions[1:]]}
    if tensor.name == "z":
        return described | {"distribution": "standard normal"}
    if tensor.name == "logits":
        return described | {"meaning": "positive means real"}
    if tensor.name in ("labels", "condition") and len(tensor.shape) != 3:
        limits = list(exported.condition.limits)
        return described | ({"range": None} if None in limits else {"range": limits, "out_of_range": "clipped"})
    return described | {"range": _pixel_range(tensor.shape), "axes": _axes(tensor.shape)}


def _condition(condition):
    """Returns what the card says of a condition."""
    names = {kind: name for name, kind in conditions.KINDS.items()}
    found = {"kind": names[type(condition)], "shape": list(condition.shape), "dtype": condition.dtype}
    limits = None if None in condition.limits else list(condition.limits)
    found |= {"range": limits}
    if limits is not None:
        found["out_of_range"] = "clipped" if isinstance(condition, CLIPPED) else "taken as it is"
    if isinstance(condition, conditions.Labels):
        found["frequencies"] = None if condition.frequencies is None else list(condition.frequencies)
    if isinstance(condition, conditions.Vector):
        mean, std = condition.scale
        found |= {"unit": "that of the data", "mean": mean.tolist(), "std": std.tolist()}
    return found


def _sizes(exported):
    """Returns what the card says of the sizes of images that go in; None where none go in."""
    if exported.size is None:
        return None
    return {"free": exported.is_free, "multiple_of": exported.multiple, "training": list(exported.size)}


def _axes(shape):
    return AXES.get(len(shape))


def _pixel_range(shape):
    return [-1.0, 1.0] if len(shape) in AXES else None


def _to_source(scale):
    """Returns in words how samples x become values of the data."""
    return TO_SOURCE + (", rounded to the nearest integer" if np.dtype(scale.dtype).kind in "iu" else "")


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
