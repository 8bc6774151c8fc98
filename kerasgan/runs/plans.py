"""The plan of a run: its recipe, seed and options, from a user's arguments or an earlier run's settings."""

import dataclasses
import os
import pathlib
import warnings
from typing import Any

from kerasgan import datasets
from kerasgan.callbacks import guard as guard_callback
from kerasgan.datasets import reading
from kerasgan.runs import kinds, overrides, photo_settings, recipes

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
            content of a `settings.json`, whole or with `{"recipe": {"base": name, ...}}`; or both, where the second is
            laid over the first, whose data are taken.
        changes: fields of the recipe with their new values, as `kerasgan.runs.overrides.change` takes them. For a
            folder or a named set of photos, fields that are neither here nor in the settings are fitted to it
            (`kerasgan.runs.photo_settings`).
        seed: whole number, or None for the seed in the settings, or else 0.
        deterministic: True, or False to follow the settings.
        guard: one of `GUARDS`; None for the guard in the settings, or else "warn".

    Raises:
        ValueError: for settings that no recipe has, or a recipe that needs a folder without one.
    """
    facts = _facts(settings)
    name, recipe = _name_and_recipe(settings, facts)
    recipe = overrides.change(recipe, changes)
    sources = {name: datasets.absolute_source(getattr(recipe, name)) for name in ("source", "targets", "domain_b")}
    if recipe.conditions is not None:
        sources["conditions"] = os.path.abspath(os.path.expanduser(recipe.conditions))
    recipe = dataclasses.replace(recipe, **sources)
    if recipe.kind != "images":
        num = max(1, round((1 - recipe.held_out) * kinds.count(recipe.source, recipe.kind)))
        recipe = kinds.fitted(recipe, num, {*changes, *settings.get("recipe", ())}) if "what" in settings else recipe
    elif "what" in settings:
        recipe = _fitted(recipe, str(settings["what"]), facts, {*changes, *settings.get("recipe", ())})
    seed = settings.get("seed", 0) if seed is None else seed
    if type(seed) is not int or not 0 <= seed < 2**31:
        raise ValueError(f"The seed must be a whole number of at least 0 and below 2**31. Received: seed={seed!r}.")
    guard = settings.get("guard", "warn") if guard is None else guard
    if guard not in GUARDS:
        raise ValueError(f"The guard must be one of {GUARDS}. Received: guard={str(guard)[:80]!r}.")
    return Plan(name, recipe, seed, deterministic or settings.get("deterministic") is True, guard)


def _facts(settings):
    """Returns the shape and number of the images of a set of TensorFlow Datasets; None for other data."""
    what = str(settings["what"]) if "what" in settings else None
    return None if what is None or what in recipes.RECIPES or _is_path(what) else datasets.facts_of_set(what)


def _fitted(recipe, what, facts, given):
    """Returns a recipe for images with the settings that follow from the data and the machine, but for those given."""
    if not _has_own_data(what) and kinds.is_counted(recipe.source, recipe.kind):
        return photo_settings.fitted(recipe, _num_trained(recipe), given)
    if recipe.translates:  # of a named set nobody knows whether left and right differ
        return recipe if "flip" in given else dataclasses.replace(recipe, flip=False)
    if facts is not None and photo_settings.are_photos(facts[0]):
        return photo_settings.fitted(recipe, facts[1], given)
    return recipe if "precision" in given else photo_settings.with_precision(recipe)


def _name_and_recipe(settings, facts):
    """Returns a run's name and recipe: of the settings, of a name or folder, or the settings laid over the latter."""
    if not {"recipe", "what"} & set(settings):
        raise ValueError(
            f"The settings must hold a recipe, as every run's do. Received: {_names(settings)}. For example: "
            '{"recipe": {"base": "photos", "image_size": 32}}.'
        )
    name, base = _recipe_for(str(settings["what"]), facts) if "what" in settings else (settings.get("name"), None)
    if "recipe" not in settings:
        return name, base
    fields = settings["recipe"]
    is_named = isinstance(fields, dict) and fields.get("base") == photo_settings.RECIPE
    if is_named and facts is not None and photo_settings.are_photos(facts[0]):
        fields = {name: value for name, value in fields.items() if name != "base"}  # `base` is it, in the set's size
    recipe = _recipe_from(fields, base)
    if base is not None and base.source is not None:
        recipe = dataclasses.replace(recipe, source=base.source)
    if recipe.source is None:
        raise ValueError(
            f"The recipe {recipe.title[:100]!r} needs a folder. Received: source=None. Run: kerasgan train FOLDER "
            "--settings FILE"
        )
    return str(name or settings["recipe"].get("base") or "run"), recipe


def _recipe_for(what, facts):
    """Returns the name and the recipe for a recipe's name, a folder or an image set of TensorFlow Datasets."""
    if what in recipes.RECIPES:
        recipe = recipes.get(what)
        is_folder = os.path.isdir(what)
        if recipe.source is None and not is_folder:
            way_out = {"pix2pix": "--pairs INPUTS TARGETS", "cyclegan": "--domains A B"}.get(what, "FOLDER")
            raise ValueError(
                f"The recipe {what!r} needs a folder. Received: its name alone. Run: kerasgan train {way_out}"
            )
        if recipe.source is not None:
            if is_folder and datasets.absolute_source(recipe.source) != recipe.source:
                raise ValueError(
                    f"The name of a recipe is that of its data, too. Received: {what}, which is also a folder here. "
                    f"For the folder: kerasgan train ./{what}; for the recipe: start from another folder."
                )
            if is_folder:
                warnings.warn(
                    f"A name is taken for a recipe first. Received: {what}, which is also a folder here. For the "
                    f"folder: kerasgan train ./{what}",
                    stacklevel=4,
                )
            return what, recipe
    if _is_path(what):
        recipe = recipes.get(kinds.RECIPES[kinds.of_source(what)])
        return pathlib.Path(os.path.abspath(what)).name, dataclasses.replace(recipe, source=what)
    return what, photo_settings.of_set(what, facts[0])


def _is_path(what):
    return os.path.exists(what) or reading.must_be_path(what)


def _has_own_data(what):
    """Returns whether this is the name of a recipe with data of its own."""
    return what in recipes.RECIPES and recipes.get(what).source is not None


def _num_trained(recipe):
    """Returns how many images of a folder or file are trained on, those included that cannot be read."""
    sources = [each for each in (recipe.source, recipe.domain_b) if each is not None]
    counts = [kinds.count(each, recipe.kind) for each in sources if kinds.is_counted(each, recipe.kind)]
    return max(1, round((1 - recipe.held_out) * max(counts)))


def _names(fields):
    """Returns the first names of a JSON object from a file, as text of a bounded length."""
    return str(sorted(fields)[:20])[:400]


def _recipe_from(fields, base):
    if not isinstance(fields, dict):
        raise ValueError(f"The recipe in the settings must be a JSON object. Received: recipe={str(fields)[:200]!r}.")
    return overrides.from_settings(fields, base)
