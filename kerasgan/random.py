"""Random numbers for the samples of a batch: the same ones however many replicas share the batch.

Each replica draws the numbers of the whole batch, which cost little, and takes those of its own samples. So no two
replicas use the same latents, and all of them together use those of one device with the same seed.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


@dataclasses.dataclass(frozen=True)
class BatchRandom:
    """Draws random numbers for the samples of a batch.

    Args:
        seed_generator: the `keras.random.SeedGenerator` to draw from.
        num_replicas: how many replicas share the batch.
        replica: which of them draws, from 0; an int or a scalar tensor.
        parts: how many parts of one size a batch has, such as real images followed by generated ones. A replica has a
            share of each part.
    """

    seed_generator: keras.random.SeedGenerator
    num_replicas: int = 1
    replica: Any = 0
    parts: int = 1

    def of_parts(self, parts: int) -> "BatchRandom":
        """Returns the same source for batches of several parts."""
        return dataclasses.replace(self, parts=parts)

    def normal(self, shape: Sequence[Any]) -> Any:
        """Draws from N(0, 1), float32; the first axis of the shape is that of the samples."""
        return self._share(keras.random.normal, shape)

    def uniform(self, shape: Sequence[Any]) -> Any:
        """Draws from U(0, 1), float32; the first axis of the shape is that of the samples."""
        return self._share(keras.random.uniform, shape)

    def _share(self, draw, shape):
        if self.num_replicas == 1:
            return draw(shape, dtype="float32", seed=self.seed_generator)
        rows, *rest = shape
        whole = draw((rows * self.num_replicas, *rest), dtype="float32", seed=self.seed_generator)
        shares = ops.reshape(whole, (self.parts, self.num_replicas, rows // self.parts, *rest))
        return ops.reshape(ops.take(shares, self.replica, axis=1), (rows, *rest))
