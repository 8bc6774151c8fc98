"""Data without TensorFlow: any batch of some arrays, by its number."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np


class ArrayEpochs:
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Args:
        read: a function from indices, int64 (batch,), to those of the values, where they are on disk; None where they
            are in memory.
    """

    def __init__(self, values, labels, batch_size, *, read, shuffle, seed, flip):
        self.values, self.labels, self.batch_size = values, labels, batch_size
        self.shuffle, self.seed, self.flip = shuffle, seed, flip
        self.batches_per_pass = len(values) // batch_size
        self._read = read or (lambda indices: values[indices])

    @property
    def has_labels(self) -> bool:
        """Whether batches are pairs (images, labels)."""
        return self.labels is not None

    def batches(self, first: int, count: int, functions: tuple = (), rows: Callable | None = None) -> "_Batches":
        """Returns `count` batches from number `first` on, an iterable, with the functions applied to each."""
        return _Batches(self, first, count, functions, rows)

    def order(self, number: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns the order of a pass, int64 (num_images,), and which of them are mirrored, bool, or None for none."""
        count = len(self.values)
        random = np.random.default_rng([self.seed, number])
        order = random.permutation(count) if self.shuffle else np.arange(count)
        return order, random.integers(2, size=count).astype(bool) if self.flip else None

    def batch_at(self, indices: np.ndarray, mirrored: np.ndarray | None) -> Any:
        """Returns the images of these indices, in [-1, 1], or pairs with their labels."""
        images = self._read(indices)
        if mirrored is not None:
            images = np.where(mirrored.reshape(-1, *[1] * (images.ndim - 1)), images[:, :, ::-1], images)
        if images.dtype == np.uint8:
            images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
        return images if self.labels is None else (images, self.labels[indices])


class _Batches:
    """Some batches one after another."""

    def __init__(self, source, first, count, functions, rows):
        self.source, self.first, self.count, self.functions, self.rows = source, first, count, functions, rows

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        source, pass_number = self.source, None
        for number in range(self.first, self.first + self.count):
            in_pass, place = divmod(number, source.batches_per_pass)
            if in_pass != pass_number:
                pass_number, (order, mirrored) = in_pass, source.order(in_pass)
            picked = slice(place * source.batch_size, (place + 1) * source.batch_size)
            batch = [order[picked], None if mirrored is None else mirrored[picked]]
            if self.rows is not None:
                batch = [None if each is None else self.rows(each) for each in batch]
            yield self._mapped(source.batch_at(*batch))

    def _mapped(self, batch):
        for function in self.functions:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels, through TensorFlow where it is installed.

    Raises:
        ValueError: where it is not.
    """
    try:
        from kerasgan.backend.tensorflow import resize
    except ImportError:
        raise ValueError(
            "Arrays and named sets of images are resized by TensorFlow. Received: "
            f"image_size={size}, channels={channels} without it. Resize them before they are loaded, or install "
            "tensorflow; folders of photos need neither."
        ) from None
    return resize.resize_array(images, size, channels)
