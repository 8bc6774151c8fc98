"""Pictures of translations: inputs, what a generator makes of them, and the truth, side by side."""

from typing import Any

import numpy as np

from kerasgan import pictures

GAP = 3
"""Pixels between two strips of a picture."""

CYCLE_COLUMNS = 6
"""Images in a row of a picture of a `CycleGAN`: a, to_b(a), back; b, to_a(b), back."""


def translates(gan: Any) -> bool:
    """Returns whether a GAN's condition is an image."""
    return gan.condition is not None and len(gan.condition.shape) == 3


def translates_both_ways(gan: Any) -> bool:
    """Returns whether a GAN is a `kerasgan.CycleGAN`."""
    return bool(getattr(gan, "translates_both_ways", False))


def columns_of(gan: Any) -> str:
    """Returns in words what stands side by side in a strip of `translation_picture`."""
    return "a, to b, back | b, to a, back" if translates_both_ways(gan) else "input, translation, truth"


def pairs_of_fit(gan: Any, n: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns n images and their conditions from the data of a running `fit`: held-out ones, or else training ones.

    Of a `CycleGAN` they are images of both domains. They are always the same. None where the data have not shown any.
    """
    fit = gan.current_fit
    for sample in () if fit is None else (fit.samples.held_out, fit.samples.training):
        arrays = None if sample is None else sample.arrays()
        if arrays is not None and arrays[1] is not None:
            return arrays[0][:n], arrays[1][:n]
    return None


def translation_picture(gan: Any, images: np.ndarray, conditions: np.ndarray, n: int = 64) -> np.ndarray:
    """Returns a picture of translations, as many rows and columns as make it about square.

    Of a GAN whose condition is an image, a strip is the input, its translation and the truth; of a `CycleGAN` a row is
    an image of domain a, its translation and the way back, and the same for an image of domain b.

    Args:
        gan: the GAN.
        images: the truth, float (m, height, width, channels) in [-1, 1]; of a `CycleGAN` images of domain a.
        conditions: the inputs, float (m, height, width, channels); of a `CycleGAN` images of domain b.
        n: about so many images are drawn, in all strips together.

    Returns:
        uint8, shape (height, width, 1 or 3).
    """
    both_ways = translates_both_ways(gan)
    count = min(len(images), max(1, n // (CYCLE_COLUMNS if both_ways else 3)))
    images, conditions = images[:count], conditions[:count]
    if not both_ways:
        shown = pictures.strips(conditions, gan.translate(conditions), images)
        return pictures.tile(shown, columns=max(1, round((count / 3) ** 0.5)), padding=GAP)
    to_b, to_a = gan.translate(images, to="b"), gan.translate(conditions, to="a")
    of_a = pictures.strips(images, to_b, gan.translate(to_b, to="a"))
    of_b = pictures.strips(conditions, to_a, gan.translate(to_a, to="b"))
    channels = max(of_a.shape[-1], of_b.shape[-1])
    shown = np.stack([each.repeat(channels // each.shape[-1], axis=-1) for each in (of_a, of_b)], axis=1)
    return pictures.tile(shown.reshape(-1, *shown.shape[2:]), columns=2, padding=GAP)


def discriminator_inputs(gan: Any, images: np.ndarray, conditions: np.ndarray | None) -> list[np.ndarray]:
    """Returns what the discriminator gets of images and their conditions, as arrays: one or two of them."""
    if translates_both_ways(gan):
        return [np.concatenate([images, conditions], axis=-1)]
    return [images] if conditions is None or not gan.discriminates_by_condition else [images, conditions]
