"""The data of a run: images, and the conditions that the recipe asks for."""

import dataclasses
from typing import Any

import numpy as np

from kerasgan import conditions, datasets
from kerasgan.datasets import Batches, DatasetInfo
from kerasgan.runs import other_data, recipes
from kerasgan.runs.recipes import Recipe

VALUES = ("value_range", "unit")
"""Fields of the recipe about the values of the data."""
PICTURE_PAIRS = 24
"""Pairs that a picture of translations shows at most."""


def check(recipe: Recipe) -> None:
    """Checks that a recipe asks for one kind of condition.

    Raises:
        ValueError: if it asks for several.
    """
    asked = {name: getattr(recipe, name) for name in (*recipes.SOURCES, "conditions")}
    given = [f"{name}={value!r}" for name, value in asked.items() if value is not None]
    given += ["conditional=True"] if recipe.conditional else []
    if len(given) > 1:
        raise ValueError(
            f"A run has one kind of condition. Received: {', '.join(given)}. Leave out all but one: --set NAME=none"
        )
    ranged = [f"{name}={getattr(recipe, name)!r}" for name in VALUES if getattr(recipe, name) is not None]
    if ranged and (recipe.translates or recipe.kind == "sounds"):
        what = "sounds, which lie in [-1, 1]" if recipe.kind == "sounds" else "translations, which have pixels"
        raise ValueError(
            f"A range or a unit is not for {what}. Received: {', '.join(ranged)}. Leave it out: --set NAME=none"
        )


def labeled(recipe: Recipe, source: str | None = None) -> Any:
    """Returns what a classifier of a run's data is trained on: a name, a path, or a tuple of arrays.

    Args:
        recipe: the recipe of the run.
        source: the data, where it has two domains; None for those of `recipe.source`.

    Raises:
        ValueError: as `load` does.
    """
    if recipe.value_range is None:
        return source or recipe.source
    return load_arrays(recipe, None, "train")[:2]  # a classifier sees values as the run does


def load(recipe: Recipe, split: str, seed: int, **options: Any) -> tuple[Batches, DatasetInfo]:
    """Returns the batches of a recipe, and facts of its data.

    Args:
        recipe: the recipe.
        split: the split of the images.
        seed: whole number, of the order.
        options: other arguments of `kerasgan.datasets.load`, such as `skip_batches`.

    Raises:
        ValueError: as `kerasgan.datasets.load`, `load_pairs` and `load_unpaired` do.
    """
    check(recipe)
    if recipe.kind != "images":
        return other_data.load(recipe, split, seed, **options)
    options |= {"image_size": recipe.image_size, "split": split, "flip": recipe.flip, "seed": seed}
    if recipe.domain_b is not None:
        return datasets.load_unpaired(recipe.source, recipe.domain_b, recipe.batch_size, **options)
    if recipe.targets is not None or recipe.input_side is not None:
        side = recipe.input_side or "left"
        return datasets.load_pairs(recipe.source, recipe.targets, recipe.batch_size, input_side=side, **options)
    options |= {name: getattr(recipe, name) for name in ("conditions", "condition_from", *VALUES)}
    return datasets.load(recipe.source, recipe.batch_size, labels=recipe.conditional, **options)


def load_arrays(
    recipe: Recipe, n: int | None, split: str, seed: int = 0
) -> tuple[np.ndarray, np.ndarray | None, DatasetInfo]:
    """Returns images of a recipe's data, their conditions or labels or None, and facts of the data.

    Of two domains they are as many images of a and of b.

    Args:
        recipe, split: as for `load`.
        n: how many, or all where there are fewer; None for all.
        seed: whole number, of the choice.

    Raises:
        ValueError: as `load` does.
    """
    check(recipe)
    if recipe.kind != "images":
        return other_data.load_arrays(recipe, n, split, seed)
    options = {"image_size": recipe.image_size, "split": split, "seed": seed}
    if recipe.domain_b is not None:
        (a, _, info), (b, _, other) = (
            datasets.load_arrays(source, n, **options) for source in (recipe.source, recipe.domain_b)
        )
        count = min(len(a), len(b))
        facts = {"name": f"{info.name} and {other.name}", "condition": conditions.Image(b.shape[1:])}
        facts |= {"num_classes": None, "class_names": None}
        return a[:count], b[:count], dataclasses.replace(info, **facts)
    if recipe.targets is not None or recipe.input_side is not None:
        side = recipe.input_side or "left"
        return datasets.load_pair_arrays(recipe.source, recipe.targets, n, input_side=side, **options)
    options |= {name: getattr(recipe, name) for name in ("conditions", "condition_from", *VALUES)}
    return datasets.load_arrays(recipe.source, n, **options)


def held_out_split(recipe: Recipe) -> str:
    """Returns the split of the held-out images, or else of the training images."""
    training, held_out = recipes.splits(recipe)
    return held_out or training


def pairs(recipe: Recipe, n: int = PICTURE_PAIRS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns images and inputs for pictures of translations, held-out ones where there are some; of two domains both.

    Args:
        recipe: the recipe.
        n: how many, or all where there are fewer.
        seed: whole number, of the choice.

    Raises:
        ValueError: as `load` does.
    """
    images, inputs, _ = load_arrays(recipe, n, held_out_split(recipe), seed)
    return images, inputs
