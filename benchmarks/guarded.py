"""False alarms of the guard, and how soon it finds failures: `python benchmarks/guarded.py`.

Twenty sound runs (five recipes, four seeds each, with the settings of `kerasgan train`; MNIST for one epoch) must raise
no failure. Then the digits recipe is broken in five ways at step 400, with four seeds each: how soon is that found?
All results are saved as JSON in `benchmarks/results/guard.json`.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import subprocess

import keras
import numpy as np

GOOD = {"ring": {}, "grid": {}, "bell": {}, "digits": {}, "mnist": {"epochs": 1}}
BROKEN_AT, LAST = 400, 800


class Plant(keras.callbacks.Callback):
    """Changes a model at a training step and before every later one.

    Args:
        step: the training step.
        act: a function of the model and of whether this is the first time.
    """

    def __init__(self, step, act):
        super().__init__()
        self.step, self.act, self.first = step, act, True

    def on_train_batch_begin(self, batch, logs=None):
        if int(self.model.g_optimizer.iterations.numpy()) >= self.step:
            self.act(self.model, self.first)
            self.first = False


def rates_times(d_factor, g_factor):
    """Multiplies the learning rates."""

    def act(gan, first):
        if first:
            for optimizer, factor in ((gan.d_optimizer, d_factor), (gan.g_optimizer, g_factor)):
                optimizer.learning_rate = factor * float(optimizer.learning_rate)

    return act


def dead_discriminator(gan, first):
    """Sets the discriminator's weights to 0, at every step."""
    for weight in gan.discriminator.trainable_weights:
        weight.assign(np.zeros(weight.shape))


def constant_generator(gan, first):
    """Makes the generator ignore the latents, at every step: its first layer, and batch norms, which amplify."""
    first_kernel, *others = gan.generator.trainable_weights
    for weight in [first_kernel, *(each for each in others if each.name == "gamma")]:
        weight.assign(np.zeros(weight.shape))


def nan_weights(gan, first):
    """Puts NaN into the generator, once."""
    if first:
        gan.generator.trainable_weights[0].assign(np.full(gan.generator.trainable_weights[0].shape, np.nan))


PLANTED = {
    "learning rates times 100": ("runaway", rates_times(100, 100)),
    "dead discriminator": ("dead discriminator", dead_discriminator),
    "winning discriminator": ("winning discriminator", rates_times(10, 1e-3)),
    "collapsed generator": ("collapsed generator", constant_generator),
    "NaN in the data": ("not finite", None),
}
"""For each failure the rule that must find it, and how it is caused; NaN comes with the data."""


def with_nan_from(batches, step):
    """Returns the first epoch of `batches`, with NaN in every batch from one on."""
    import tensorflow as tf

    def spoil(number, images):
        return tf.where(number < step, images, tf.concat([images[:1] * np.nan, images[1:]], axis=0))

    return batches.epoch(0).enumerate().map(spoil)


def good_run(name, seed):
    """Returns the failures that the guard finds in a sound run."""
    gan, batches, guard, recipe = _set_up(name, seed, GOOD[name])
    gan.fit(batches.repeat(recipe.passes_per_epoch), epochs=recipe.epochs, verbose=0, callbacks=[guard])
    steps = int(gan.g_optimizer.iterations.numpy())
    return {"run": name, "seed": seed, "steps": steps, "found": [str(each) for each in guard.failures]}


def broken_run(failure, seed):
    """Returns the failures found in a run of digits that is broken at step `BROKEN_AT`, and after how many steps."""
    gan, batches, guard, _ = _set_up("digits", seed, {})
    expected, act = PLANTED[failure]
    batches = batches.repeat(20).take(LAST)
    plants = [] if act is None else [Plant(BROKEN_AT, act)]
    refused = None
    try:
        data = batches if act else with_nan_from(batches, BROKEN_AT)
        gan.fit(data, verbose=0, callbacks=[*plants, guard])
    except ValueError as error:
        refused = str(error)
    steps = [each.step for each in guard.failures if each.what == expected]
    early = [str(each) for each in guard.failures if each.step < BROKEN_AT]
    found = {"refused by fit": refused, "found": [str(each) for each in guard.failures], "before": early}
    after = 0 if refused else (steps[0] - BROKEN_AT if steps else None)
    return {"failure": failure, "seed": seed, "steps after": after, **found}


def _set_up(name, seed, changes):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from kerasgan import callbacks, datasets
    from kerasgan.runs import recipes

    recipe = dataclasses.replace(recipes.get(name), **changes)
    batches, info = datasets.load(recipe.source, recipe.batch_size, seed=seed)
    return recipes.build(recipe, info, seed), batches, callbacks.Guard(), recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="of each run (default: %(default)s)")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    folder = pathlib.Path(__file__).parent
    commit = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), context, max_tasks_per_child=1) as pool:
        good = [pool.submit(good_run, name, seed) for seed in range(options.seeds) for name in GOOD]
        broken = [pool.submit(broken_run, failure, seed) for failure in PLANTED for seed in range(options.seeds)]
        good, broken = ([each.result() for each in runs] for runs in (good, broken))
    print(f"{sum(not run['found'] for run in good)} of {len(good)} sound runs without a failure")
    for run in good:
        print(f"  {run['run']} seed {run['seed']}, {run['steps']:,} steps: {run['found'] or 'nothing'}")
    for failure in PLANTED:
        runs = [run for run in broken if run["failure"] == failure]
        print(f"{failure}: found after {[run['steps after'] for run in runs]} steps")
        print(f"  {runs[0]['refused by fit'] or ' '.join(runs[0]['found'][:1])}")
    kept = {"command": f"python benchmarks/guarded.py --seeds {options.seeds}", "commit": commit}
    (folder / "results" / "guard.json").write_text(json.dumps(kept | {"good": good, "broken": broken}, indent=1) + "\n")


if __name__ == "__main__":
    main()
