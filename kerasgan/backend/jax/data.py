"""Data without TensorFlow: any batch of some arrays, by its number."""

import abc
import copy
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from kerasgan.backend.epoch_facts import EpochFacts


class Epochs(abc.ABC):
    """Batches that follow from their number alone: what one and two arrays of images have in common.

    Attributes:
        batch_size: images in a batch.
        batches_per_pass: whole batches in a pass through the data.
        image_shape: shape of one image, or point, of a batch.
        condition_shape, condition_dtype, condition_range: shape of the condition of one image, the dtype of a batch of
            conditions, and bounds of their values; each None where batches are of images alone.
        flip: whether images are mirrored.
    """

    batch_size: int
    batches_per_pass: int
    image_shape: tuple[int, ...]
    condition_shape: tuple[int, ...] | None
    condition_dtype: str | None
    condition_range: tuple[float, float] | None
    flip: bool

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

    @abc.abstractmethod
    def reader(self, rows: Callable[[Any], Any] | None = None) -> Callable[[int], Any]:
        """Returns a function from the number of a batch to that batch, or to some rows of it."""


class ArrayEpochs(Epochs):
    """Batches of arrays that follow from their number alone; see `kerasgan.datasets.batches.make_batches`.

    Args:
        values, conditions, batch_size, shuffle, seed, flip, crop, condition_channels, value_range: as for
            `make_batches`.
        read: a function from indices, int64 (batch,), to those values, (batch, ...), where they are on disk; None where
            they are in memory.

    Attributes:
        flip, crop: the arguments.
        random_crops: whether crops are at other places in each pass, or all at the center.
    """

    def __init__(
        self,
        values: np.ndarray,
        conditions: np.ndarray | None,
        batch_size: int,
        *,
        read: Callable[[np.ndarray], np.ndarray] | None,
        shuffle: bool,
        seed: int,
        flip: bool,
        crop: tuple[int, int] | None = None,
        condition_channels: int | None = None,
        value_range: tuple[float, float] | None = None,
    ):
        self.batch_size: int = batch_size
        self.batches_per_pass: int = len(values) // batch_size
        facts = EpochFacts.of(values, conditions, crop, condition_channels)
        self.image_shape: tuple[int, ...] = facts.image_shape
        self.condition_shape: tuple[int, ...] | None = facts.condition_shape
        self.condition_dtype: str | None = facts.condition_dtype
        self.condition_range: tuple[float, float] | None = facts.condition_range
        self._num_images, self._sides, self._conditions = len(values), values.shape[1:3], conditions
        self._shuffle, self._seed, self._split = shuffle, seed, facts.split
        self._value_range = value_range
        self.flip: bool = flip
        self.crop: tuple[int, int] | None = crop
        self.random_crops: bool = True
        self._read = read or (lambda indices: values[indices])

    def unaugmented(self) -> "ArrayEpochs":
        """Returns the same batches, without mirrored images, and cropped at the center."""
        plain = copy.copy(self)
        plain.flip, plain.random_crops = False, False
        return plain

    def reader(self, rows: Callable[[Any], Any] | None = None) -> Callable[[int], Any]:
        """Returns a function from a batch's number to the batch: see `Epochs.reader`."""
        picks_of_pass = functools.lru_cache(maxsize=1)(self.picks_of_pass)

        def batch(number: int) -> Any:
            pass_number, place = divmod(number, self.batches_per_pass)
            part = slice(place * self.batch_size, (place + 1) * self.batch_size)
            picked = {name: values[part] for name, values in picks_of_pass(pass_number).items()}
            return self.batch_at(picked if rows is None else {name: rows(values) for name, values in picked.items()})

        return batch

    def picks_of_pass(self, number: int) -> dict[str, np.ndarray]:
        """Returns the order of a pass, int64 (num_images,), which images are mirrored, and corners of crops.

        `mirrored` is bool, and there with `flip`; `corners` is int64 (num_images, 2), and there with `crop`.
        """
        random = np.random.default_rng([self._seed, number])
        picks = {"indices": random.permutation(self._num_images) if self._shuffle else np.arange(self._num_images)}
        if self.flip:
            picks["mirrored"] = random.integers(2, size=self._num_images).astype(bool)
        if self.crop is not None:
            rest = np.subtract(self._sides, self.crop)
            drawn = random.integers(rest + 1, size=(self._num_images, 2))
            picks["corners"] = drawn if self.random_crops else np.broadcast_to(rest // 2, drawn.shape)
        return picks

    def batch_at(self, picked: dict[str, np.ndarray]) -> Any:
        """Returns the images of some picks, in [-1, 1], or pairs with their conditions."""
        images = self._augmented(self._read(picked["indices"]), picked)
        if self._split is not None:
            images, conditions = images[..., : self._split], images[..., self._split :]
        elif self._conditions is not None:
            conditions = self._conditions[picked["indices"]]
            conditions = self._augmented(conditions, picked) if len(self.condition_shape) == 3 else conditions
        else:
            return _scaled(images, self._value_range)
        return _scaled(images, self._value_range), _scaled(conditions, self._split and self._value_range)

    def _augmented(self, batch, picked):
        """Images, mirrored and cropped as they were picked."""
        if "corners" in picked:
            rows, columns = (
                picked["corners"][:, axis, None] + np.arange(length) for axis, length in enumerate(self.crop)
            )
            batch = batch[np.arange(len(batch))[:, None, None], rows[:, :, None], columns[:, None, :]]
        if "mirrored" in picked:
            mirrored = picked["mirrored"].reshape(-1, *[1] * (batch.ndim - 1))
            batch = np.where(mirrored, batch[:, :, ::-1], batch)
        return batch


class PairedEpochs(Epochs):
    """Batches of pairs of two data sets without pairs: each has its own order, and its own passes.

    A pass is as long as that of the larger one; the smaller one goes on with its next pass.

    Args:
        first, second: the `ArrayEpochs` of images alone, with batches of one size. The images of the second are the
            conditions of the batches.
    """

    def __init__(self, first: ArrayEpochs, second: ArrayEpochs):
        self.sides: tuple[ArrayEpochs, ArrayEpochs] = first, second
        self.batch_size: int = first.batch_size
        self.batches_per_pass: int = max(first.batches_per_pass, second.batches_per_pass)
        self.image_shape: tuple[int, ...] = first.image_shape
        self.condition_shape: tuple[int, ...] | None = second.image_shape
        self.condition_dtype: str | None = "float32"
        self.condition_range: tuple[float, float] | None = (-1.0, 1.0)
        self.flip: bool = first.flip or second.flip

    def unaugmented(self) -> "PairedEpochs":
        """Returns the same batches, without mirrored images, and cropped at the center."""
        return PairedEpochs(*(each.unaugmented() for each in self.sides))

    def reader(self, rows: Callable[[Any], Any] | None = None) -> Callable[[int], Any]:
        """Returns a function from a batch's number to the pair of batches: see `Epochs.reader`."""
        first, second = (each.reader(rows) for each in self.sides)
        return lambda number: (first(number), second(number))


class _Batches:
    """Some batches one after another."""

    def __init__(self, source, functions, rows, is_kept, first, count):
        self.source, self.functions, self.rows = source, functions, rows
        self.is_kept, self.first, self.count = is_kept, first, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        batch = self.source.reader(self.rows)
        for number in itertools.islice(filter(self.is_kept or _always, itertools.count(self.first)), self.count):
            yield self._mapped(batch(number))

    def _mapped(self, batch):
        for function, _ in self.functions:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch


def _scaled(batch, value_range=None):
    """Pixels of 8 or 16 bits as float32 in [-1, 1], from a range or all of their dtype; other values as they are."""
    if batch.dtype not in (np.uint8, np.uint16):
        return batch
    low, high = value_range or (0, np.iinfo(batch.dtype).max)
    return (batch.astype("float32") - np.float32(low)) / np.float32((high - low) / 2) - np.float32(1.0)


def _always(number):
    return True


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels, through TensorFlow where it is installed.

    Raises:
        ValueError: where it is not.
    """
    received = f"image_size={size}, channels={channels}"
    return _resize("Arrays and named sets of images are resized", received).resize_array(images, size, channels)


def decode_png(content: bytes) -> np.ndarray:
    """Returns a PNG of 16 bits, uint16 (height, width, channels), through TensorFlow where it is installed.

    Raises:
        ValueError: where it is not, or the PNG is damaged.
    """
    return _resize("PNGs of 16 bits in color are read", "one").decode_png(content)


def _resize(what, received):
    try:
        from kerasgan.backend.tensorflow import resize
    except ImportError:
        raise ValueError(
            f"{what} by TensorFlow. Received: {received} without it. Convert them before they are loaded, or install "
            "tensorflow; folders of other photos need neither."
        ) from None
    return resize
