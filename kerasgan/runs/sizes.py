"""The sizes in a recipe, bounded by the machine's memory before anything of that size is made."""

import itertools
import math
from collections.abc import Sequence

import numpy as np

from kerasgan import pictures
from kerasgan.datasets import DatasetInfo
from kerasgan.networks import blocks, shapes
from kerasgan.runs.recipes import Recipe
from kerasgan.validation import memory

MAX_DEPTH = 256
"""Layers cost time to build, not only memory."""

BYTES_PER_WEIGHT = 16
"""A float32 weight, its gradient and the two means of Adam."""

BYTES_PER_PIXEL = 32
"""A float32 sample, float64 on the way to uint8, and the picture."""


def check_images(recipe: Recipe) -> None:
    """Checks, before the data are read, that a batch of images of the recipe's size fits into memory.

    Raises:
        ValueError: if it does not.
    """
    if recipe.image_size is not None:
        height, width = recipe.image_size if isinstance(recipe.image_size, tuple) else [recipe.image_size] * 2
        num_bytes = 4 * 3 * height * width * recipe.batch_size
        _check(num_bytes, "A batch of images", image_size=recipe.image_size, batch_size=recipe.batch_size)


def check_samples(n: int, image_shape: Sequence[int]) -> None:
    """Checks that a picture of so many samples fits into memory.

    Raises:
        ValueError: if it does not.
    """
    _check(BYTES_PER_PIXEL * n * math.prod(image_shape), "The samples and their picture", n=n, image_shape=image_shape)


def check_bands(recipe: Recipe, info: DatasetInfo) -> None:
    """Checks that the bands of a recipe are channels of its images.

    Raises:
        ValueError: if they are not, or the data are no images, or images that are translated.
    """
    if recipe.bands is None:
        return
    if len(info.image_shape) != 3 or recipe.translates:
        what = "translations" if recipe.translates else f"data of shape {info.image_shape}"
        raise ValueError(f"bands are not for {what}. Received: bands={list(recipe.bands)}. Leave it out: bands=none")
    pictures.bands_of(np.zeros((1, 1, 1, info.image_shape[-1])), recipe.bands)


def check_networks(recipe: Recipe, info: DatasetInfo) -> None:
    """Checks that the weights of both networks, and their values for a batch, can fit into memory.

    The estimate is low: what passes may still not fit. Values that are no whole numbers are left to the networks.

    Raises:
        ValueError: if they cannot fit, or the networks have too many layers.
    """
    options = {name: value for name, value in recipe.network_options.items() if type(value) is int and value > 0}
    depth, width = options.get("depth", 1), options.get("width", 1)
    if depth > MAX_DEPTH:
        raise ValueError(f"Networks must have at most {MAX_DEPTH} layers. Received: depth={depth}.")
    if recipe.translates:
        return _check_translator(recipe, info, width)
    if recipe.network == "mlp":
        weights, values = _mlp(info.image_shape, recipe.latent_dim, width, depth)
    elif len(info.image_shape) == 3:
        weights, values = _convolutional(info.image_shape, recipe, width, options.get("depth"))
    elif len(info.image_shape) in (2, 4):
        weights, values = _other(info.image_shape, recipe, width, options.get("depth"))
    else:
        return  # networks for images refuse points themselves
    named = {"latent_dim": recipe.latent_dim, **options, "image_shape": info.image_shape}
    _check(BYTES_PER_WEIGHT * weights, "Both networks", network=recipe.network, **named)
    _check(4 * 2 * recipe.batch_size * values, "A batch of both networks", batch_size=recipe.batch_size, **named)


def _check_translator(recipe, info, width):
    """Checks the widest weights of a U-Net, or of the blocks of a translator, and the values of a batch."""
    widest = (8 if recipe.network == "pix2pix" else 4) * width
    named = {"width": width, "image_shape": info.image_shape}
    _check(BYTES_PER_WEIGHT * 9 * widest**2, "Both networks", network=recipe.network, **named)
    values = info.image_shape[0] * info.image_shape[1] * width
    _check(4 * 2 * recipe.batch_size * values, "A batch of both networks", batch_size=recipe.batch_size, **named)


def _mlp(image_shape: Sequence[int], latent_dim: int, width: int, depth: int) -> tuple[int, int]:
    """Returns the number of weights of both networks, and of values for one image in one of them."""
    pixels = math.prod(image_shape)
    return width * (latent_dim + 2 * pixels + 2 * (depth - 1) * width), depth * width + pixels


def _convolutional(image_shape: Sequence[int], recipe: Recipe, width: int, depth: int | None) -> tuple[int, int]:
    """Returns somewhat less than the true numbers, as `_mlp`."""
    (height, breadth, channels), depth = blocks.halvings(image_shape, depth)
    is_dcgan = recipe.network == "dcgan"
    if recipe.network == "resnext":
        return _resnext(image_shape, recipe.latent_dim, width, depth)
    widths = [width * (2**level if is_dcgan else min(2**level, 8)) for level in range(depth)]
    weights = 2 * 16 * channels * width
    weights += recipe.latent_dim * (height >> depth) * (breadth >> depth) * widths[-1]
    if is_dcgan:
        weights += sum(2 * 16 * one * other for one, other in itertools.pairwise(widths))
    else:
        weights += sum(2 * 2 * 9 * each**2 for each in widths)
    return weights, height * breadth * channels + (height // 2) * (breadth // 2) * width


def _other(image_shape: Sequence[int], recipe: Recipe, width: int, depth: int | None) -> tuple[int, int]:
    """Returns somewhat less than the true numbers for signals and volumes, as `_mlp`."""
    found = shapes.read(image_shape, depth, (shapes.SIGNALS, shapes.VOLUMES))
    stride, rank = found.axes.stride, found.axes.rank
    most = found.depth if recipe.network == "dcgan" else 4
    widths = [width * 2 ** min(level, most - 1) for level in range(found.depth)]
    taps = (found.axes.kernel if recipe.network == "dcgan" else found.axes.inner_kernel) ** rank
    weights = 2 * taps * sum(one * other for one, other in itertools.pairwise(widths))
    weights += recipe.latent_dim * math.prod(found.smallest) * widths[-1]
    sides = math.prod(image_shape[:-1])
    return weights, sides * image_shape[-1] + sides // stride**rank * width


def _resnext(image_shape: Sequence[int], latent_dim: int, width: int, depth: int) -> tuple[int, int]:
    """Returns somewhat less than the true numbers, as `_mlp`."""
    height, breadth, channels = image_shape
    outer = width >> max(depth - 2, 0)
    weights = latent_dim * (height >> depth) * (breadth >> depth) * width + 2 * 2 * 2 * width**2
    return weights, height * breadth * channels + (height // 2) * (breadth // 2) * outer


def _check(num_bytes: int, what: str, **sizes: object) -> None:
    if not memory.fits(num_bytes):
        named = ", ".join(f"{name}={value!r}" for name, value in sizes.items())
        raise ValueError(
            f"{what} must fit into memory. Received: {named}, which take at least {num_bytes / 2**30:,.0f} GiB of "
            f"{memory.total_bytes() / 2**30:,.0f} GiB. Use smaller sizes."
        )
