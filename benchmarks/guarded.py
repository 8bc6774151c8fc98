"""False alarms of the guard, and how soon it finds failures: `python benchmarks/guarded.py`.

Forty sound runs, four seeds each, must raise no failure: five recipes with the settings of `kerasgan train` (MNIST for
one epoch), and five other settings on the digits, 3,000 steps each. Then digits are trained on with one of nine
mistakes, four seeds each: how soon is it found, and by which name? The rules were tuned on other seeds. Results are
written after every run; `--only` makes some of the runs.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import os

import keras
import numpy as np
import records
import tables

RECIPES = {"bell": {}, "digits": {}, "mnist": tables.MNIST_OF_0_2 | {"epochs": 1}, "ring": {}, "grid": {}}
BROKEN_AT, LAST = 400, 800
STEPS, BATCH, LATENT_DIM = 3000, 64, 16
COPIED_IMAGES, HELD_OUT_IMAGES, COPY_STEPS = 90, 300, 8000


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
"""What goes wrong at step `BROKEN_AT`: the name of its rule, and how it is caused; NaN comes with the data."""

WRONG = {
    "flipped labels": "flipped labels",
    "a generator's rate of 1e-12": "generator does not learn",
    "one image": "too few images",
    "copies of 90 images": "copied training images",
}
"""What is wrong from the beginning, and the name of its rule."""


def with_nan_from(batches, step):
    """Returns the first epoch of `batches`, with NaN in every batch from one on."""
    import tensorflow as tf

    def spoil(number, images):
        return tf.where(number < step, images, tf.concat([images[:1] * np.nan, images[1:]], axis=0))

    return batches.epoch(0).enumerate().map(spoil)


def flipped(objective):
    """Returns an objective whose discriminator is trained to take generated images for real ones, and the reverse."""
    from kerasgan import frozen_config, objectives

    @frozen_config
    class Flipped(objectives.Objective):
        paired = objective.paired
        neutral_logit = objective.neutral_logit

        def d_loss(self, real_logits, fake_logits):
            return objective.d_loss(fake_logits, real_logits)

        def g_loss(self, real_logits, fake_logits):
            return objective.g_loss(real_logits, fake_logits)

    return Flipped()


def spectral_norm(image_shape, latent_dim):
    """Returns a fully connected generator, and a discriminator with spectral norm in every layer."""
    from kerasgan import networks

    generator, _ = networks.mlp(image_shape, latent_dim, width=64)
    norm, layers = keras.layers.SpectralNormalization, [keras.Input(image_shape), keras.layers.Flatten()]
    for _ in range(3):
        layers += [norm(keras.layers.Dense(64)), keras.layers.LeakyReLU(negative_slope=0.2)]
    return generator, keras.Sequential([*layers, norm(keras.layers.Dense(1))])


def settings_on_digits():
    """Returns sound settings other than the recipes': pairs of a function of the networks and options of `compile`."""
    from kerasgan import networks

    to_zero = [keras.optimizers.schedules.CosineDecay(5e-4, STEPS - 200) for _ in range(2)]
    mlp = lambda *sizes: networks.mlp(*sizes, width=64)  # noqa: E731
    return {
        "WGAN-GP": (
            lambda *sizes: networks.dcgan(*sizes, width=32),
            {"objective": "wasserstein", "penalties": "gradient_penalty"},
        ),
        "hinge, spectral norm": (spectral_norm, {"objective": "hinge"}),
        "resnet": (lambda *sizes: networks.resnet(*sizes, width=16), {}),
        "mlp": (mlp, {}),
        "mlp, rates to 0": (
            mlp,
            {f"{name}_optimizer": keras.optimizers.Adam(rate, 0.5) for name, rate in zip("dg", to_zero, strict=True)},
        ),
    }


SETTINGS = ("WGAN-GP", "hinge, spectral norm", "resnet", "mlp", "mlp, rates to 0")


def recipe_run(name, seed):
    """Returns the failures that the guard finds in a sound run of a recipe."""
    gan, batches, guard, recipe = _set_up(name, seed, RECIPES[name])
    gan.fit(batches.repeat(recipe.passes_per_epoch), epochs=recipe.epochs, verbose=0, callbacks=[guard])
    return _sound(name, seed, gan, guard)


def settings_run(name, seed):
    """Returns the failures that the guard finds in a sound run of other settings on the digits."""
    from kerasgan import callbacks

    gan, batches = _of_settings(name, seed)
    guard = callbacks.Guard()
    gan.fit(batches.with_epochs_of(STEPS), epochs=1, verbose=0, callbacks=[guard])
    return _sound(name, seed, gan, guard)


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
    return _found(failure, seed, guard, expected, BROKEN_AT, refused)


