"""Sizes of images that a network takes, beside that of training."""

from collections.abc import Sequence
from typing import Any

import keras

LARGEST_POWER = 10

Ports = Sequence[tuple[tuple[int | None, ...], str]]
"""Shape, without the batch, and dtype of each input of a network."""


def freed(shape: Sequence[int], network: keras.Model, number: int) -> tuple[int | None, ...]:
    """Returns the shape of an input in training, with None for sides on which the network takes images of any size.

    Args:
        shape: that of one sample in training.
        network: the network.
        number: the number of its input.
    """
    inputs = getattr(network, "inputs", None) or []
    if len(shape) != 3 or number >= len(inputs) or len(inputs[number].shape) != 4:
        return tuple(shape)
    built = inputs[number].shape[1:3]
    return (*(None if free is None else side for side, free in zip(shape[:2], built, strict=True)), shape[2])


def output_shape(network: keras.Model, ports: Ports) -> tuple[int | None, ...]:
    """Returns the shape of a network's output, without the batch, for inputs of these shapes and dtypes."""
    tensors = [keras.KerasTensor((None, *shape), dtype) for shape, dtype in ports]
    return tuple(network.compute_output_spec(tensors if len(tensors) > 1 else tensors[0]).shape[1:])


def multiple(network: keras.Model, ports: Ports, size: tuple[int, int], same_size: bool) -> int | None:
    """Returns what the free sides of images must be multiples of: the smallest power of two that the network takes.

    It is tried at sizes next to that of training, that are odd multiples of it.

    Args:
        network: the network.
        ports: the shapes of its inputs, with None for sides that are free.
        size: (height, width) in training.
        same_size: whether it must return images of the size that goes in.

    Returns:
        The number, or None if there is none up to 1024.
    """
    for power in range(LARGEST_POWER + 1):
        step = 2**power
        if _takes(network, ports, tuple((side // step // 2 * 2 + 1) * step for side in size), same_size):
            return step
    return None


def other_size(exported: Any) -> tuple[int, int] | None:
    """Returns a size that differs from that of training, and is not square if that is; None if none is known."""
    if not exported.is_free or exported.multiple is None:
        return None
    height, width = exported.size
    return height + exported.multiple, width + 2 * exported.multiple


def of_size(shape: Sequence[int | None], size: tuple[int, int]) -> tuple[int | None, ...]:
    """Returns a shape with a size in place of the sides that are free."""
    if len(shape) != 3:
        return tuple(shape)
    return (*(side if known is None else known for side, known in zip(size, shape[:2], strict=True)), shape[2])


def _takes(network, ports, size, same_size):
    """Returns whether a network takes images of a size, and returns an image of the same size if it must."""
    sized = [(of_size(shape, size), dtype) for shape, dtype in ports]
    try:
        shape = output_shape(network, sized)
    except (ValueError, TypeError):
        return False
    return not same_size or shape[:2] == next(each[:2] for each, _ in sized if len(each) == 3)
