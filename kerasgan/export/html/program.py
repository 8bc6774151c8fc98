"""A generator as a short list of operations on arrays, which a page can run: values, operations, the whole program."""

import dataclasses
from typing import Any

import numpy as np

LATENTS, LABEL = 0, 1
"""The numbers of the two inputs of every program."""

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Value:
    """What an operation returns for one sample.

    Attributes:
        number: of the value; two values of one number hold the same numbers in other shapes.
        shape: without the batch axis.
    """

    number: int
    shape: Shape


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation of a program. `reference.OPERATIONS` says what each kind computes.

    Attributes:
        kind: a name of `reference.OPERATIONS`, and of the table in `page/operations.js`.
        inputs: numbers of the values that go in.
        shapes: their shapes.
        output: number of the value that comes out.
        shape: its shape.
        weights: arrays, by name.
        settings: plain values that JSON can hold, by name.
    """

    kind: str
    inputs: tuple[int, ...]
    shapes: tuple[Shape, ...]
    output: int
    shape: Shape
    weights: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Program:
    """A generator: operations from latents and a label to an image.

    Attributes:
        operations: in the order in which they run.
        output: number of the value that is the image.
        latent_dim: width of the latents.
        image_shape: (height, width, channels).
        num_classes: None for a generator without labels.
    """

    operations: tuple[Operation, ...]
    output: int
    latent_dim: int
    image_shape: Shape
    num_classes: int | None

    @property
    def num_weights(self) -> int:
        """How many numbers the program holds."""
        return sum(array.size for each in self.operations for array in each.weights.values())


VECTORS = ("bias", "scale", "shift", "slopes")
"""Weights that are few, and are kept in float32."""


def rounded(program: Program) -> Program:
    """Returns a program whose kernels and tables are rounded to float16, as a page keeps them."""
    operations = (
        dataclasses.replace(each, weights={name: _rounded(name, array) for name, array in each.weights.items()})
        for each in program.operations
    )
    return dataclasses.replace(program, operations=tuple(operations))


def _rounded(name, array):
    return array if name in VECTORS else array.astype("float16").astype("float32")
