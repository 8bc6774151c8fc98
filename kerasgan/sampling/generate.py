"""Samples of a GAN, drawn without touching anything that training depends on."""

import math
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasgan import backend
from kerasgan.networks import sizes
from kerasgan.validation import memory, scalars


def generate(
    gan: Any,
    n: int | None = None,
    seed: int | None = None,
    latents: Any = None,
    labels: Any = None,
    batch_size: int = 256,
    condition: Any = None,
) -> np.ndarray:
    """Returns samples of a GAN: see `kerasgan.GAN.generate`."""
    latents = None if latents is None else scalars.numbers("latents", latents)
    condition = _one_condition(labels, condition)
    rank = 0 if gan.condition is None else len(gan.condition.shape)
    given = latents if np.ndim(latents) > 0 else condition if np.ndim(condition) > rank else None
    n = _checked_n(gan, len(given) if n is None and given is not None else n)
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = _checked_seed(seed)
    inputs = [_latents(gan, n, seed, latents)] if gan.latent_dim or latents is not None else []
    if gan.condition is not None or condition is not None:
        inputs.append(_conditions(gan, n, seed, condition))
    return in_batches(gan.sample_function, inputs, n, batch_size, gan.image_shape)


def in_batches(
    function: Callable[..., Any], inputs: Sequence[Any], n: int, batch_size: int, shape: Sequence[int]
) -> np.ndarray:
    """Returns what a function returns for `n` rows of its inputs, computed in batches.

    Args:
        function: from arrays (batch, ...) to an array (batch, ...).
        inputs: arrays (n, ...).
        n: the number of rows.
        batch_size: rows at a time.
        shape: that of a result without rows, (0, *shape).
    """
    starts = range(0, n, batch_size)
    results = [function(*(each[start : start + batch_size] for each in inputs)) for start in starts]
    return np.concatenate(results) if results else np.empty((0, *shape), "float32")


def translate(gan: Any, images: Any, seed: int | None = 0, batch_size: int = 16) -> np.ndarray:
    """Returns images translated by a GAN whose condition is an image: see `kerasgan.GAN.translate`."""
    if gan.condition is None or len(gan.condition.shape) != 3:
        raise ValueError(
            "Only a GAN whose condition is an image translates images. Received: a GAN with "
            f"condition={gan.condition!r}. Use generate(), or build one with condition=kerasgan.conditions.Image(...)."
        )
    images = images_to_translate(images)
    check_size(gan.sampler, gan.latent_dim, images.shape[1:])
    return generate(gan, len(images), seed, batch_size=batch_size, condition=images)


def images_to_translate(images: Any) -> np.ndarray:
    """Returns images as an array (n, height, width, channels).

    Raises:
        ValueError: if they have another number of axes, or are no numbers.
    """
    images = scalars.numbers("images", images)
    if images.ndim != 4:
        raise ValueError(
            f"Images to translate must have shape (n, height, width, channels). Received: shape {images.shape}. "
            "Use images[None] for a single one."
        )
    return images


def check_size(network: keras.Model, latent_dim: int, shape: tuple[int, ...]) -> None:
    """Checks that a generator takes an image of a shape as its condition.

    Args:
        network: the generator, which may be built for images of any size.
        latent_dim: width of its latents; 0 for none.
        shape: (height, width, channels).

    Raises:
        ValueError: if it does not; it names the nearest size that the generator takes.
    """
    ports = _ports(network, latent_dim, shape[-1])
    known = ports[-1][0]
    if known[-1] != shape[-1]:
        raise ValueError(
            f"The generator translates images of {known[-1]} channels. Received: images of {shape[-1]} channels. "
            "Convert them first."
        )
    if sizes.of_size(known, shape[:2]) == tuple(shape) and sizes.takes(network, ports, shape[:2]):
        return
    near = sizes.nearest_size(network, ports, shape[:2])
    advice = "" if near is None else f" The nearest size is {near[0]}x{near[1]}: resize or crop them."
    raise ValueError(f"The generator cannot take images of this size. Received: {shape[0]}x{shape[1]}.{advice}")


