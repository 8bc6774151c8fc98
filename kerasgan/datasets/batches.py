"""Batches of a data set, in epochs whose order follows from their number alone."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kerasgan import backend

from . import disk_cache
from .source import check_memory


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches of images in [-1, 1], as `kerasgan.datasets.load` returns them.

    It describes epochs, and holds no place in them: reading a batch changes nothing. Iterating gives epoch 0.
    `GAN.fit` takes epoch e of the data for its epoch e, so that each has an order of its own.

    Args:
        source: the engine's `ArrayEpochs`, from which any batch can be had by its number.
        num_batches: batches in an epoch.
        stride: batches from the beginning of one epoch to that of the next.
        skip_batches: batches that training has had already. `GAN.fit` begins after them.
        functions: functions applied to each batch, the first first.
        rows: a function that picks the rows of a replica's share, or None for whole batches.

    Example:

    ```python
    import kerasgan

    batches, info = kerasgan.datasets.load("digits", batch_size=64)
    len(batches)  # 28 batches an epoch
    images = next(iter(batches))  # float32 (64, 8, 8, 1)
    longer = batches.repeat(20)  # epochs of 20 passes
    third = batches.epoch(2)  # the batches of the third epoch
    ```
    """

    source: Any
    num_batches: int
    stride: int
    skip_batches: int = 0
    functions: tuple[Callable[..., Any], ...] = ()
    rows: Callable[[Any], Any] | None = None

    @property
    def batch_size(self) -> int:
        """How many images a batch holds."""
        return self.source.batch_size

    @property
    def has_labels(self) -> bool:
        """Whether batches are pairs (images, labels), before `map`."""
        return self.source.has_labels

    def epoch(self, number: int, skip: int = 0) -> Any:
        """Returns the batches of one epoch.

        Args:
            number: which epoch, from 0.
            skip: how many of its first batches are left out.

        Returns:
            On TensorFlow a `tf.data.Dataset`, on JAX an iterable of NumPy arrays: images float32 (batch, ...), or pairs
            of images and int32 labels (batch,).
        """
        first = number * self.stride + skip
        return self.source.batches(first, self.num_batches - skip, self.functions, self.rows)

    def repeat(self, times: int) -> "Batches":
        """Returns the same batches in epochs `times` as long."""
        if self.num_batches != self.stride:
            raise ValueError("Batches are repeated before a part is taken. Received: repeat after take.")
        longer = times * self.num_batches
        return dataclasses.replace(self, num_batches=longer, stride=longer)

    def take(self, count: int) -> "Batches":
        """Returns epochs of the first `count` batches alone."""
        return dataclasses.replace(self, num_batches=min(count, self.num_batches))

    def map(self, function: Callable[..., Any]) -> "Batches":
        """Returns batches to each of which a function is applied: of images, or of images and labels."""
        return dataclasses.replace(self, functions=(*self.functions, function))

    def share(self, rows: Callable[[Any], Any]) -> "Batches":
        """Returns batches of some rows alone, for which `rows(values)` picks from values (batch,); only these are read."""
        return dataclasses.replace(self, rows=rows)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.epoch(0))

    def __len__(self) -> int:
        return self.num_batches


def make_batches(
    values: np.ndarray,
    labels: np.ndarray | None,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    flip: bool = False,
    passes: int = 1,
    skip_batches: int = 0,
) -> Batches:
    """Returns `Batches` of arrays; what does not fill a batch is left out of its pass.

    The order of a pass, and which images are mirrored, are pure functions of the seed and of the number of the pass.
    Each engine has orders of its own.

    Args:
        values: uint8 images (num_images, height, width, channels) in [0, 255], scaled to [-1, 1] here; float32 values
            pass unchanged. A `np.memmap` stays on disk.
        labels: int32 (num_images,), or None for batches without labels.
        batch_size: images in a batch.
        shuffle: whether each pass has an order of its own; False keeps the order of `values`.
        seed: integer that fixes the order of all passes, and what is mirrored.
        flip: whether to mirror images, each with probability 1/2 in each pass.
        passes: how many passes through the data make an epoch.
        skip_batches: batches that training has had already.
    """
    read = disk_cache.rows_reader(values) if isinstance(values, np.memmap) else None
    source = backend.ArrayEpochs(values, labels, batch_size, read=read, shuffle=shuffle, seed=seed, flip=flip)
    in_epoch = passes * source.batches_per_pass
    return Batches(source, in_epoch, in_epoch, skip_batches)


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels, of the same dtype and range.

    The center with the aspect ratio of `size` is kept. Shrinking averages areas, so that nothing aliases; growing is
    bilinear.

    Args:
        images: array (n, height, width, channels), uint8 in [0, 255] or float32 in [-1, 1].
        size: (height, width), or None to keep the size.
        channels: 1 or 3, or None to keep the channels.

    Raises:
        ValueError: for channels that cannot be converted, images that the memory cannot hold, or without TensorFlow,
            which resizes them.
    """
    unchanged = size in (None, images.shape[1:3]) and channels in (None, images.shape[3])
    if unchanged:
        return images
    if size is not None:
        check_memory(len(images), size, channels or images.shape[3])
    return backend.resize_array(images, size, channels)
