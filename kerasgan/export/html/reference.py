"""What each operation of a program computes, in NumPy, for a batch of samples: a page is checked against it."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from kerasgan.export.html import program as programs
from kerasgan.export.html.program import Operation, Program


def run(program: Program, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Returns the images of latents, float32 (n, height, width, channels).

    Args:
        program: the generator.
        latents: float32 (n, latent_dim).
        labels: int (n,), for a generator with classes.
    """
    values = {programs.LATENTS: latents, programs.LABEL: labels}
    for each in program.operations:
        inputs = [values[number] for number in each.inputs]
        shaped = [array.reshape(-1, *shape) for array, shape in zip(inputs, each.shapes, strict=True)]
        found = OPERATIONS[each.kind](each, *shaped)
        values[each.output] = np.broadcast_to(found, (len(latents), *found.shape[1:])).astype("float32", copy=False)
    return values[program.output].reshape(-1, *program.image_shape)


def _leaky(x, slope):
    return x if slope == 1 else np.where(x < 0, x * np.float32(slope), x)


def dense(op: Operation, x: np.ndarray) -> np.ndarray:
    return _leaky(x @ op.weights["kernel"] + op.weights["bias"], op.settings["slope"])


def _patches(op, x):
    """Returns the patches of padded images, (n, rows, columns, height of a patch, width, channels)."""
    (top, bottom, left, right), size, strides = (op.settings[name] for name in ("pads", "size", "strides"))
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    patches = np.lib.stride_tricks.sliding_window_view(x, tuple(size), axis=(1, 2))
    return patches[:, :: strides[0], :: strides[1]].transpose(0, 1, 2, 4, 5, 3)


def conv(op: Operation, x: np.ndarray) -> np.ndarray:
    patches = _patches(op, x)
    groups = np.split(patches, op.settings["groups"], axis=-1)
    parts = [
        group.reshape(*group.shape[:3], -1) @ kernel + bias
        for group, kernel, bias in zip(groups, op.weights["kernel"], op.weights["bias"], strict=True)
    ]
    return _leaky(np.concatenate(parts, axis=-1), op.settings["slope"])


def conv_transpose(op: Operation, x: np.ndarray) -> np.ndarray:
    (height, width), strides, crop = op.settings["size"], op.settings["strides"], op.settings["crop"]
    n, rows, columns, _ = x.shape
    products = (x @ op.weights["kernel"]).reshape(n, rows, columns, height, width, -1)
    whole = [
        max((count - 1) * stride + side, crop[axis] + op.shape[axis])
        for axis, (count, stride, side) in enumerate(zip((rows, columns), strides, (height, width), strict=True))
    ]
    total = np.zeros((n, *whole, products.shape[-1]), "float32")
    for y in range(height):
        for x_ in range(width):
            total[
                :,
                y : y + (rows - 1) * strides[0] + 1 : strides[0],
                x_ : x_ + (columns - 1) * strides[1] + 1 : strides[1],
            ] += products[:, :, :, y, x_]
    cut = total[:, crop[0] : crop[0] + op.shape[0], crop[1] : crop[1] + op.shape[1]]
    return _leaky(cut + op.weights["bias"], op.settings["slope"])


def depthwise_conv(op: Operation, x: np.ndarray) -> np.ndarray:
    patches, kernel = _patches(op, x), op.weights["kernel"]
    kernel = kernel.reshape(*kernel.shape[:2], x.shape[-1], -1)
    found = np.einsum("nyxhwc,hwcm->nyxcm", patches, kernel)
    return _leaky(found.reshape(*found.shape[:3], -1) + op.weights["bias"], op.settings["slope"])


def affine(op: Operation, x: np.ndarray) -> np.ndarray:
    return _leaky(x * op.weights["scale"] + op.weights["shift"], op.settings["slope"])


FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: 0.5 * x * (1 + special.erf(x / math.sqrt(2))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
}


def activation(op: Operation, x: np.ndarray) -> np.ndarray:
    name = op.settings["name"]
    return _leaky(x, op.settings["slope"]) if name == "leaky" else FUNCTIONS[name](x)


