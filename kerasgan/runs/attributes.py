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

    The network is trained on the images that the run was trained on. It reads real images as well, whose error is that
    of a perfect generator: the held-out images of the run, or those of the evaluation where none are held out.

    Args:
        table, figures: of the evaluation.
        recipe: the recipe of the run.
        real: the real images, with their conditions.
        samples: samples drawn with these.
        seed: whole number, of the network.
    """
    training_split, held_out = recipes.splits(recipe)
    images, values, info = data.load_arrays(recipe, MAX_IMAGES, training_split, seed)
    others = (real.images, real.conditions) if held_out is None else data.load_arrays(recipe, MAX_IMAGES, held_out)[:2]
    found = attributes.attribute_errors(
        info.condition, (images, values), others, (samples, real.conditions), info.condition_names, seed
    )
    rows = [(f"error, in {found.unit}", "samples", "real images")]
    rows += [
        (name, f"{error:.3f}", f"{floor:.3f}")
        for name, error, floor in zip(found.names, found.generated, found.real, strict=True)
    ]
    rows.append(("mean", f"{np.mean(found.generated):.3f}", f"{np.mean(found.real):.3f}"))
    mean = {"mean": float(np.mean(found.generated)), "mean_of_real": float(np.mean(found.real))}
    return f"{table}\n\n{evaluation.layout(rows)}", figures | {NAME: mean | dataclasses.asdict(found)}
