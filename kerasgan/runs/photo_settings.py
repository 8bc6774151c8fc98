"""Settings of the recipe for photos that follow from their size, their number, and the machine."""

import dataclasses
import math
import pathlib
from collections.abc import Collection, Sequence
from typing import Any

from kerasgan.runs import recipes
from kerasgan.validation import memory

RECIPE = "photos"

PHOTO_PIXELS = 32
"""Images with at least so many pixels on their short side, in color, count as photos."""

USUAL_SIZE = 32
"""Height and width of images for which the recipe's gamma is meant, in pixels."""

FEW_PHOTOS = 5_000
"""Folders of fewer photos are augmented: the discriminator sees each of them often enough to learn it by heart."""

LEAST_IMAGES_AN_EPOCH = 5_000
"""Small folders are passed through several times an epoch, so that an epoch is worth a point in the curves."""

TRAINED_IMAGES = 500_000
"""Images of a whole training, each counted as often as it is shown."""

TRANSLATED_IMAGES, LEAST_TRANSLATED_AN_EPOCH = 80_000, 1_000
"""The same for translations, which have a target for each image: 200 epochs of 400 photos in pix2pix's paper."""

MEMORY_SHARE = 0.25
"""Share of the memory that the values of one batch may take."""

VALUES_A_PIXEL = 600
"""Float32 values that both networks keep for one pixel of one image on the way back, of a pair of width 256."""

FAST_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""Flags of processors that multiply in bfloat16 faster than in float32."""


def fitted(recipe: recipes.Recipe, num_photos: int, given: Collection[str]) -> recipes.Recipe:
    """Returns the recipe for photos with the settings that fit a folder and this machine.

    - `gamma` grows with the number of pixels, as the squared norm of a gradient over them does;
    - `batch_size` is halved until the values of a batch take at most a quarter of the memory;
    - `passes_per_epoch` and `epochs` make a training of about half a million images, of epochs that are not too short;
      where `epochs` are given, an epoch is one pass;
    - `augment` is on for fewer than 5,000 photos;
    - `precision` is bfloat16 where the processor multiplies it faster.

    Of a translation, the passes and epochs make a training of 80,000 images, and a batch has at most half of the
    photos; there is no augmentation.

    Args:
        recipe: the recipe, with its image size.
        num_photos: photos in the folder.
        given: fields that somebody has set; they stay as they are.
    """
    height, width = recipe.image_size if isinstance(recipe.image_size, tuple) else [recipe.image_size or USUAL_SIZE] * 2
    size = math.sqrt(height * width)
    batch_size = recipe.batch_size
    if "batch_size" not in given:
        few = max(num_photos // 2, 1)  # of pairs some may have no partner
        batch_size = min(batch_size, few) if recipe.translates else _batch_size(batch_size, size)
    least, total = LEAST_IMAGES_AN_EPOCH, TRAINED_IMAGES
    if recipe.translates:
        least, total = LEAST_TRANSLATED_AN_EPOCH, TRANSLATED_IMAGES
    images = max(num_photos // batch_size, 1) * batch_size
    counted = {"epochs", "passes_per_epoch"} & set(given)  # who counts epochs means passes through the data
    passes = recipe.passes_per_epoch if counted else math.ceil(least / images)
    found = {
        "batch_size": batch_size,
        "passes_per_epoch": passes,
        "epochs": max(1, round(total / (images * passes))),
        "augment": "diffaugment" if num_photos < FEW_PHOTOS and not recipe.translates else None,
        "precision": _precision(),
    }
    if recipe.gamma is not None:
        share = (size / USUAL_SIZE) ** 2
        found["gamma"] = recipe.gamma * share
        if recipe.gamma_to is not None:
            found["gamma_to"] = recipe.gamma_to * share
    return dataclasses.replace(recipe, **{name: value for name, value in found.items() if name not in given})


def are_photos(shape: Sequence[int | None]) -> bool:
    """Returns whether images of a shape (height, width, channels) are photos: in color, and not small."""
    *sides, channels = shape
    return (channels or 0) >= 3 and all(side is None or side >= PHOTO_PIXELS for side in sides)


def of_set(name: str, shape: Sequence[int | None]) -> recipes.Recipe:
    """Returns the recipe for a set of TensorFlow Datasets: that for photos, or else that for MNIST.

    Photos of at most 64x64 pixels keep their size, others are resized to 64x64. They are not mirrored: of a named set
    nobody knows whether left and right differ.

    Args:
        name: of the set.
        shape: (height, width, channels) of its images, with None for what varies.
    """
    if not are_photos(shape):
        return dataclasses.replace(recipes.get("mnist"), source=name)
    recipe = recipes.get(RECIPE)
    height, width = shape[:2]
    if height is not None and height == width and height <= recipe.image_size and height % 4 == 0:
        recipe = dataclasses.replace(recipe, image_size=height)
    return dataclasses.replace(recipe, source=name, flip=False)


def with_precision(recipe: recipes.Recipe) -> recipes.Recipe:
    """Returns a recipe that computes in bfloat16 where the processor multiplies it faster.

    Only one with the network `resnext`, whose samples were measured in bfloat16; others stay as they are.
    """
    return dataclasses.replace(recipe, precision=_precision()) if recipe.network == "resnext" else recipe


def _precision():
    return "mixed_bfloat16" if multiplies_bfloat16() else "float32"


def _batch_size(usual: int, size: float) -> int:
    """Returns the batch size, halved until its values fit into their share of the memory; at least 4."""
    while usual > 4 and usual * size**2 * VALUES_A_PIXEL * 4 > MEMORY_SHARE * memory.total_bytes():
        usual //= 2
    return usual


def multiplies_bfloat16(cpuinfo: str = "/proc/cpuinfo") -> bool:
    """Returns whether the processor has instructions for products in bfloat16; False where that is unknown.

    Args:
        cpuinfo: the file in which Linux lists the processor's features.
    """
    try:
        lines = pathlib.Path(cpuinfo).read_text().splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return bool(FAST_BFLOAT16 & set(flags.split()))


def described(recipe: recipes.Recipe, num_photos: int) -> str:
    """Returns one line about the settings of a training on photos."""
    without_classes = () if recipe.conditional else ("auxiliary_classifier",)  # which has no effect then
    options = ", ".join(
        name if value is True else f"{name} {value}"
        for name, value in recipe.network_options.items()
        if name not in without_classes
    )
    parts: list[Any] = [
        f"{recipe.network} ({options})" if options else recipe.network,
        f"batch {recipe.batch_size}",
        "no penalty" if recipe.gamma is None else f"gamma {recipe.gamma:g}",
        recipe.precision,
        f"{recipe.augment or 'no'} augmentation",
        "mirrored at random" if recipe.flip else "not mirrored",
    ]
    images = recipe.epochs * recipe.passes_per_epoch * num_photos
    return f"{', '.join(parts)}; {recipe.epochs} epochs, {images:,} images in all"
