"""Words that new users did not understand stay away, and every setting of a recipe has a line of meaning."""

import dataclasses
import json
import pathlib
import re

import pytest

from kerasgan.runs import recipes

ROOT = pathlib.Path(__file__).resolve().parents[2]
READ_BY_USERS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(ROOT / "kerasgan_cli").glob("*.py"),
    *(path for end in ("md", "ipynb") for path in (ROOT / "docs").rglob(f"*.{end}")),
    *(path for end in ("py", "toml") for path in (ROOT / "kerasgan").rglob(f"*.{end}")),
    *(path for folder in ("examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")),
]
NOT_UNDERSTOOD = (
    "half the digits",
    "steps a call",
    "as planned",
    "whole game",
    "order of play",
    "the house",
    "lower floors",
    "floors of the package",
    "at the doors",
    "discriminator proves",
)


def words(path):
    text = path.read_text()
    if path.suffix == ".ipynb":
        text = " ".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
    return " ".join(text.split()).lower()


@pytest.mark.parametrize("phrase", NOT_UNDERSTOOD)
def test_a_phrase_that_was_not_understood_is_gone(phrase):
    assert len(READ_BY_USERS) > 100
    assert not [path.name for path in READ_BY_USERS if re.search(rf"\b{phrase}\b", words(path))]


def test_every_setting_of_a_recipe_has_a_line_on_the_page():
    section = (ROOT / "docs" / "choices.md").read_text().partition("## Settings of a recipe")[2]
    rows = dict(re.findall(r"^\| (`[^|]+`) \| ([^|]{20,}) \|$", section, re.MULTILINE))
    named = [name for cell in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(field.name for field in dataclasses.fields(recipes.Recipe))


@pytest.mark.parametrize("name", ["passes_per_epoch", "gamma", "decay_to"])
def test_the_file_of_recipes_says_what_it_means(name):
    comments = re.findall(r"^#.*", (ROOT / "kerasgan" / "runs" / "recipes.toml").read_text(), re.MULTILINE)
    assert f"`{name}`" in " ".join(comments)


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_examples_say_what_passes_per_epoch_are(path):
    lines = path.read_text().splitlines()
    assert not any("passes_per_epoch" in line for line in lines) or any(
        "#" in line and "passes" in line.partition("#")[2] for line in lines
    )
