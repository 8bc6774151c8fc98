"""Changes to the settings of a recipe: `--set field=value`, and settings files that name only some fields."""

import dataclasses
import inspect
import tomllib
from collections.abc import Sequence
from typing import Any

from kerasgan import networks
from kerasgan.runs import recipes
from kerasgan.validation import errors

FIELDS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(recipes.Recipe))
NETWORK_OPTIONS: frozenset[str] = frozenset(
    name for network in recipes.NETWORKS for name in inspect.signature(getattr(networks, network)).parameters
) - set(recipes.GIVEN)
OF_ONE_NETWORK = {"norm"}
"""Options of several networks that do not take the same values."""


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """Returns the changes that texts such as `"epochs=20"` and `"network_options.width=64"` stand for.

    A value is read as TOML: `20`, `2e-4`, `true`, `"text"`, `{width = 64}`. What is no TOML is a text as it stands, and
    `none` is None.

    Args:
        texts: the arguments of `--set`.

    Returns:
        A dict from fields of `kerasgan.runs.recipes.Recipe` to values, for `change`.

    Raises:
        ValueError: if a text is no `field=value`, or a field does not exist; the nearest is suggested.

    Example:
        >>> assignments(["epochs=20", "network_options.width=64", "objective=hinge"])
        {'epochs': 20, 'network_options': {'width': 64}, 'objective': 'hinge'}
    """
    changes: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        field, dot, option = name.strip().partition(".")
        if not equals or not field or (dot and not option):
            raise ValueError(
                f"A setting is changed by field=value. Received: --set {text}. For example: --set epochs=20, or --set "
                "network_options.width=64. The fields: kerasgan recipes digits"
            )
        _check_field(field)
        if not dot:
            changes[field] = _value(value)
        elif field == "network_options":
            changes.setdefault(field, {})[option] = _value(value)
        else:
            raise ValueError(
                f"Only network_options has fields of its own. Received: --set {text}. For example: --set "
                "network_options.width=64"
            )
    return changes


def change(recipe: recipes.Recipe, changes: dict[str, Any]) -> recipes.Recipe:
    """Returns a recipe with some fields changed.

    `network_options` are laid over those of the recipe. With another `network`, options that it does not have are
    dropped, and so is the norm, of which each network has other kinds.

    Args:
        recipe: the `kerasgan.runs.recipes.Recipe` to start from.
        changes: fields and their new values.

    Raises:
        ValueError: for a field that does not exist, or a value that is out of range.
    """
    for name in changes:
        _check_field(name)
    changes = dict(changes)
    network, options = changes.get("network", recipe.network), dict(recipe.network_options)
    if network != recipe.network and network in recipes.NETWORKS:
        known = inspect.signature(getattr(networks, network)).parameters.keys() - OF_ONE_NETWORK
        options = {name: value for name, value in options.items() if name in known}
    given = changes.get("network_options", {})
    changes["network_options"] = options | given if isinstance(given, dict) else given
    return dataclasses.replace(recipe, **changes)


def from_settings(fields: dict[str, Any], default: recipes.Recipe | None = None) -> recipes.Recipe:
    """Returns the recipe in a settings file: all fields of one, or some over a named recipe.

    Args:
        fields: fields of a `kerasgan.runs.recipes.Recipe`. With `"base"`, the name of a recipe, the others are laid
            over it; the `network_options` of a whole recipe, which has a title, take the place of the base's.
        default: the recipe to lay the fields over where there is no `"base"`; None where a file must be complete.

    Raises:
        ValueError: for an unknown recipe or field, or a file without a base that is not complete.
    """
    fields = dict(fields)
    base = fields.pop("base", None)
    if base is not None:
        if not isinstance(base, str):
            raise ValueError(f"The base must be the name of a recipe. Received: base={str(base)[:100]}.")
        default = recipes.get(base)
    if default is not None:
        whole = "title" in fields and "network_options" in fields
        return change(dataclasses.replace(default, network_options={}) if whole else default, fields)
    for name in fields:
        _check_field(name)
    missing = [name for name in ("title", "source") if name not in fields]
    if missing:
        raise ValueError(
            f"Settings without a base must be complete. Received: a recipe without {' and '.join(missing)}. Name the "
            'recipe that the rest comes from: {"recipe": {"base": "photos", ...}}; kerasgan recipes lists them.'
        )
    return recipes.Recipe(**fields)


def _check_field(name):
    if name not in FIELDS and name in NETWORK_OPTIONS:
        raise ValueError(
            f"There is no setting of that name: it is an option of the networks. Received: {name}. Change it with "
            f'--set network_options.{name}=VALUE, or in a file with {{"network_options": {{"{name}": VALUE}}}}.'
        )
    if name not in FIELDS:
        raise errors.unknown_name("setting", name, FIELDS)


def _value(text):
    text = text.strip()
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
