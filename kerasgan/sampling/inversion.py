"""Inversion: the latents whose samples are nearest to given images."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasgan import backend
from kerasgan.networks import inputs as network_inputs
from kerasgan.validation import images as image_checks
from kerasgan.validation import scalars

from . import lbfgs, nearest


@dataclasses.dataclass(frozen=True)
class Inversion:
    """The nearest samples that were found for n images.

    Attributes:
        latents: float32 (n, latent_dim).
        labels: int32 (n,), the class under which each sample is drawn; None for a GAN without classes.
        distances: float32 (n,), the root mean square difference between the features of an image and of its sample;
            without features, of pixels in [-1, 1].
        images: float32 (n, ...), the samples: `gan.generate(latents=..., labels=...)`.
    """

    latents: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None
    distances: np.ndarray[Any, Any]
    images: np.ndarray[Any, Any]


@dataclasses.dataclass(frozen=True)
class Search:
    """How the nearest samples are searched for.

    Args:
        steps: evaluations of samples and gradients by L-BFGS, from each start.
        starts: for each image, so many of the nearest samples of the bank are starts; the best end is kept.
        bank_size: samples that the starts are taken from.
        prior: weight of the normal prior: `prior * mean(z**2)` is added to the mean square difference.
        batch_size: images that are inverted at a time; it bounds the memory.
        seed: int, of the bank.
    """

    steps: int = 50
    starts: int = 1
    bank_size: int = 5000
    prior: float = 1e-3
    batch_size: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("steps", 0), ("starts", 1), ("bank_size", 1), ("batch_size", 1)):
            scalars.whole_number(name, getattr(self, name), lowest)
        if self.starts > self.bank_size:
            raise ValueError(
                f"The starts are taken from the bank. Received: starts={self.starts}, bank_size={self.bank_size}. Use "
                "a larger bank or fewer starts."
            )
        if not isinstance(self.prior, int | float | np.number) or not 0 <= self.prior < np.inf:
            raise ValueError(
                f"prior must be a number of at least 0. Received: prior={self.prior!r}. Leave it out for the default."
            )


def invert(
    gan: Any, images: Any, labels: Any = None, features: Any = None, verbose: int = 0, **options: Any
) -> Inversion:
    """Returns the nearest samples that were found: see `kerasgan.GAN.invert`."""
    check_latents_alone(gan)
    search = Search(**options)
    images = np.asarray(images)
    image_checks.check_array(images, gan.image_shape, len(images), 1)
    images, labels = images.astype("float32"), _checked_labels(gan, labels, len(images))
    extract = feature_function(features)
    targets = _features_of(gan, extract, images, search.batch_size)
    bank = nearest.bank(gan, extract, search, targets, labels)
    descend = _Descent(gan, extract, search)
    bar = keras.utils.Progbar(len(images), verbose=verbose, unit_name="image")
    found: list[tuple[Any, Any]] = []
    for begin in range(0, len(images), search.batch_size):
        part = slice(begin, begin + search.batch_size)
        found.append(descend(bank.latents[part], bank.labels_of(part), targets[part]))
        bar.update(min(begin + search.batch_size, len(images)))
    return _inversion(gan, extract, found, targets, search.batch_size)


def follows_from_latents(gan: Any) -> bool:
    """Returns whether the samples of a GAN follow from latents, and a class at most."""
    return gan.latent_dim > 0 and (gan.condition is None or gan.num_classes is not None)


def check_latents_alone(gan: Any) -> None:
    """Checks `follows_from_latents`.

    Raises:
        ValueError: for a GAN of other conditions, or without latents.
    """
    if not follows_from_latents(gan):
        raise ValueError(
            "Latents are searched, and directions found, where samples follow from latents, and a class at most. "
            f"Received: latent_dim={gan.latent_dim} and condition={gan.condition!r}. Use gan.generate(condition=...), "
            "or gan.translate(images)."
        )


def feature_function(features: Any) -> Callable[[Any], Any]:
    """Returns a function from a tensor of images to a tensor of features (batch, width).

    Args:
        features: None for pixels, a `kerasgan.features.Extractor`, a Keras model, or a function of a tensor.

    Raises:
        ValueError: for anything else.
    """
    if features is None:
        return lambda images: ops.reshape(images, (ops.shape(images)[0], -1))
    function = getattr(features, "function", features)
    if not callable(function):
        raise ValueError(
            f"Features are an extractor of kerasgan.features, a Keras model or a function. Received: {features!r}. Use "
            "kerasgan.features.get(...), or None for pixels."
        )
    if isinstance(function, keras.Model):
        function = backend.inference(function)

    def extract(images):
        found = function(images)
        found = found[0] if isinstance(found, tuple | list) else found
        return ops.cast(ops.reshape(found, (ops.shape(found)[0], -1)), "float32")

    return extract


def _features_of(gan, extract, images, batch_size):
    """Returns the features of images, float32 (n, width)."""
    starts = range(0, len(images), batch_size)
    parts = [extract(ops.convert_to_tensor(images[start : start + batch_size])) for start in starts]
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])


def _checked_labels(gan, labels, n):
    if labels is None:
        return None
    if gan.num_classes is None:
        raise ValueError(
            f"Only a conditional GAN takes labels. Received: labels={np.shape(labels)} for a GAN with "
            "num_classes=None. Leave labels out."
        )
    labels = np.full((n,), labels) if np.ndim(labels) == 0 else np.asarray(labels)
    image_checks.check_label_array(labels, n, gan.num_classes)
    return labels.astype("int32")


class _Descent:
    """L-BFGS on a batch of latents; values and gradients come from one compiled function.

    Each image has `starts` rows, one after the other. Batches are padded to one size, so that one function is compiled.
    """

    def __init__(self, gan: Any, extract: Callable[[Any], Any], search: Search):
        self.gan, self.extract, self.search = gan, extract, search
        self.rows: int | None = None
        self.evaluate = backend.compiled(self._evaluate, [gan.sampler])

    def __call__(self, latents: Any, labels: Any, targets: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns for each image the best latents that were found, (n, latent_dim), and their labels.

        Args:
            latents: float32 (n, starts, latent_dim).
            labels: int32 (n, starts), or None.
            targets: float32 (n, width), the features of the images.
        """
        n, starts, _ = latents.shape
        self.rows = self.rows or n * starts
        rows = [latents.reshape(n * starts, -1), targets.repeat(starts, axis=0)]
        rows += [] if labels is None else [labels.reshape(-1)]
        start, *padded = (np.resize(each, (self.rows, *each.shape[1:])) for each in rows)  # by the first rows again
        fixed = [ops.convert_to_tensor(each) for each in padded]

        def function(z):
            value, gradient = self.evaluate(ops.convert_to_tensor(z.astype("float32")), *fixed)
            return tuple(ops.convert_to_numpy(each).astype("float64") for each in (value, gradient))

        found, value = lbfgs.minimize(function, start, self.search.steps)
        chosen, every = value[: n * starts].reshape(n, starts).argmin(axis=1), np.arange(n)
        best = found[: n * starts].reshape(n, starts, -1)[every, chosen].astype("float32")
        return best, None if labels is None else labels[every, chosen]

    def _evaluate(self, z, targets, labels=None):
        """Returns the objective of each row, and its gradient."""

        def objective(z):
            images = self.gan.sampler(network_inputs.network_inputs(z, labels), training=False)
            differences = self.extract(ops.cast(images, "float32")) - targets
            values = ops.mean(differences**2, axis=1) + self.search.prior * ops.mean(z**2, axis=1)
            return ops.sum(values), values

        total, pullback, values = backend.vjp(objective, [], z)
        return values, pullback(ops.ones_like(total))[1]


def _inversion(gan, extract, found, targets, batch_size):
    latents = np.concatenate([each for each, _ in found])
    labels = None if gan.num_classes is None else np.concatenate([each for _, each in found])
    images = gan.generate(latents=latents, labels=labels, batch_size=batch_size)
    differences = _features_of(gan, extract, images, batch_size) - targets
    return Inversion(latents, labels, np.sqrt(np.mean(differences**2, axis=1)), images)
