"""Batches of a data set, in epochs whose order follows from their number alone."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from kerasgan import backend
from kerasgan.validation import scalars

from . import disk_cache
from .source import check_memory


@dataclasses.dataclass(frozen=True)
class Batches:
    """Batches of images in [-1, 1], as `kerasgan.datasets.load` returns them.

    It describes epochs, and has no position in them: reading a batch changes nothing. Iterating gives epoch 0.
    `GAN.fit` takes epoch e of the data for its epoch e, so that every epoch has an order of its own; with
    `steps_per_epoch` its epochs are so many batches long, one after another.

    It is no `tf.data.Dataset`, since the order of that is not a function of the epoch. `batches.epoch(0)` is one, on
    TensorFlow, with `element_spec`, `batch`, `prefetch`, `as_numpy_iterator` and all else.

    Args:
        source: the engine's `ArrayEpochs`, which has any batch by its number.
        num_batches: batches in an epoch.
        skip_batches: batches that training has had already. `GAN.fit` begins after them.
        functions: pairs (function, per_image), applied to each batch, the first first; see `map`.
        parts: pairs (kept, of), the last `take` last: of every `of` batches the first `kept` are there.
        rows: a function that picks the rows of a replica's share, or None for whole batches.
        report: a function of the least value, the greatest value and the number of images of the first batches of an
            epoch, which TensorFlow calls as they are read; None for none.

    Example:

    ```python
    import kerasgan

    batches, info = kerasgan.datasets.load("digits", batch_size=64)
    len(batches)  # 28 batches in an epoch
    images = next(iter(batches))  # float32 (64, 8, 8, 1)
    longer = batches.repeat(20)  # epochs of 20 passes
    third = batches.epoch(2)  # the batches of the third epoch
    brighter = batches.map(lambda images: images / 2 + 0.5)
    ```
    """

    source: Any = dataclasses.field(repr=False)
    num_batches: int
    skip_batches: int = 0
    functions: tuple[tuple[Callable[..., Any], bool], ...] = dataclasses.field(default=(), repr=False)
    parts: tuple[tuple[int, int], ...] = dataclasses.field(default=(), repr=False)
    rows: Callable[[Any], Any] | None = dataclasses.field(default=None, repr=False)
    report: Callable[[float, float, int], None] | None = dataclasses.field(default=None, repr=False)

    @property
    def batch_size(self) -> int:
        """Images in a batch."""
        return self.source.batch_size

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, or point, before `map`."""
        return self.source.image_shape

    @property
    def has_labels(self) -> bool:
        """Whether batches are pairs (images, labels) of one class for each image, before `map`."""
        return self.label_range is not None

    @property
    def label_range(self) -> tuple[int, int] | None:
        """The least and the largest label, before `map`; None where batches have no classes."""
        is_label = self.condition_shape == () and self.condition_dtype == "int32"
        return self.condition_range if is_label else None

    @property
    def has_condition(self) -> bool:
        """Whether batches are pairs (images, conditions), labels included, before `map`."""
        return self.condition_shape is not None

    @property
    def condition_shape(self) -> tuple[int, ...] | None:
        """Shape of the condition of one image, () for a label, before `map`; None where batches are of images alone."""
        return self.source.condition_shape

    @property
    def condition_dtype(self) -> str | None:
        """Dtype of the conditions in a batch, `"int32"` or `"float32"`, before `map`; None for images alone."""
        return self.source.condition_dtype

    @property
    def condition_range(self) -> tuple[float, float] | None:
        """Bounds of the conditions in all batches, before `map`; None for images alone.

        Of labels and numbers these are the least and the greatest, NaN where one is NaN; of images -1 and 1.
        """
        return self.source.condition_range

    def epoch(self, number: int, skip: int = 0) -> Any:
        """Returns the batches of one epoch: always the same for the same number, in every process.

        Args:
            number: which epoch, from 0.
            skip: how many of its first batches are left out.

        Returns:
            On TensorFlow a `tf.data.Dataset`, on JAX an iterable of NumPy arrays: images float32 (batch, ...), or pairs
            of images and their conditions: int32 labels (batch,), or float32 (batch, ...).

        Raises:
            ValueError: for numbers below 0, or more batches skipped than there are.
        """
        number = scalars.whole_number("number", number, 0)
        skip = scalars.whole_number("skip", skip, 0, below=self.num_batches + 1)
        first = _nth_kept(self.parts, number * self.num_batches + skip)
        return self._pipeline(first, self.num_batches - skip)

    def repeat(self, times: int) -> "Batches":
        """Returns the same batches in epochs `times` as long: epoch 0 is then the first `times` epochs."""
        return self.with_epochs_of(scalars.whole_number("times", times, 1) * self.num_batches)

    def with_epochs_of(self, num_batches: int) -> "Batches":
        """Returns the batches of all epochs, one after another, in epochs of another length."""
        return dataclasses.replace(self, num_batches=scalars.whole_number("num_batches", num_batches, 1))

    def take(self, count: int) -> "Batches":
        """Returns the first `count` batches of each epoch, or all where there are fewer."""
        count = scalars.whole_number("count", count, 1)
        if count >= self.num_batches:
            return self
        return dataclasses.replace(self, num_batches=count, parts=(*self.parts, (count, self.num_batches)))

    def map(self, function: Callable[..., Any], per_image: bool = False) -> "Batches":
        """Returns batches to each of which a function is applied.

        Args:
            function: from images, or from images and conditions, to what the batch becomes. On TensorFlow it takes
                tensors and is traced once, as by `tf.data.Dataset.map`; on JAX it takes NumPy arrays.
            per_image: True promises that the result of each image follows from this image alone. Batches are then
                mapped in parallel, and each of several workers reads only its own images.
        """
        return dataclasses.replace(self, functions=(*self.functions, (function, per_image)))

    def share(self, rows: Callable[[Any], Any]) -> "Batches":
        """Returns some rows of each batch alone; only these are read, unless a mapped function needs whole batches.

        Args:
            rows: a function from values (batch, ...) to those of the rows, (rows, ...).
        """
        if all(per_image for _, per_image in self.functions):
            return dataclasses.replace(self, rows=rows)
        return self.map(lambda *batch: tuple(map(rows, batch)) if len(batch) > 1 else rows(*batch))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.epoch(0))

    def __len__(self) -> int:
        return self.num_batches

    def __getattr__(self, name: str) -> NoReturn:
        kind = "a tf.data.Dataset" if backend.NAME == "tensorflow" else "an iterable of NumPy arrays"
        raise AttributeError(
            f"Batches describes epochs, and has no attribute {name!r}. Use batches.epoch(0), {kind}, for the batches "
            "of one epoch."
        )

    @functools.cached_property
    def _pipeline(self):
        is_kept = functools.partial(_is_kept, self.parts) if self.parts else None
        return self.source.pipeline(self.functions, self.rows, is_kept, self.report)


