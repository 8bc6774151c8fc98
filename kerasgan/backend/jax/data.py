"""Data without TensorFlow: any batch of some arrays, by its number."""

import copy
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np


class ArrayEpochs:
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Args:
        values, labels, batch_size, shuffle, seed, flip: as for `make_batches`.
        read: a function from indices, int64 (batch,), to those values, uint8 (batch, ...), where they are on disk; None
            where they are in memory.

    Attributes:
        batch_size: images in a batch.
        batches_per_pass: whole batches in a pass through the data.
        image_shape: shape of one image, or point.
        label_range: the least and the largest label, or None where batches are of images alone.
        flip: the argument.
    """

    def __init__(
        self,
        values: np.ndarray,
        labels: np.ndarray | None,
        batch_size: int,
        *,
        read: Callable[[np.ndarray], np.ndarray] | None,
        shuffle: bool,
        seed: int,
        flip: bool,
    ):
        self.batch_size: int = batch_size
        self.batches_per_pass: int = len(values) // batch_size
        self.image_shape: tuple[int, ...] = values.shape[1:]
        self.label_range: tuple[int, int] | None = None if labels is None else (int(labels.min()), int(labels.max()))
        self._num_images, self._labels = len(values), labels
        self._shuffle, self._seed = shuffle, seed
        self.flip: bool = flip
        self._read = read or (lambda indices: values[indices])

    def without_flips(self) -> "ArrayEpochs":
        """Returns the same batches, without mirrored images."""
        plain = copy.copy(self)
        plain.flip = False
        return plain

    def pipeline(
        self,
        functions: Sequence[tuple[Callable[..., Any], bool]] = (),
        rows: Callable[[Any], Any] | None = None,
        is_kept: Callable[[Any], Any] | None = None,
        report: Callable[[float, float, int], None] | None = None,
    ) -> Callable[[int, int], "_Batches"]:
        """Returns a function from the number of a first batch, and a count, to an iterable of so many batches.

        Args:
            functions: pairs (function, per_image) as for `Batches.map`, applied to each batch, the first first.
            rows: a function from values (batch, ...) to those of the rows that are read, or None for all.
            is_kept: a function from a batch's number to whether it is one of those that are counted and returned; None
                for all.
            report: not used here: on JAX a mapped function sees each batch.
        """
        return functools.partial(_Batches, self, functions, rows, is_kept)

    def order_of_pass(self, number: int) -> list[np.ndarray]:
        """Returns the order of a pass, int64 (num_images,), and, with `flip`, which images are mirrored, bool."""
        random = np.random.default_rng([self._seed, number])
        order = random.permutation(self._num_images) if self._shuffle else np.arange(self._num_images)
        return [order, random.integers(2, size=self._num_images).astype(bool)] if self.flip else [order]

    def batch_at(self, indices: np.ndarray, mirrored: np.ndarray | None = None) -> Any:
        """Returns the images of these indices, in [-1, 1], or pairs with their labels."""
        images = self._read(indices)
        if mirrored is not None:
            images = np.where(mirrored.reshape(-1, *[1] * (images.ndim - 1)), images[:, :, ::-1], images)
        if images.dtype == np.uint8:
            images = images.astype("float32") / np.float32(127.5) - np.float32(1.0)
        return images if self._labels is None else (images, self._labels[indices])


class _Batches:
    """Some batches one after another."""

    def __init__(self, source, functions, rows, is_kept, first, count):
        self.source, self.functions, self.rows = source, functions, rows
        self.is_kept, self.first, self.count = is_kept, first, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        size, per_pass, current = self.source.batch_size, self.source.batches_per_pass, None
        for number in itertools.islice(filter(self.is_kept or _always, itertools.count(self.first)), self.count):
            pass_number, place = divmod(number, per_pass)
            if pass_number != current:
                current, order = pass_number, self.source.order_of_pass(pass_number)
            picked = [values[place * size : (place + 1) * size] for values in order]
            if self.rows is not None:
                picked = [self.rows(values) for values in picked]
            yield self._mapped(self.source.batch_at(*picked))

    def _mapped(self, batch):
        for function, _ in self.functions:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch


def _always(number):
    return True


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
