"""Changes to recipes, from texts and from partial settings."""

import dataclasses

import pytest

from kerasgan.runs import overrides, recipes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("epochs=20", {"epochs": 20}),
        ("learning_rate = 2e-4", {"learning_rate": 2e-4}),
        ("flip=true", {"flip": True}),
        ("gamma=none", {"gamma": None}),
        ("objective=hinge", {"objective": "hinge"}),
        ('objective="hinge"', {"objective": "hinge"}),
        ("source=/photos/of=me", {"source": "/photos/of=me"}),
        ("network_options.width=64", {"network_options": {"width": 64}}),
        ("network_options={width = 64}", {"network_options": {"width": 64}}),
    ],
)
def test_values_are_read_as_toml(text, expected):
    changes = overrides.assignments([text])
    assert changes == expected and all(type(changes[name]) is type(value) for name, value in expected.items())


def test_options_of_the_network_are_laid_over():
    recipe = overrides.change(recipes.get("digits"), overrides.assignments(["network_options.width=64", "epochs=3"]))
    assert recipe == dataclasses.replace(recipes.get("digits"), network_options={"width": 64, "depth": 2}, epochs=3)


def test_another_network_drops_options_that_it_does_not_have():
    resnet = overrides.change(recipes.get("digits"), {"network": "resnet", "network_options": {"norm": None}})
    assert resnet.network_options == {"width": 32, "depth": 2, "norm": None}
    assert overrides.change(resnet, {"network": "mlp"}).network_options == {"width": 32, "depth": 2}


def test_another_network_has_its_own_norm():
    """That of the recipe is one that the other does not have, and that nobody has asked for."""
    resnet = overrides.change(recipes.get("photos"), {"network": "resnet"})
    assert resnet.network_options == {"width": 256}
    options = overrides.change(recipes.get("photos"), {"network": "resnet", "network_options": {"norm": None}})
    assert options.network_options == {"width": 256, "norm": None}


def test_every_field_can_be_set():
    for field in dataclasses.fields(recipes.Recipe):
        value = getattr(recipes.get("mnist"), field.name)
        assert getattr(overrides.change(recipes.get("digits"), {field.name: value}), field.name) in (
            value,
            recipes.get("digits").network_options | value if isinstance(value, dict) else value,
        )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("epochs", ["field=value", "--set epochs"]),
        ("=3", ["field=value", "--set =3"]),
        ("epoch=3", ["setting='epoch'", "Did you mean 'epochs'?"]),
        ("epochs.x=3", ["network_options", "--set epochs.x=3"]),
        ("network_options.=3", ["field=value"]),
        ("width=8", ["option of the networks", "Received: width", "--set network_options.width="]),
        ("depth=2", ["--set network_options.depth="]),
    ],
)
def test_texts_that_are_refused(text, parts):
    with pytest.raises(ValueError) as error:
        overrides.assignments([text])
    assert all(part in str(error.value) for part in parts)


@pytest.mark.parametrize("value", [0, -3, 2.5, "many", True])
def test_values_that_are_refused(value):
    with pytest.raises(ValueError, match="'epochs' must be a positive whole number"):
        overrides.change(recipes.get("digits"), {"epochs": value})


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("learning_rate", -1.0, "a positive number, at most 2147483648"),
        ("beta_1", -0.1, "a number from 0 to 1"),
        ("gamma", "much", "a positive number, at most 2147483648 or none"),
        ("flip", 1, "true or false"),
        ("network_options", 3, "a table such as {width = 64}"),
        ("source", 3, "a text or none"),
    ],
)
def test_the_rule_of_a_value_is_said_in_words(field, value, rule):
    with pytest.raises(ValueError) as error:
        overrides.change(recipes.get("digits"), {field: value})
    assert f"{field!r} must be {rule}" in str(error.value) and f" Received: {field}={value!r}." in str(error.value)
    assert "kerasgan recipes" in str(error.value)


def test_settings_over_a_base():
    recipe = overrides.from_settings({"base": "photos", "image_size": 32, "source": "folder"})
    assert recipe == dataclasses.replace(recipes.get("photos"), image_size=32, source="folder")


def test_a_whole_recipe_has_its_own_network_options_over_a_base():
    """Those of an older version, in which the base had fewer."""
    older = dataclasses.replace(recipes.get("photos"), network_options={"width": 64})
    assert overrides.from_settings(dataclasses.asdict(older), recipes.get("photos")) == older
    partly = overrides.from_settings({"network_options": {"width": 64}}, recipes.get("photos"))
    assert partly.network_options == recipes.get("photos").network_options | {"width": 64}


def test_complete_settings_need_no_base():
    recipe = recipes.get("mnist")
    assert overrides.from_settings(dataclasses.asdict(recipe)) == recipe


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"image_size": 32}, ["must be complete", "without title and source", '"base": "photos"']),
        ({"base": "fotos"}, ["recipe='fotos'", "Did you mean 'photos'?"]),
        ({"base": "photos", "size": 32}, ["setting='size'"]),
        ({"base": 3}, ["must be the name of a recipe", "base=3"]),
        ({"base": "photos", "network_options": 3}, ["network_options"]),
    ],
)
def test_settings_that_are_refused(fields, parts):
    with pytest.raises(ValueError) as error:
        overrides.from_settings(fields)
    assert all(part in str(error.value) for part in parts)
