"""The plan of a run: its recipe, seed and options, from a user's arguments or an earlier run's settings."""

import dataclasses
import os
import pathlib
from typing import Any

from kerasgan import datasets
from kerasgan.callbacks import guard as guard_callback
from kerasgan.runs import recipes
from kerasgan.validation import errors

GUARDS: tuple[str, ...] = ("off", *guard_callback.POLICIES)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The plan of a run.

    Args:
        name: the end of the folder's name.
        recipe: the recipe, with its source; the path of a folder is absolute.
        seed: seed of weights, latents and data order.
        deterministic: whether the same run gives the same weights, bit for bit.
        guard: one of `GUARDS`: what to do when training fails.
    """

    name: str
    recipe: recipes.Recipe
    seed: int
    deterministic: bool
    guard: str


def make_plan(
    settings: dict[str, Any], changes: dict[str, Any], seed: int | None, deterministic: bool, guard: str | None = None
) -> Plan:
    """Returns the plan of a new run, or of a run with the settings of an earlier one.

    Args:
        settings: `{"what": name}` with a recipe's name, a folder of photos, or a name in TensorFlow Datasets; or the
            whole content of a `settings.json`.
        changes: fields of the recipe with their new values; None leaves a field as it is.
        seed: whole number, or None for the seed in the settings, or else 0.
        deterministic: True, or False to follow the settings.
        guard: one of `GUARDS`; None for the guard in the settings, or else "warn".

    Raises:
        ValueError: for settings that no recipe has, or a recipe that needs a folder without one.
    """
    if not {"recipe", "what"} & set(settings):
        raise ValueError(f"The settings must hold a recipe, as every run's do. Received: {_names(settings)}.")
    if "recipe" in settings:
        name, recipe = str(settings.get("name", "run")), _recipe_from(settings["recipe"])
    else:
        name, recipe = _recipe_for(str(settings["what"]))
    recipe = dataclasses.replace(recipe, **{field: value for field, value in changes.items() if value is not None})
    recipe = dataclasses.replace(recipe, source=datasets.absolute_source(recipe.source))
    seed = settings.get("seed", 0) if seed is None else seed
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise ValueError(f"The seed must be a whole number of at least 0 and below 2**31. Received: seed={seed!r}.")
    guard = settings.get("guard", "warn") if guard is None else guard
    if guard not in GUARDS:
        raise ValueError(f"The guard must be one of {GUARDS}. Received: guard={str(guard)[:80]!r}.")
    return Plan(name, recipe, seed, deterministic or settings.get("deterministic") is True, guard)


def _recipe_for(what):
    """Returns the name and the recipe for a recipe's name, a folder or an image set of TensorFlow Datasets."""
    if what in recipes.RECIPES:
        recipe = recipes.get(what)
        if recipe.source is None:
            raise ValueError(
                f"The recipe {what!r} needs a folder. Received: its name alone. Run: kerasgan train FOLDER"
            )
        return what, recipe
    if os.path.exists(what) or pathlib.Path(what).parent != pathlib.Path("."):
        return pathlib.Path(os.path.abspath(what)).name, dataclasses.replace(recipes.get("photos"), source=what)
    return what, dataclasses.replace(recipes.get("mnist"), source=what)


def _names(fields):
    """Returns the first names of a JSON object from a file, as text of a bounded length."""
    return str(sorted(fields)[:20])[:400]


def _recipe_from(fields):
    if not isinstance(fields, dict):
        raise ValueError(f"The recipe in the settings must be a JSON object. Received: recipe={str(fields)[:200]!r}.")
    known = {field.name for field in dataclasses.fields(recipes.Recipe)}
    for name in fields:
        if name not in known:
            raise errors.unknown_name("setting", name, known)
    if not {"title", "source"} <= set(fields):
        raise ValueError(f"The recipe in the settings must have a title and a source. Received: {_names(fields)}.")
    return recipes.Recipe(**fields)
