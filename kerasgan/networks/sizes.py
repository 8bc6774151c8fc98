"""Sizes of images that a network takes, beside that of training: found by trying them, without computing an image.

Here the ports of a network are the shape, without the batch, and the dtype of each of its inputs.
"""

from collections.abc import Sequence
from typing import Any

import keras

LARGEST_POWER = 10
MOST_TRIES = 64
"""Sizes that are tried for an image that is smaller than what the network takes."""

Size = tuple[int, int]
Shape = tuple[int | None, ...]
Ports = Sequence[tuple[Shape, str]]


def ports_of(network: keras.Model) -> Ports:
    """Returns the ports of a network that says what its inputs are, with None for sides of any length."""
    return [(tuple(each.shape[1:]), each.dtype) for each in network.inputs]


def freed(shape: Sequence[int], network: keras.Model, number: int) -> Shape:
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


def of_size(shape: Sequence[int | None], size: Sequence[int]) -> Shape:
    """Returns a shape with a size in place of the sides that are free."""
    if len(shape) != 3:
        return tuple(shape)
    return (*(side if known is None else known for side, known in zip(size, shape[:2], strict=True)), shape[2])


def output_shape(network: keras.Model, ports: Ports) -> Shape:
    """Returns the shape of a network's output, without the batch, for inputs of these shapes and dtypes."""
    tensors: list[Any] = [keras.KerasTensor((None, *shape), dtype) for shape, dtype in ports]
    return tuple(network.compute_output_spec(tensors if len(tensors) > 1 else tensors[0]).shape[1:])


def takes(network: keras.Model, ports: Ports, size: Sequence[int], same_size: bool = True) -> bool:
    """Returns whether a network takes images of a size, and returns an image of the same size if it must.

    Args:
        network: the network.
        ports: its ports; sides that are not free stay as they are, whatever the size.
        size: (height, width).
        same_size: whether the output must have the size of the input.
    """
    sized = [(of_size(shape, size), dtype) for shape, dtype in ports]
    try:
        shape = output_shape(network, sized)
    except (ValueError, TypeError):
        return False
    return not same_size or shape[:2] == next(each[:2] for each, _ in sized if len(each) == 3)


def multiple(network: keras.Model, ports: Ports, size: Sequence[int], same_size: bool = True) -> int | None:
    """Returns what the free sides of images must be multiples of: the smallest power of two that the network takes.

    It is tried at sizes next to a known one, that are odd multiples of it.

    Args:
        network, ports, same_size: as for `takes`.
        size: (height, width), such as that of training.

    Returns:
        The number, or None if there is none up to 1024.
    """
    for power in range(LARGEST_POWER + 1):
        step = 2**power
        if takes(network, ports, [(side // step // 2 * 2 + 1) * step for side in size], same_size):
            return step
    return None


def next_size(network: keras.Model, ports: Ports, size: Sequence[int], step: int | None = None) -> Size | None:
    """Returns the next size that a generator takes and that is not smaller on any side; None if there is none.

    Args:
        network, ports: as for `takes`.
        size: (height, width).
        step: the `multiple`, where it is known.
    """
    step = multiple(network, ports, size) if step is None else step
    shape = next(each for each, _ in reversed(ports) if len(each) == 3)
    for least in range(1, MOST_TRIES + 1) if step else ():
        larger = of_size(shape, [max(-(-side // step), least) * step for side in size])[:2]
        if larger[0] >= size[0] and larger[1] >= size[1] and takes(network, ports, larger):
            return larger
    return None


def nearest_size(network: keras.Model, ports: Ports, size: Sequence[int]) -> Size | None:
    """Returns the nearest size that a generator takes, which may be smaller or larger; None if none is known."""
    shape = next(each for each, _ in reversed(ports) if len(each) == 3)
    step = multiple(network, ports, size)
    if step is None:
        return None
    near = of_size(shape, [max(step, (side + step // 2) // step * step) for side in size])[:2]
    return near if takes(network, ports, near) else next_size(network, ports, size, step)
