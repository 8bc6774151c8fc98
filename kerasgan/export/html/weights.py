"""A program as JSON and bytes, for the page."""

import dataclasses
from typing import Any

import numpy as np

from kerasgan.export.html.program import VECTORS, Operation, Program

ALIGNMENT = 4


def packed(program: Program, half: bool) -> tuple[dict[str, Any], bytes]:
    """Returns a program as a dict that JSON can hold, and the bytes of its weights.

    Args:
        program: the generator.
        half: True keeps kernels and tables in float16, False in float32.
    """
    content, operations = bytearray(), []
    for each in program.operations:
        weights = {name: _append(content, array, half and name not in VECTORS) for name, array in each.weights.items()}
        fields = {"kind": each.kind, "inputs": each.inputs, "shapes": each.shapes, "output": each.output}
        operations.append(fields | {"shape": each.shape, "weights": weights} | each.settings)
    facts = {field.name: getattr(program, field.name) for field in dataclasses.fields(program)}
    return facts | {"operations": operations}, bytes(content)


def _append(content, array, half):
    """Appends an array to the bytes, little-endian; returns where it is, and as what."""
    at = len(content)
    content += np.ascontiguousarray(array, "<f2" if half else "<f4").tobytes()
    content += bytes(-len(content) % ALIGNMENT)
    return {"shape": array.shape, "type": "float16" if half else "float32", "at": at}


def unpacked(described: dict[str, Any], content: bytes) -> Program:
    """Returns the program that `packed` has written."""
    operations = []
    for each in described["operations"]:
        fields = {name: each[name] for name in ("kind", "output")}
        fields |= {"inputs": tuple(each["inputs"]), "shape": tuple(each["shape"])}
        fields["shapes"] = tuple(map(tuple, each["shapes"]))
        fields["weights"] = {name: _array(content, **spec) for name, spec in each["weights"].items()}
        known = set(fields)
        operations.append(Operation(**fields, settings={name: each[name] for name in each if name not in known}))
    image_shape = tuple(described["image_shape"])
    return Program(**described | {"operations": tuple(operations), "image_shape": image_shape})


def _array(content, shape, type, at):
    kind = "<f2" if type == "float16" else "<f4"
    return np.frombuffer(content, kind, int(np.prod(shape)), at).reshape(shape).astype("float32")
