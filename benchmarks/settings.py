"""The effect of precision, steps per execution and XLA on speed: `python benchmarks/settings.py`.

Each recipe's own networks and settings, in `fit`, with the data in memory: images per second from the end of the first
call into TensorFlow to the end of the last, in both precisions, with one step per call, plain and compiled by XLA, and
with as many steps as the recipe (or ten). All take turns in every round, so that a noisy machine affects all. Prints a
table and writes JSON to a new file: `--out`.
"""

import argparse
import dataclasses
import itertools
import os
import statistics
import time

import records

SHAPES = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "photos": (64, 64, 3)}
STEPS = {"ring": 500, "digits": 400, "mnist": 60, "photos": 10}
"""Timed steps of each recipe, a multiple of the steps of a call."""


def contestants(name):
    """Returns functions from a number of steps to the images per second of `fit`, by precision, steps, and XLA."""
    import numpy as np

    from kerasgan import datasets
    from kerasgan.runs import recipes

    recipe = recipes.get(name)
    source = recipe.source
    if name in SHAPES:  # noise is as fast to learn as anything
        count = 2 * recipe.batch_size
        source = np.random.default_rng(0).integers(256, size=(count, *SHAPES[name]), dtype="uint8")
    batches, info = datasets.load(source, recipe.batch_size)
    entered = {}
    ways = (1, False), (max(10, recipe.steps_per_execution), False), (1, True)
    for precision, (steps, xla) in itertools.product(recipes.PRECISIONS, ways):
        changed = dataclasses.replace(recipe, source="", precision=precision, steps_per_execution=steps)
        gan = recipes.build(changed, info, 0)
        gan.jit_compile = xla
        entered[precision, steps, xla] = lambda count, gan=gan: speed_of_fit(gan, batches, count) * recipe.batch_size
    return entered


def speed_of_fit(gan, batches, steps):
    """Returns the steps per second of `fit` over so many steps, after a first call that is not counted."""
    import keras

    ends = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter()))
    count = steps + gan.steps_per_execution
    gan.fit(batches.with_epochs_of(count), verbose=0, callbacks=[watch])
    return steps / (ends[-1] - ends[0])


def compare(entered, rounds, steps):
    """Returns the speeds of each contestant in each round, once each has been traced."""
    for speed in entered.values():
        speed(max(1, steps // 10))
    found = {name: [] for name in entered}
    for _ in range(rounds):
        for name, speed in entered.items():
            found[name].append(speed(steps))
    return found


def as_rows(recipe, speeds):
    """Returns one dict for each line of the table: medians, and ratios to the first contestant."""
    base = statistics.median(next(iter(speeds.values())))
    return [
        {"recipe": recipe, "precision": precision, "steps_per_execution": steps, "xla": xla, "images_per_second": found}
        | {"median": statistics.median(found), "ratio": statistics.median(found) / base}
        for (precision, steps, xla), found in speeds.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(STEPS), help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    records.add_options(parser, "settings")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    print("| recipe | precision | steps per call | XLA | images/s, median (range) | to the first |")
    print("|---|---|---|---|---|---|")
    rows = []
    for name in options.recipes:
        found = as_rows(name, compare(contestants(name), options.rounds, STEPS[name]))
        rows += found
        for row in found:
            speeds = row["images_per_second"]
            spread = f"{row['median']:,.0f} ({min(speeds):,.0f}-{max(speeds):,.0f})"
            how = f"{row['precision']} | {row['steps_per_execution']} | {'on' if row['xla'] else 'off'}"
            print(f"| {name} | {how} | {spread} | {row['ratio']:.2f} |", flush=True)
    records.write(options, {"rounds": options.rounds, "rows": rows})


if __name__ == "__main__":
    main()
