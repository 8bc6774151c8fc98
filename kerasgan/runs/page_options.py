"""What a page says about the run that it shows, from the run's settings."""

import os
import re
from typing import Any

from kerasgan.runs import run_folder

LONGEST_TEXT = 100
ABBREVIATIONS = re.compile(r"\b(?:[ek]?mnist|cifar\d*|svhn)\b")
"""Names of data sets that are written in capitals."""


def of_run(run: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the options of `kerasgan.export.html.write` that a run's settings hold; what they lack is left out.

    Raises:
        ValueError: if the folder has no readable settings.
    """
    settings = run_folder.read_settings(run)
    data = settings.get("dataset")
    data = data if isinstance(data, dict) else {}
    name = _text(settings.get("name")) or _text(data.get("name"))
    count, names, classes = data.get("num_images"), data.get("class_names"), data.get("num_classes")
    found = {}
    if name:
        name = ABBREVIATIONS.sub(lambda each: each[0].upper(), name.replace("_", " "))
        found["title"] = name[:1].upper() + name[1:]
        found["data"] = f"{count:,} images of {name}" if isinstance(count, int) else name
    recipe = settings.get("recipe")
    if isinstance(recipe, dict) and recipe.get("conditional") and isinstance(names, list) and len(names) == classes:
        found["class_names"] = [_text(each) for each in names]
    return found


def _text(value):
    return str(value)[:LONGEST_TEXT] if isinstance(value, str | int) else ""
