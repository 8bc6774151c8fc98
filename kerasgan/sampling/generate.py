"""Samples of a GAN, drawn without touching anything that training depends on."""

import math
import secrets
from typing import Any

import keras
import numpy as np

from kerasgan import backend
from kerasgan.validation import images as image_checks
from kerasgan.validation import memory, scalars


def generate(
    gan: Any,
    n: int | None = None,
    seed: int | None = None,
    latents: Any = None,
    labels: Any = None,
    batch_size: int = 256,
) -> np.ndarray:
    """Returns samples of a GAN: see `kerasgan.GAN.generate`."""
    latents = None if latents is None else scalars.numbers("latents", latents)
    labels = None if labels is None else scalars.numbers("labels", labels)
    given = next((each for each in (latents, labels) if np.ndim(each) > 0), None)
    n = _checked_n(gan, len(given) if n is None and given is not None else n)
    batch_size = scalars.whole_number("batch_size", batch_size, 1)
    seed = _checked_seed(seed)
    inputs = [_latents(gan, n, seed, latents)]
    if gan.num_classes is not None or labels is not None:
        inputs.append(_labels(gan, n, seed, labels))
    starts = range(0, n, batch_size)
    images = [gan.sample_function(*(each[start : start + batch_size] for each in inputs)) for start in starts]
    return np.concatenate([np.empty((0, *gan.image_shape), "float32"), *images])


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


def _labels(gan, n, seed, labels):
    if gan.num_classes is None:
        raise ValueError(
            f"Only a conditional GAN draws by label. Received: labels={labels!r} for a GAN with num_classes=None. "
            "Leave labels out, or build the networks and the GAN with num_classes."
        )
    if labels is None:
        return keras.ops.convert_to_numpy(backend.draw_labels(n, seed, gan.num_classes))
    labels = np.full((n,), labels) if np.ndim(labels) == 0 else np.asarray(labels)
    image_checks.check_label_array(labels, n, gan.num_classes)
    return labels.astype("int32")
