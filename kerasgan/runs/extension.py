"""Runs that go on for more epochs than they were planned with."""

import dataclasses
import os
import pathlib
from typing import Any

import keras

from kerasgan.datasets import DatasetInfo
from kerasgan.runs import jobs, plans, recipes, run_folder
from kerasgan.validation.printable import quoted


def extended(plan: plans.Plan, epochs: int, run: str | os.PathLike[str]) -> plans.Plan:
    """Returns a run's plan with more epochs.

    Raises:
        ValueError: if these are not more than the plan has.
    """
    if epochs <= plan.recipe.epochs:
        raise ValueError(
            f"A run is extended to more epochs than it has, counted from its start. Received: --epochs {epochs} for a "
            f"run of {plan.recipe.epochs}. For example: kerasgan train --resume {quoted(run)} --epochs "
            f"{2 * plan.recipe.epochs}"
        )
    return dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, epochs=epochs))


def begin(
    run: pathlib.Path,
    settings: dict[str, Any],
    before: plans.Plan,
    after: plans.Plan,
    info: DatasetInfo,
    job: jobs.Job,
) -> None:
    """Makes a run one of more epochs, and says what this means for the learning rate.

    A process that is killed in here leaves a run that can be resumed, or extended again.

    Args:
        run: the run's folder.
        settings: its settings as they were read.
        before, after: its plan, and the plan with more epochs.
        info: the facts about the data.
        job: the job with the devices.
    """
    (run / run_folder.SAMPLES).unlink(missing_ok=True)  # what marks a finished run
    history = [*settings.get("extended", ()), before.recipe.epochs]
    run_folder.write_settings(run, settings | dataclasses.asdict(after) | {"extended": history})
    if job.chief:
        print(f"From {before.recipe.epochs} epochs to {after.recipe.epochs}. {_rates(before, after, info)}")


def _rates(before, after, info):
    """Returns a sentence about the learning rate."""
    if after.recipe.decay_to == 1.0:
        return f"The learning rate stays at {after.recipe.learning_rate:g}."
    now, then = (_rate_after(plan.recipe, before.recipe.epochs, info) for plan in (after, before))
    end = _rate_after(after.recipe, after.recipe.epochs, info)
    return (
        f"The learning rate follows the cosine of {after.recipe.epochs} epochs: after epoch {before.recipe.epochs} it "
        f"is {now:.2g} instead of {then:.2g}, at the end {end:.2g}. Samples may get worse before they get better."
    )


def _rate_after(recipe, epochs, info):
    schedule = recipes.learning_rate(recipe, info)
    steps = epochs * recipe.passes_per_epoch * (info.num_images // recipe.batch_size)
    return float(keras.ops.convert_to_numpy(schedule(steps)))
