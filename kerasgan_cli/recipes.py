"""The recipes of `kerasgan train`, read from their files without importing the package."""

import importlib.util
import pathlib
import re

from .text import near


def print_recipes() -> None:
    """Prints the name and the title of each recipe, from the file that `kerasgan.runs.recipes` reads."""
    titles = {name: fields["title"] for name, fields in _recipes().items()}
    width = max(map(len, titles))
    for name, title in titles.items():
        print(f"{name:<{width}}  {title}")


def print_recipe(name: str) -> None:
    """Prints all settings of a recipe: the value of each field and its meaning.

    Raises:
        ValueError: if there is no recipe of that name.
    """
    recipes = _recipes()
    if name not in recipes:
        hint = near(name, list(recipes)) or f"Known: {', '.join(recipes)}."
        raise ValueError(f"There is no recipe of that name. Received: {name!r}. {hint}")
    fields = {field: (recipes[name].get(field, default), text) for field, (default, text) in _recipe_fields().items()}
    title, _ = fields.pop("title")
    lines = {f"{field} = {_toml(value)}": text for field, (value, text) in fields.items()}
    width = max(map(len, lines))
    print(f"{name}: {title}\n")
    for line, text in lines.items():
        print(f"{line:<{width}}  {text}")
    data = {"pix2pix": "--pairs INPUTS TARGETS", "cyclegan": "--domains A B"}.get(name)
    data = data or (name if fields["source"][0] is not None else "DATA")
    print(f"\nChange them: kerasgan train {data} --set epochs=20 --set network_options.width=64")


def _recipes():
    import tomllib

    return tomllib.loads((_runs_folder() / "recipes.toml").read_text(encoding="utf-8"))


def _recipe_fields():
    """Returns the default and the meaning of each field of a recipe, from the text of `kerasgan.runs.recipes`."""
    import ast

    module = ast.parse((_runs_folder() / "recipes.py").read_text(encoding="utf-8"))
    recipe = next(each for each in module.body if isinstance(each, ast.ClassDef) and each.name == "Recipe")
    text = re.search(r"Args:\n(.*?)\n\n", ast.get_docstring(recipe), re.DOTALL)[1]
    meanings = re.findall(r"^    (\w[\w, ]*): (.*(?:\n        .*)*)", text, re.MULTILINE)
    said = {name: " ".join(meaning.split()) for names, meaning in meanings for name in names.split(", ")}
    assigned = [each for each in recipe.body if isinstance(each, ast.AnnAssign)]
    return {each.target.id: (_default(each.value), said[each.target.id]) for each in assigned}


def _default(node):
    """Returns the default of a field; None for one without, and an empty dict for one that a function makes."""
    import ast

    if isinstance(node, ast.Call):
        return {}
    return None if node is None else ast.literal_eval(node)


def _toml(value):
    """Returns a value as it is written after `--set field=`."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value}"


def _runs_folder():
    package = importlib.util.find_spec("kerasgan")  # finds it without importing it
    return pathlib.Path(package.submodule_search_locations[0], "runs")
