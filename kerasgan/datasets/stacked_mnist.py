"""Stacked MNIST: three digits as the colors of one image, a thousand modes that are known."""

from collections.abc import Sequence

import numpy as np

from . import tfds_images
from .source import SPLIT_ADVICE, SPLIT_SEED, Source

NAME = "stacked_mnist"
NUM_IMAGES = {"train": 128_000, "test": 26_000}
CHANNELS = 3


def read_stacked(split: str, own_names: Sequence[str]) -> Source:
    """Returns stacked MNIST as `Source`: triples of MNIST's digits, drawn independently, as red, green and blue.

    The label is the number that the three digits write, red first: 1,000 classes, nearly even. There are 128,000
    images of MNIST's training digits, and 26,000 of its test digits, always the same.

    Args:
        split: `"train"`, `"test"`, or a slice of either.
        own_names: as for `tfds_images.read_tfds`, through which MNIST is read.

    Raises:
        ValueError: when MNIST cannot be read, or the split is another.

    Reference: Metz et al., 2017, arXiv:1611.02163; the counts are those of Srivastava et al. (VEEGAN), 2017,
    arXiv:1705.07761.
    """
    kind = str(split).split("[")[0]
    if kind not in NUM_IMAGES:
        raise ValueError(f"Stacked MNIST has the splits 'train' and 'test'. Received: split={split!r}. {SPLIT_ADVICE}")
    digits = tfds_images.read_tfds("mnist", None, None, kind, own_names)
    chosen = np.random.default_rng(SPLIT_SEED).integers(len(digits.values), size=(NUM_IMAGES[kind], CHANNELS))
    images = np.moveaxis(digits.values[..., 0][chosen], 1, -1)
    labels = digits.labels[chosen] @ (10 ** np.arange(CHANNELS)[::-1])
    source = Source(NAME, np.ascontiguousarray(images), labels.astype("int32"), num_classes=10**CHANNELS)
    return source.part(str(split).replace("test", "train", 1))
