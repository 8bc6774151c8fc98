"""A bank of samples, and for each image the nearest of them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

CHUNK = 1000
"""Samples of the bank that are drawn and compared at a time."""


@dataclasses.dataclass(frozen=True)
class Starts:
    """For each of n images the nearest samples of a bank, the nearest first.

    Attributes:
        latents: float32 (n, starts, latent_dim).
        labels: int32 (n, starts); None for a GAN without classes.
    """

    latents: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None

    def labels_of(self, part: slice) -> np.ndarray | None:
        """Returns the labels of some of the images, or None."""
        return None if self.labels is None else self.labels[part]


def bank(
    gan: Any, extract: Callable[[Any], Any], search: Any, targets: np.ndarray, labels: np.ndarray | None
) -> Starts:
    """Returns for each image the nearest samples of a bank.

    The samples are drawn and compared in chunks, so that the memory does not grow with the bank. With the labels of the
    images given, the bank is shared among their classes, and an image is compared with samples of its own class.

    Args:
        gan: the GAN.
        extract: a function from a tensor of images to features.
        search: the `kerasgan.sampling.inversion.Search`.
        targets: float32 (n, width), the features of the images.
        labels: int32 (n,), the classes of the images, or None.
    """
    latents = np.random.default_rng(search.seed).standard_normal((search.bank_size, gan.latent_dim), "float32")
    classes = _classes(gan, labels, search)
    best = np.full((len(targets), search.starts), np.inf, "float32")
    found = np.zeros((len(targets), search.starts), "int64")
    for begin in range(0, search.bank_size, CHUNK):
        part = slice(begin, begin + CHUNK)
        own = None if classes is None else classes[part]
        samples = gan.generate(latents=latents[part], labels=own, batch_size=search.batch_size)
        distances = squared_distances(targets, ops.convert_to_numpy(extract(ops.convert_to_tensor(samples))))
        if labels is not None:
            distances[labels[:, None] != own[None, :]] = np.inf
        best, found = _merged(best, found, distances, begin)
    if labels is not None:
        return Starts(latents[found], labels[:, None].repeat(search.starts, axis=1))
    return Starts(latents[found], None if classes is None else classes[found])


def _classes(gan, labels, search):
    """Returns the class of each sample of the bank: in turn those that the images have, or all."""
    if gan.num_classes is None:
        return None
    known = np.arange(gan.num_classes) if labels is None else np.unique(labels)
    return np.resize(known, search.bank_size).astype("int32")


def squared_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Returns the squared distances between all rows of two arrays, float32 (n, m), by one matrix product."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :]
    return np.maximum(squares - 2.0 * (one @ other.T), 0.0)


def _merged(best, found, distances, begin):
    """Returns the least distances, and where in the bank they are, of those so far and those of a chunk."""
    starts = best.shape[1]
    numbers = np.broadcast_to(np.arange(begin, begin + distances.shape[1]), distances.shape)
    distances, numbers = np.concatenate([best, distances], axis=1), np.concatenate([found, numbers], axis=1)
    order = np.argpartition(distances, min(starts, distances.shape[1]) - 1, axis=1)[:, :starts]
    order = np.take_along_axis(order, np.take_along_axis(distances, order, axis=1).argsort(axis=1), axis=1)
    return np.take_along_axis(distances, order, axis=1), np.take_along_axis(numbers, order, axis=1)
