"""The data of runs on signals, sounds and volumes."""

from typing import Any

import numpy as np

from kerasgan import datasets
from kerasgan.datasets import Batches, DatasetInfo
from kerasgan.datasets.load import arrays_of, batches_of, check_batch_size
from kerasgan.datasets.reading import Values
from kerasgan.datasets.signals import read_signals, signal_batches
from kerasgan.datasets.sounds import read_sounds
from kerasgan.datasets.volumes import read_volumes

SOUND = {"rate": 16_000, "length": 16_384}
"""What recipes of sounds without a rate or a length have."""

IMAGES_ALONE = ("flip", "image_size", "conditions", "bands")


def load(recipe: Any, split: str, seed: int, **options: Any) -> tuple[Batches, DatasetInfo]:
    """Returns the batches of a recipe whose kind is not "images", and facts of its data.

    Args:
        recipe: the `kerasgan.runs.recipes.Recipe`.
        split: the split of the data.
        seed: whole number, of the order.
        options: `passes` and `skip_batches`, as for `kerasgan.datasets.load`.

    Raises:
        ValueError: for settings that are for images alone, or as the loaders do.
    """
    data = _read(recipe, split)
    options = {"shuffle": True, "seed": seed, **options}
    if recipe.kind == "volumes":
        check_batch_size(recipe.batch_size, len(data.values), "volumes")
        _check_labels(recipe, data)
        return batches_of(data, recipe.batch_size, recipe.conditional, **options)
    return signal_batches(data, recipe.conditional, recipe.batch_size, **options)


def load_arrays(
    recipe: Any, n: int | None, split: str, seed: int = 0
) -> tuple[np.ndarray, np.ndarray | None, DatasetInfo]:
    """Returns signals, sounds or volumes in [-1, 1], their labels or None, and facts: see `kerasgan.runs.data`."""
    return arrays_of(_read(recipe, split), n, seed)


def _read(recipe, split):
    _check(recipe)
    if recipe.kind == "sounds":
        given = {name: value for name in SOUND if (value := getattr(recipe, name)) is not None}
        return read_sounds(recipe.source, **(SOUND | given), channels=1, split=split)
    source = datasets.array_of_file(recipe.source)
    if recipe.kind == "volumes":
        return read_volumes(source, Values(None, recipe.value_range, recipe.unit), split)
    return read_signals(source, recipe.length, recipe.value_range, recipe.unit, split)


def _check(recipe):
    """Checks that a recipe has no setting that is for images alone, or for another kind."""
    given = [name for name in IMAGES_ALONE if getattr(recipe, name) not in (None, False)]
    given += [name for name in ("targets", "input_side", "condition_from", "domain_b") if getattr(recipe, name)]
    given += ["rate"] if recipe.rate is not None and recipe.kind != "sounds" else []
    given += ["length"] if recipe.length is not None and recipe.kind == "volumes" else []
    if recipe.augment is not None:
        given.append("augment")
    if given:
        named = ", ".join(f"{name}={getattr(recipe, name)!r}" for name in given)
        raise ValueError(
            f"These settings are not for {recipe.kind}. Received: {named}. Leave them out: --set {given[0]}="
            f"{'false' if given[0] == 'flip' else 'none'}"
        )


def _check_labels(recipe, data):
    if recipe.conditional and data.labels is None:
        raise ValueError(
            f"A conditional GAN needs labels. Received: volumes from {data.name!r}, which have none. Put the files "
            "into a sub-folder for each class, or leave --conditional out."
        )