def wrong_run(failure, seed):
    """Returns the failures found in a run that is wrong from the beginning, and after how many steps."""
    from kerasgan import callbacks, datasets

    images = datasets.load_arrays("digits")[0]
    order = np.random.default_rng(seed).permutation(len(images))
    steps, options, held_out = LAST, {}, None
    if failure == "flipped labels":
        options["flip"] = True
    elif failure == "a generator's rate of 1e-12":
        options["g_rate"] = 1e-12
    elif failure == "one image":
        images = np.repeat(images[order[:1]], 10 * BATCH, axis=0)
    else:
        held_out = images[order[COPIED_IMAGES:][:HELD_OUT_IMAGES]]
        images, steps = images[order[:COPIED_IMAGES]], COPY_STEPS
        options |= {"d_rate": 1e-3, "g_rate": 1e-3}
    gan, _ = _of_settings("mlp", seed, **options)
    guard = callbacks.Guard()
    batches = datasets.load(images, BATCH, seed=seed)[0].with_epochs_of(min(steps, 500))
    gan.fit(batches, epochs=-(-steps // 500), verbose=0, callbacks=[guard], validation_data=held_out)
    return _found(failure, seed, guard, WRONG[failure], 0)


def _of_settings(name, seed, d_rate=None, g_rate=None, flip=False):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from kerasgan import GAN, datasets

    keras.utils.set_random_seed(seed)
    batches, info = datasets.load("digits", BATCH, seed=seed)
    networks, options = settings_on_digits()[name]
    gan = GAN(*networks(info.image_shape, LATENT_DIM), LATENT_DIM, seed=seed)
    rates = {"d_optimizer": d_rate, "g_optimizer": g_rate}
    options = options | {each: keras.optimizers.Adam(rate, 0.5) for each, rate in rates.items() if rate is not None}
    gan.compile(**options)
    if flip:
        gan.compile(**options | {"objective": flipped(gan.objective)})
    return gan, batches


def _set_up(name, seed, changes):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from kerasgan import callbacks, datasets
    from kerasgan.runs import recipes

    recipe = dataclasses.replace(recipes.get(name), **changes)
    batches, info = datasets.load(recipe.source, recipe.batch_size, seed=seed)
    return recipes.build(recipe, info, seed), batches, callbacks.Guard(), recipe


def _sound(name, seed, gan, guard):
    steps = int(gan.g_optimizer.iterations.numpy())
    return {"run": name, "seed": seed, "steps": steps, "found": [str(each) for each in guard.failures]}


def _found(failure, seed, guard, expected, begin, refused=None):
    steps = [each.step for each in guard.failures if each.what == expected]
    return {
        "failure": failure,
        "expected": expected,
        "seed": seed,
        "steps after": 0 if refused else (steps[0] - begin if steps else None),
        "refused by fit": refused,
        "found": [str(each) for each in guard.failures],
        "names": [each.what for each in guard.failures],
        "before": [str(each) for each in guard.failures if each.step < begin],
    }


def _jobs(options):
    """Returns the runs, the short ones first: triples of a function, its name and its seed."""
    kinds = [(wrong_run, WRONG), (broken_run, PLANTED), (settings_run, SETTINGS), (recipe_run, RECIPES)]
    names = [(function, name) for function, group in kinds for name in group]
    chosen = [each for each in names if not options.only or each[1] in options.only]
    return [(function, name, seed) for function, name in chosen for seed in range(options.seeds)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="of each run (default: %(default)s)")
    names = [*WRONG, *PLANTED, *SETTINGS, *RECIPES]
    parser.add_argument("--only", nargs="+", choices=names, help="these runs alone (default: all)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: %(default)s)")
    records.add_options(parser, "guard")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context = multiprocessing.get_context("spawn")
    good, broken = [], []
    with concurrent.futures.ProcessPoolExecutor(options.workers, context, max_tasks_per_child=1) as pool:
        runs = [pool.submit(*job) for job in _jobs(options)]
        for run in concurrent.futures.as_completed(runs):
            result = run.result()
            (broken if "failure" in result else good).append(result)
            print(json.dumps(result), flush=True)
    print(f"{sum(not run['found'] for run in good)} of {len(good)} sound runs without a failure")
    for failure in dict.fromkeys(run["failure"] for run in broken):
        found = [run for run in broken if run["failure"] == failure]
        print(f"{failure}: found after {[run['steps after'] for run in found]} steps")
    by_name = {"good": sorted(good, key=_order), "broken": sorted(broken, key=_order)}
    records.write(options, {"command": f"python benchmarks/guarded.py --seeds {options.seeds}"} | by_name)


def _order(run):
    return run.get("run", run.get("failure")), run["seed"]


if __name__ == "__main__":
    main()
