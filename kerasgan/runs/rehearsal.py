"""A dry run: the plan's settings as JSON, and how long the training would take."""

import dataclasses
import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import keras

from kerasgan.callbacks.progress import duration
from kerasgan.datasets import Batches, DatasetInfo
from kerasgan.gan import GAN
from kerasgan.runs import advice, jobs, plans, progress

TIMED_SECONDS = 5.0
TIMED_CALLS = 20
TIMED_STEPS = 50


class _Timing(keras.callbacks.Callback):
    """Stops training after some calls into the step, and measures them without the first, which compiles."""

    def __init__(self):
        super().__init__()
        self.began, self.first, self.steps_per_second, self.calls = 0.0, 0, None, 0
        self.earlier = self.last = 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        now, self.calls = time.perf_counter(), self.calls + 1
        self.last = self.earlier + batch + 1
        if self.calls == 1:
            self.began, self.first = now, self.last
            return
        self.steps_per_second = (self.last - self.first) / (now - self.began)
        if self.calls > TIMED_CALLS or now - self.began > TIMED_SECONDS:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self.earlier = self.last  # an epoch may be shorter than one call: the calls are counted over all epochs


def shortened(plan: plans.Plan) -> plans.Plan:
    """Returns the plan with at most `TIMED_STEPS` steps for each call into the engine, so that timing it ends."""
    steps = min(plan.recipe.steps_per_execution, TIMED_STEPS)
    return dataclasses.replace(plan, recipe=dataclasses.replace(plan.recipe, steps_per_execution=steps))


def rehearse(
    gan: GAN,
    batches: Batches,
    plan: plans.Plan,
    info: DatasetInfo,
    job: jobs.Job,
    others: Mapping[str, Any] | None = None,
) -> None:
    """Prints the settings of a plan on standard output; on standard error the networks, advice and the time it takes.

    The settings are JSON that `kerasgan train --settings` takes. For the time a few steps are trained, with a model
    that is thrown away; several workers are not timed.

    Args:
        gan: the compiled model.
        batches: its data.
        plan: the plan of the run.
        info: the facts about the data.
        job: the job with the devices.
        others: settings besides the plan, such as the run whose weights this one starts from.
    """
    gan.summary(print_fn=lambda text, **_: print(text, file=sys.stderr))
    advised = advice.small_plan(plan.recipe, info)
    if advised:
        print(advised, file=sys.stderr)
    if job.workers > 1:
        worker = f"worker {job.worker} of {job.workers}, counted from 0, which is the chief"
        print(f"This would be {worker}.", file=sys.stderr)
    else:
        print(_time(gan, batches, plan), file=sys.stderr)
    print("Dry run: nothing was written. The settings:", file=sys.stderr)
    print(json.dumps(dataclasses.asdict(plan) | dict(others or {}), indent=2))


def _time(gan, batches, plan):
    """Returns a sentence about the time that training takes."""
    timing = _Timing()
    with progress.saying("compiling the training step"):
        gan.fit(batches, epochs=TIMED_CALLS + 2, verbose=0, callbacks=[timing])
    steps = plan.recipe.epochs * len(batches)
    if not timing.steps_per_second:
        return f"{steps:,} steps"
    speed = timing.steps_per_second
    return f"{steps:,} steps at {speed:,.3g} steps/s: {duration(steps / speed)}, pictures and checkpoints not included"
