"""The tables of equilibria hold for the code, for each objective that there is."""

import pathlib
import re

import keras
import numpy as np
import pytest

from kerasgan import objectives, theory

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
CONSTANTS = np.linspace(-3, 3, 1201)
OBJECTIVES = pytest.mark.parametrize("name", objectives.OBJECTIVES)


def rows(page, heading):
    """Returns the rows of the table with a heading, a dict of the first cell to the others."""
    lines = (DOCS / page).read_text().partition(heading)[2].splitlines()[2:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table]
    return {first.strip("`"): others for first, *others in cells}


EQUILIBRIA = rows("curves.md", "| objective | `d_loss` | `g_loss` |")
EXTREMES = rows("curves.md", "| objective | the discriminator wins |")
FORMULAS = rows("theory.md", "| objective | $L_D$ |")


def losses(objective, real, fake):
    """Returns both losses and both logged outputs at some logits, float64."""
    real, fake = (np.asarray(logits, "float32") for logits in (real, fake))
    found = objective.d_loss(real, fake), objective.g_loss(real, fake), *objective.outputs(real, fake)
    return [keras.ops.convert_to_numpy(each).astype("float64") for each in found]


def best_constants(objective):
    """Returns the answers of a discriminator that cannot tell, and both losses and outputs at these."""
    found = losses(objective, CONSTANTS, CONSTANTS)
    best = np.flatnonzero(found[0] < found[0].min() + 1e-6)
    return [CONSTANTS[best], *(each[best] for each in found)]


def value(cell):
    """Returns the number of a cell such as "2 log 2 = 1.386", whose two sides are the same number."""
    formula, _, number = cell.partition(" = ")
    whole = re.fullmatch(r"(-?)(\d*) ?(log 2)?(?:/(\d+))?", formula)
    sign, factor, logarithm, divisor = whole.groups()
    exact = (-1 if sign else 1) * float(factor or 1) * (np.log(2) if logarithm else 1) / float(divisor or 1)
    assert round(exact, 3) == float(number), cell
    return exact


def test_every_objective_has_its_row_and_no_other():
    for table in (EQUILIBRIA, EXTREMES, FORMULAS):
        assert list(table) == list(objectives.OBJECTIVES)


@OBJECTIVES
def test_the_losses_at_equilibrium(name):
    objective = objectives.get(name)
    _, d_loss, g_loss, *_ = best_constants(objective)
    for cell, values in zip(EQUILIBRIA[name], (d_loss, g_loss), strict=False):
        if cell == "any":
            assert np.ptp(values) > 0.5
        else:
            assert np.allclose(values, value(cell), atol=1e-5), cell
    total = EQUILIBRIA[name][2]
    assert (total != "not logged") == objective.has_total_loss
    if objective.has_total_loss:
        assert value(total) == pytest.approx(value(EQUILIBRIA[name][0]) + value(EQUILIBRIA[name][1]))


@OBJECTIVES
def test_the_outputs_at_equilibrium(name):
    constants, *_, real, fake = best_constants(objectives.get(name))
    assert np.allclose(real, fake)
    cell = EQUILIBRIA[name][3]
    if cell == "1/2, 1/2":
        assert np.allclose(real, 0.5, atol=2e-3)
    elif cell == "equal, in [-1, 1]":
        assert np.allclose([real.min(), real.max()], [-1, 1]) and np.allclose(real, constants)
    else:
        assert cell == "equal" and np.allclose([real.min(), real.max()], [-3, 3])


def test_they_are_those_of_the_theory():
    assert value(EQUILIBRIA["non_saturating"][0]) == pytest.approx(theory.EQUILIBRIUM_DISCRIMINATOR_LOSS)
    assert value(EQUILIBRIA["non_saturating"][1]) == pytest.approx(theory.EQUILIBRIUM_GENERATOR_LOSS)
    assert value(EQUILIBRIA["non_saturating"][2]) == pytest.approx(theory.EQUILIBRIUM_TOTAL_LOSS)
    assert value(EQUILIBRIA["minimax"][0]) == pytest.approx(-theory.EQUILIBRIUM_VALUE)


@OBJECTIVES
@pytest.mark.parametrize("column", [0, 1], ids=["wins", "is fooled"])
def test_a_discriminator_that_is_right_or_wrong(name, column):
    """Logits far on the right, or the wrong, side of the answer of one that cannot tell."""
    objective = objectives.get(name)
    if name == "least_squares":
        real, fake = ([1.0], [0.0])[:: 1 - 2 * column]
    else:
        real, fake = ([5.0], [-5.0])[:: 1 - 2 * column]
    found = dict(zip(("d_loss", "g_loss", "d_real", "d_fake"), losses(objective, real, fake), strict=True))
    said = re.findall(r"`(\w+)` (near|far below|above|below) (`\w+`|[-\d/]+)", EXTREMES[name][column])
    assert said and {log for log, *_ in said} <= set(found)
    for log, relation, cell in said:
        bound = found[cell.strip("`")] if "`" in cell else float(eval(cell))
        holds = {
            "near": abs(found[log] - bound) < 0.02,
            "above": found[log] > bound,
            "below": found[log] < bound,
            "far below": found[log] < bound - 5,
        }
        assert holds[relation], (log, relation, cell, found[log])


def evaluated(formula, real, fake):
    """Returns the values of a formula of the page, with r and f the logits of a real and of a generated image."""
    names = {"softplus": theory.softplus, "sigma": theory.sigmoid, "max": np.maximum, "r": real, "f": fake}
    words = {
        r"\tfrac{1}{2}": "0.5 *",
        r"\mathrm{softplus}": "softplus",
        r"\max": "max",
        r"\sigma": "sigma",
        "^2": "**2",
    }
    text = formula.strip("$")
    for each, in_python in words.items():
        text = text.replace(each, in_python)
    return eval(text, {"__builtins__": {}}, names)


@OBJECTIVES
def test_the_formulas_are_those_of_the_code(name):
    real, fake = np.random.default_rng(0).normal(size=(2, 50)) * 3
    for formula, expected in zip(FORMULAS[name][:2], losses(objectives.get(name), real, fake), strict=False):
        assert np.allclose(evaluated(formula, real, fake), expected, atol=1e-4), formula


@OBJECTIVES
def test_the_gradients_are_those_of_the_formulas(name):
    real, fake = np.random.default_rng(1).normal(size=(2, 50)) * 3
    _, g_loss, gradient = FORMULAS[name]
    differences = (evaluated(g_loss, real, fake + 1e-4) - evaluated(g_loss, real, fake - 1e-4)) / 2e-4
    assert np.allclose(evaluated(gradient, real, fake), differences, atol=1e-5)