def _ports(network, latent_dim, channels):
    """Returns the inputs of a generator, those of one that does not say what they are for images of any size."""
    if getattr(network, "inputs", None):
        return sizes.ports_of(network)
    latents = [((latent_dim,), "float32")] if latent_dim else []
    return [*latents, ((None, None, channels), "float32")]


def class_grid(gan: Any, columns: int = 8, seed: int | None = 0, most: int | None = None) -> np.ndarray:
    """Returns the same latents under every class: see `kerasgan.GAN.class_grid`."""
    columns = scalars.whole_number("columns", columns, 1)
    if gan.num_classes is None:
        raise ValueError("A grid of classes needs classes. Received: a GAN with num_classes=None. Use generate().")
    classes = grid_classes(gan.num_classes, most)
    count = len(classes)
    latents = np.tile(_latents(gan, columns, _checked_seed(seed), None), (count, 1))
    return generate(gan, latents=latents, labels=np.repeat(classes, columns))


def grid_classes(num_classes: int, most: int | None = None) -> np.ndarray:
    """Returns the classes in the rows of a grid, int32, ascending: all, or at most so many, evenly spread."""
    count = num_classes if most is None else min(most, num_classes)
    return np.linspace(0, num_classes - 1, count).round().astype("int32")


def _checked_n(gan, n):
    if n is None and gan.condition is not None and gan.latent_dim == 0:
        raise ValueError("A generator without latents draws from its condition. Received: none. Pass condition=...")
    n = scalars.whole_number("n", n, 0)
    num_bytes = 4 * n * (gan.latent_dim + math.prod(gan.image_shape))
    if not memory.fits(num_bytes):
        raise ValueError(
            f"All samples must fit into memory. Received: n={n}, which takes {num_bytes / 2**30:,.0f} GiB. Draw "
            "them in several calls, each with a seed of its own."
        )
    return n


def _checked_seed(seed):
    """Returns a seed as an int, a new one for None."""
    return secrets.randbelow(2**31) if seed is None else scalars.whole_number("seed", seed, 0, below=2**31)


def _latents(gan, n, seed, latents):
    if gan.latent_dim == 0:
        raise ValueError(
            f"The generator has no latents. Received: latents of shape {latents.shape}. Leave them out: it draws from "
            "its condition alone."
        )
    if latents is None:
        return keras.ops.convert_to_numpy(keras.random.normal((n, gan.latent_dim), seed=seed))
    if latents.shape != (n, gan.latent_dim):
        raise ValueError(
            f"Latents must have shape (n, latent_dim) = ({n}, {gan.latent_dim}). Received: {latents.shape}."
        )
    with np.errstate(over="ignore"):
        finite = latents.astype("float32")
    if not np.isfinite(finite).all():
        raise ValueError(f"Latents must be finite. Received: values from {latents.min():g} to {latents.max():g}.")
    return finite


def _one_condition(labels, condition):
    """Returns what was given as labels or as the condition, as an array, or None."""
    if labels is not None and condition is not None:
        raise ValueError("Labels are a condition. Received: both labels and a condition. Give one of them.")
    if condition is not None:
        return scalars.numbers("condition", condition)
    return None if labels is None else scalars.numbers("labels", labels)


def _conditions(gan, n, seed, given):
    if gan.condition is None:
        raise ValueError(
            f"Only a conditional GAN draws by label. Received: labels={given!r} for a GAN with num_classes=None. "
            "Leave labels out, or build the networks and the GAN with num_classes."
        )
    if given is None and gan.num_classes is not None:
        return keras.ops.convert_to_numpy(backend.draw_labels(n, seed, gan.num_classes))
    if given is None:
        return gan.condition.draw(n, seed)
    if given.ndim == len(gan.condition.shape):
        given = np.repeat(given[None], n, axis=0)
    if given.ndim == 4:  # images of any size: `translate` checks it
        gan.condition.check_range(float(given.min(initial=0)), float(given.max(initial=0)))
        _check_count(given, n)
    else:
        gan.condition.check_array(given, n)
    return given.astype(gan.condition.dtype)


def _check_count(given, n):
    if len(given) != n:
        raise ValueError(f"There must be one condition for each sample. Received: {len(given)} conditions for n={n}.")
