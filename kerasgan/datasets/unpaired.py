"""Two sets of images without pairs, for translation from one to the other."""

import contextlib
import os
from typing import Any

import numpy as np

from kerasgan import backend
from kerasgan.conditions import Image
from kerasgan.validation import scalars

from .batches import Batches
from .info import DatasetInfo, info_of, joined_fingerprint
from .load import batches_of, check_batch_size
from .reading import read, sizes

SECOND_ORDER = 2**61
"""Changes the seed of the second set: two sets of one size would else have the same order, which makes pairs."""


def load_unpaired(
    a: str | os.PathLike[str] | np.ndarray,
    b: str | os.PathLike[str] | np.ndarray,
    batch_size: int = 1,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | tuple[int | None, int | None] | None = None,
    crop_from: int | tuple[int, int] | None = None,
    split: str = "train",
    shuffle: bool = True,
    flip: bool = False,
    seed: int = 0,
    passes: int = 1,
    skip_batches: int = 0,
) -> tuple[Batches, DatasetInfo]:
    """Returns batches of pairs (a, b), each set in an order of its own.

    An epoch is as long as the larger set. The smaller one begins again, in another order, whenever it is through. As
    for labels, the batches of an epoch are a function of its number.

    Args:
        a, b: both sets: folders, arrays, or other sources of `load`.
        batch_size: images of each set in a batch.
        image_size: integer or (height, width) to which both are brought; None keeps that of arrays, and is 64 for
            folders.
        channels: 1, 3, or None as for `load`; a pair is for a and b.
        crop_from, split, shuffle, passes, skip_batches: as for `load`, for both sets.
        flip: whether to mirror images, each with probability 1/2 in each pass, those of a apart from those of b.
        seed: non-negative integer that fixes both orders, crops and mirrored images.

    Returns:
        A tuple (batches, info): `Batches` of pairs, float32 (batch_size, height, width, channels) each, in [-1, 1]; and
        a `DatasetInfo` of the images of a, whose `condition` is the `kerasgan.conditions.Image` of those of b, and
        whose `num_images` is that of the larger set.

    Raises:
        ValueError: when one set is empty or cannot be read, or both have different sizes.

    Example:

    ```python
    import numpy as np

    import kerasgan

    digits, _, _ = kerasgan.datasets.load_arrays("digits")
    batches, info = kerasgan.datasets.load_unpaired(digits[:900], -digits[900:], batch_size=10)
    a, b = next(iter(batches))  # float32 (10, 8, 8, 1) each
    assert len(batches) == 90
    ```

    Reference: Zhu et al., 2017, arXiv:1703.10593.
    """
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = scalars.whole_number("seed", seed, 0, below=SECOND_ORDER)
    passes = scalars.whole_number("passes", passes, 1, below=2**31)
    skip_batches = scalars.whole_number("skip_batches", skip_batches, 0, below=2**62)
    size, crop = sizes(image_size, crop_from)
    channels = channels if isinstance(channels, tuple | list) else (channels, channels)
    both = []
    for name, source, number in zip("ab", (a, b), channels, strict=True):
        with _domain(name):
            both.append(read(source, size, number, split, seed))
    _check_shapes(both)
    for name, data in zip("ab", both, strict=True):
        check_batch_size(batch_size, len(data.values), f"images of {name}")
    options = {"shuffle": shuffle, "flip": flip}
    first, second = (
        batches_of(data, batch_size, crop=crop, seed=each, **options)[0].source
        for data, each in zip(both, (seed, seed + SECOND_ORDER), strict=True)
    )
    source = backend.PairedEpochs(first, second)
    return Batches(source, passes * source.batches_per_pass, skip_batches), _info(both, crop)


@contextlib.contextmanager
def _domain(name):
    """Errors of the source of one domain name it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"Domain {name} must be a set of images. {error}") from None


def _check_shapes(both):
    for name, data in zip("ab", both, strict=True):
        if data.values.ndim != 4:
            raise ValueError(f"Domain {name} must be a set of images. Received: the points {data.name!r}.")
    shapes = [data.values.shape[1:3] for data in both]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "Images of both domains must have one size. Received: "
            f"{shapes[0][0]}x{shapes[0][1]} in a and {shapes[1][0]}x{shapes[1][1]} in b. Use image_size=64, "
            "for example."
        )


def _info(both: list[Any], crop: tuple[int, int] | None) -> DatasetInfo:
    first, second = (info_of(data, crop) for data in both)
    return DatasetInfo(
        name=f"{first.name} and {second.name}",
        image_shape=first.image_shape,
        num_classes=None,
        num_images=max(first.num_images, second.num_images),
        class_names=None,
        skipped=tuple(f"{each.name}/{name}" for each in (first, second) for name in each.skipped),
        fingerprint=joined_fingerprint(first.fingerprint, second.fingerprint),
        condition=Image(second.image_shape),
        value_scale=first.value_scale,
    )