def prelu(op: Operation, x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, x * op.weights["slopes"], x)


def nearest(op: Operation, x: np.ndarray) -> np.ndarray:
    rows, columns = op.settings["factors"]
    return x.repeat(rows, axis=1).repeat(columns, axis=2)


def bilinear(op: Operation, x: np.ndarray) -> np.ndarray:
    for axis, factor in enumerate(op.settings["factors"], start=1):
        side = x.shape[axis]
        at = np.clip((np.arange(side * factor) + 0.5) / factor - 0.5, 0, side - 1)
        low = np.floor(at).astype(int)
        share = np.expand_dims(at - low, [each for each in range(x.ndim) if each != axis]).astype("float32")
        x = (1 - share) * x.take(low, axis) + share * x.take(np.minimum(low + 1, side - 1), axis)
    return x


def window(op: Operation, x: np.ndarray) -> np.ndarray:
    """Rows and columns are cut where the offset is positive, and added as zeros where it is negative."""
    found = np.zeros((len(x), *op.shape), "float32")
    slices = [
        (
            slice(max(-start, 0), max(-start, 0) + min(side - max(start, 0), size - max(-start, 0))),
            slice(max(start, 0), max(start, 0) + min(side - max(start, 0), size - max(-start, 0))),
        )
        for start, side, size in zip(op.settings["offset"], x.shape[1:3], op.shape, strict=False)
    ]
    found[:, slices[0][0], slices[1][0]] = x[:, slices[0][1], slices[1][1]]
    return found


def _pairwise(combine: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray]:
    def run(op: Operation, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        repeated = a.reshape(len(a), -1, math.prod(b.shape[1:]))
        return combine(repeated, b.reshape(len(b), 1, -1)).reshape(-1, *op.shape)

    return run


def concatenate(op: Operation, *arrays: np.ndarray) -> np.ndarray:
    blocks = [array.reshape(len(array), op.settings["outer"], -1) for array in arrays]
    return np.concatenate(blocks, axis=-1).reshape(-1, *op.shape)


def one_hot(op: Operation, labels: np.ndarray) -> np.ndarray:
    return np.eye(op.shape[0], dtype="float32")[np.clip(labels, 0, op.shape[0] - 1).reshape(-1)]


def largest(op: Operation, x: np.ndarray) -> np.ndarray:
    first = x[:, : op.shape[0]]
    chosen = first == first.max(axis=1, keepdims=True)
    return np.float32(op.settings["scale"]) * chosen / chosen.sum(axis=1, keepdims=True, dtype="float32")


def embedding(op: Operation, labels: np.ndarray) -> np.ndarray:
    return op.weights["table"][np.clip(labels, 0, op.settings["classes"] - 1).reshape(-1)]


def constant(op: Operation) -> np.ndarray:
    return op.weights["values"].reshape(1, *op.shape)


def normalize(op: Operation, x: np.ndarray) -> np.ndarray:
    grouped = x.reshape(len(x), -1, op.settings["groups"], x.shape[-1] // op.settings["groups"])
    axes = (3,) if op.settings["each_pixel"] else (1, 3)
    mean = grouped.mean(axes, keepdims=True) if op.settings["center"] else 0.0
    square = ((grouped - mean) ** 2).mean(axes, keepdims=True)
    return ((grouped - mean) / np.sqrt(square + op.settings["epsilon"])).reshape(-1, *op.shape)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "activation": activation,
    "add": _pairwise(np.add),
    "affine": affine,
    "bilinear": bilinear,
    "concatenate": concatenate,
    "constant": constant,
    "conv": conv,
    "conv_transpose": conv_transpose,
    "dense": dense,
    "depthwise_conv": depthwise_conv,
    "embedding": embedding,
    "largest": largest,
    "maximum": _pairwise(np.maximum),
    "minimum": _pairwise(np.minimum),
    "multiply": _pairwise(np.multiply),
    "nearest": nearest,
    "normalize": normalize,
    "one_hot": one_hot,
    "prelu": prelu,
    "subtract": _pairwise(np.subtract),
    "window": window,
}
"""The function of each kind, from the operation and its inputs, with a batch axis, to its output."""
