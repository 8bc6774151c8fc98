"""All that `compile` takes by name is covered: by each table of cases, and by the pages that list it.

What is added to `kerasgan.objectives`, `penalties`, `updates` or `augment` and is missing somewhere fails here.
"""

import pathlib
import re
import sys

import pytest

import kerasgan

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "backend"))

import engine_cases  # noqa: E402
import matrix  # noqa: E402
import replica_cases  # noqa: E402
import test_objectives  # noqa: E402

NAMES = {
    "objective": kerasgan.objectives.OBJECTIVES,
    "penalties": kerasgan.penalties.PENALTIES,
    "updates": kerasgan.updates.UPDATES,
    "augment": kerasgan.augment.AUGMENTATIONS,
}
CHOICES = [pytest.param(kind, name, id=f"{kind} {name}") for kind, names in NAMES.items() for name in names]


def parts(values):
    """Returns the classes of some values, and of the values in tuples and lists among them."""
    found = set()
    for value in values:
        found |= parts(value) if isinstance(value, tuple | list) else {type(value)}
    return found


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_both_engines_are_compared_with_it(kind, name):
    get = {"objective": kerasgan.objectives.get, "augment": kerasgan.augment.get}.get(kind, lambda value: value)
    default = {"objective": "non_saturating", "updates": kerasgan.updates.Alternating(), "penalties": ()}.get(kind)
    cases = [options.get(kind, default) for _, _, options in engine_cases.cases().values()]
    assert NAMES[kind][name] in parts([get(each) for each in cases])


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_replicas_are_compared_with_it(kind, name):
    tables = {
        "objective": replica_cases.OBJECTIVES,
        "penalties": replica_cases.PENALTIES,
        "updates": replica_cases.UPDATES,
        "augment": replica_cases.AUGMENTATIONS,
    }
    assert NAMES[kind][name] in parts(tables[kind].values())


@pytest.mark.parametrize(("kind", "name"), [each for each in CHOICES if each.values[0] != "augment"])
def test_it_is_combined_with_all_others(kind, name):
    choices = matrix.DIMENSIONS[kind]
    assert name in choices or NAMES[kind][name] in parts(matrix.PENALTIES[each] for each in choices)


@pytest.mark.parametrize("name", kerasgan.objectives.OBJECTIVES)
def test_an_objective_has_losses_and_gradients_worked_by_hand(name):
    (mark,) = test_objectives.test_hand_worked_values_and_gradients.pytestmark
    by_hand = {type(objective) for objective, *_ in mark.args[1]}
    assert kerasgan.objectives.OBJECTIVES[name] in by_hand


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_the_page_of_choices_has_it(kind, name):
    page = (HERE.parent / "docs" / "choices.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{kind}` |")]
    assert f"`{name}`" in row


@pytest.mark.parametrize(("kind", "name"), CHOICES)
def test_its_papers_are_on_the_page_of_citing(kind, name):
    papers = re.findall(r"arXiv:[\d.]+\d", NAMES[kind][name].__doc__.partition("Reference:")[2])
    page = (HERE.parent / "docs" / "citing.md").read_text()
    assert papers and not [paper for paper in papers if paper not in page]
