"""The conditions of a run's samples, as a network reads them: a part of `kerasgan evaluate`."""

import dataclasses
from typing import Any

import numpy as np

from kerasgan import evaluation
from kerasgan.features import attributes
from kerasgan.runs import data, recipes, report

NAME = "attribute_error"
"""The key of the figures in a run's evaluation."""

MAX_IMAGES = 20_000


def added(
    table: str,
    figures: dict[str, Any],
    recipe: recipes.Recipe,
    real: report.RealImages,
    samples: np.ndarray,
    seed: int,
) -> tuple[str, dict[str, Any]]:
    """Returns a table and figures with the errors of the labels or numbers of samples.

    The network is trained on the images that the run was trained on, and read on the real images of the evaluation,
    too, whose error is that of a perfect generator.

    Args:
        table, figures: of the evaluation.
        recipe: the recipe of the run.
        real: the real images, with their conditions.
        samples: samples drawn with these.
        seed: whole number, of the network.
    """
    images, values, info = data.load_arrays(recipe, MAX_IMAGES, recipes.splits(recipe)[0], seed)
    training, asked = (images, values), real.conditions
    found = attributes.attribute_errors(
        info.condition, training, (real.images, asked), (samples, asked), info.condition_names, seed
    )
    rows = [(f"error, in {found.unit}", "samples", "real images")]
    rows += [
        (name, f"{error:.3f}", f"{floor:.3f}")
        for name, error, floor in zip(found.names, found.generated, found.real, strict=True)
    ]
    rows.append(("mean", f"{np.mean(found.generated):.3f}", f"{np.mean(found.real):.3f}"))
    mean = {"mean": float(np.mean(found.generated)), "mean_of_real": float(np.mean(found.real))}
    return f"{table}\n\n{evaluation.layout(rows)}", figures | {NAME: mean | dataclasses.asdict(found)}