def _nth_kept(parts, number):
    """Returns the number, among all batches, of batch `number` of those that parts keep."""
    for kept, of in reversed(parts):
        number = number // kept * of + number % kept
    return number


def _is_kept(parts, number):
    """Returns whether parts keep a batch; `number`, among all batches, may be a tensor."""
    result = True
    for kept, of in parts:
        result = result & (number % of < kept)
        number = number // of * kept + number % of
    return result


def make_batches(
    values: np.ndarray,
    conditions: np.ndarray | None,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    flip: bool = False,
    crop: tuple[int, int] | None = None,
    condition_channels: int | None = None,
    value_range: tuple[float, float] | None = None,
    passes: int = 1,
    skip_batches: int = 0,
) -> Batches:
    """Returns `Batches` of arrays; what does not fill a batch is left out of its pass.

    The order of a pass, which images are mirrored, and where they are cropped, are pure functions of the seed and of
    the number of the pass. Each engine has orders of its own.

    Args:
        values: uint8 or uint16 images (num_images, height, width, channels), scaled to [-1, 1] here; float32 values
            pass unchanged. A `np.memmap` stays on disk.
        conditions: what is known of each image: int32 labels (num_images,), float32 values (num_images, ...), or uint8
            or uint16 images, scaled as the others; None for batches of images alone. Those of shape (num_images,
            height, width, channels) are mirrored and cropped with their images.
        batch_size: images in a batch.
        shuffle: whether each pass has an order of its own; False keeps the order of `values`.
        seed: integer that fixes the order of all passes, what is mirrored, and the crops.
        flip: whether to mirror images, each with probability 1/2 in each pass.
        crop: (height, width) of a part of each image, at another place in each pass; None for whole images.
        condition_channels: so many of the last channels of `values` are the conditions; None for `conditions`.
        value_range: the pixels that become -1 and 1; None for the least and the greatest of their dtype.
        passes: passes through the data in one epoch.
        skip_batches: batches that training has had already.
    """
    read = disk_cache.rows_reader(values) if isinstance(values, np.memmap) else None
    source = backend.ArrayEpochs(
        values,
        conditions,
        batch_size,
        read=read,
        shuffle=shuffle,
        seed=seed,
        flip=flip,
        crop=crop,
        condition_channels=condition_channels,
        value_range=value_range,
    )
    return Batches(source, passes * source.batches_per_pass, skip_batches)


def resize_array(images: np.ndarray, size: tuple[int, int] | None, channels: int | None) -> np.ndarray:
    """Returns images of another size or number of channels, of the same dtype and range.

    The center with the aspect ratio of `size` is kept. Shrinking averages areas, so that nothing aliases; growing is
    bilinear.

    Args:
        images: array (n, height, width, channels), uint8, uint16 or float32.
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
