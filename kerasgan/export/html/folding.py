"""Makes a program shorter: batch norm goes into the kernel before it, and a leaky ReLU into the operation before it."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from kerasgan.export.html.program import Operation

SCALED = ("dense", "conv", "conv_transpose", "depthwise_conv", "affine")
"""The operations that end in a sum, which can be scaled and followed by a leaky ReLU."""


def folded(operations: Sequence[Operation], output: int) -> list[Operation]:
    """Returns operations that compute the same values with fewer steps.

    Args:
        operations: those of a program, in their order.
        output: number of the value that is the program's output, which must still be computed.
    """
    found = _joined(operations, output, "affine", _scaled)
    return _joined(found, output, "activation", _followed)


def _joined(operations, output, kind, join: Callable[[Operation, Operation], Operation | None]) -> list[Operation]:
    """Joins each operation of a kind with the one before it, where `join` can and nothing else uses what is between."""
    uses = Counter([output, *(number for each in operations for number in each.inputs)])
    done: dict[int, Operation] = {}
    for each in operations:
        before = done.get(each.inputs[0]) if each.inputs else None
        joined = None
        if each.kind == kind and before is not None and uses[before.output] == 1 and before.kind in SCALED:
            joined = join(before, each) if before.settings["slope"] == 1 else None
        if joined is not None:
            del done[before.output]
        done[each.output] = each if joined is None else joined
    return list(done.values())


def _followed(before, activation):
    """Returns an operation that ends in a leaky ReLU."""
    if activation.settings["name"] != "leaky" or not 0 <= activation.settings["slope"] <= 1:
        return None
    settings = before.settings | {"slope": activation.settings["slope"]}
    return dataclasses.replace(before, output=activation.output, settings=settings)


def _scaled(before, affine):
    """Returns an operation whose sums are scaled and shifted."""
    scale, shift = affine.weights["scale"], affine.weights["shift"]
    if before.kind == "affine":
        if before.shape[-1:] != affine.shape[-1:]:
            return None
        weights = {"scale": before.weights["scale"] * scale, "shift": before.weights["shift"] * scale + shift}
    else:
        bias = before.weights["bias"]
        if bias.size % len(scale):
            return None  # the channels of a reshaped value are not those of the kernel
        repeat = bias.size // len(scale)
        scale, shift = np.tile(scale, repeat), np.tile(shift, repeat)
        kernel = before.weights["kernel"]
        if before.kind == "conv_transpose":
            by_column = np.tile(scale, kernel.shape[-1] // len(scale))
        else:
            by_column = scale.reshape(*bias.shape[:-1], 1, bias.shape[-1]) if bias.ndim > 1 else scale
        weights = {"kernel": kernel * by_column, "bias": bias * scale.reshape(bias.shape) + shift.reshape(bias.shape)}
    return dataclasses.replace(before, output=affine.output, weights=weights)
