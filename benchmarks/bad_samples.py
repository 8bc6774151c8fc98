"""Draws the pictures of `docs/bad_samples.md`: `python benchmarks/bad_samples.py`.

Each picture is the end of a run on 6,000 digits of MNIST that shows one failure: 36 samples of a DCGAN of width 24,
seed 0, not selected. A run takes between a few seconds and two minutes. The pictures, and `runs.json` with the
settings, the last logs and the guard's lines of each run, go to a new folder: `--out`. Those of the page are in
`docs/bad_samples/`; with `--write` the page gets the lines that are there.
"""

import argparse
import dataclasses
import functools
import json
import math
import os
import pathlib
import re
import warnings

import numpy as np
import records

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
IMAGES, HELD_OUT, LATENT_DIM, WIDTH = 6_000, 1_000, 64, 24


@dataclasses.dataclass(frozen=True)
class Case:
    """The settings of a run; the defaults are those of the run that goes well.

    Args:
        steps: training steps, of 64 images each.
        num_images: images to train on.
        to_0_1: True gives the images in [0, 1] instead of [-1, 1].
        kernel: width of the generator's transposed convolutions, which have a stride of 2.
        objective: a name in `kerasgan.objectives`.
        gamma: weight of R1 and R2, at every fourth step; None for no penalties.
        d_rate, g_rate, beta_1: of Adam.
        half_life: of the averaged generator in images, from the first step on; None for no average.
        network: name of a function in `kerasgan.networks`.
        points: True trains on the ring of eight Gaussians instead.
        shown: number of samples in the picture.
    """

    steps: int = 2_000
    num_images: int = IMAGES
    to_0_1: bool = False
    kernel: int = 4
    objective: str = "relativistic"
    gamma: float | None = 0.1
    d_rate: float = 2e-3
    g_rate: float = 2e-3
    beta_1: float = 0.0
    half_life: float | None = 5_000.0
    network: str = "dcgan"
    points: bool = False
    shown: int = 36


PLAIN = functools.partial(
    Case, objective="non_saturating", gamma=None, d_rate=2e-4, g_rate=2e-4, beta_1=0.5, half_life=None
)
CASES = {
    "good": Case(),
    "too_few_steps": Case(steps=60),
    "wrong_range": Case(to_0_1=True, steps=600),
    "washed_out": Case(half_life=100_000.0, steps=1_000),
    "checkerboard": Case(kernel=3, steps=300, shown=9),
    "copies": Case(num_images=16, steps=1_000),
    "winning_discriminator": PLAIN(objective="minimax", d_rate=2e-3, g_rate=2e-5, steps=400),
    "collapsed": PLAIN(network="mlp", d_rate=2e-3, g_rate=2e-3, beta_1=0.9, steps=400),
    "missing_modes": PLAIN(network="mlp", points=True, d_rate=2e-3, g_rate=2e-3),
    "unstable": Case(d_rate=0.5, g_rate=0.5, steps=200),
}


def networks(case):
    """Returns the generator and the discriminator of a run."""
    from keras import layers

    import kerasgan

    if case.network == "mlp":
        return kerasgan.networks.mlp((2,) if case.points else (28, 28, 1), LATENT_DIM)
    generator, discriminator = kerasgan.networks.dcgan((28, 28, 1), LATENT_DIM, WIDTH)
    if case.kernel != 4:
        import keras

        def replaced(layer):
            config = layer.get_config()
            is_doubling = isinstance(layer, layers.Conv2DTranspose)
            return type(layer).from_config(config | ({"kernel_size": case.kernel} if is_doubling else {}))

        generator = keras.models.clone_model(generator, clone_function=replaced)
    return generator, discriminator


def build(case):
    """Returns the compiled GAN of a run."""
    import keras

    import kerasgan
    from kerasgan.penalties import R1, R2

    keras.utils.set_random_seed(0)
    ema = None if case.half_life is None else kerasgan.ema.EMA(case.half_life, warm_up=None)
    gan = kerasgan.GAN(*networks(case), LATENT_DIM, ema=ema, seed=0)
    gan.compile(
        keras.optimizers.Adam(case.d_rate, case.beta_1, 0.99),
        keras.optimizers.Adam(case.g_rate, case.beta_1, 0.99),
        objective=case.objective,
        penalties=() if case.gamma is None else (R1(case.gamma, every=4), R2(case.gamma, every=4)),
        steps_per_execution=10,
    )
    return gan


def run(case):
    """Trains; returns a picture of samples, the logs of the last epoch, and the guard's lines."""
    import kerasgan

    source, split = ("ring", "train") if case.points else ("mnist", f"train[:{IMAGES + HELD_OUT}]")
    images = kerasgan.datasets.load_arrays(source, split=split)[0]
    held_out, images = images[:HELD_OUT], images[HELD_OUT:][: case.num_images]
    if case.to_0_1:
        held_out, images = ((each + 1) / 2 for each in (held_out, images))
    images = np.concatenate([images] * math.ceil(64 / len(images)))
    guard = kerasgan.callbacks.Guard()
    gan = build(case)
    epochs = max(1, case.steps // 200)
    batches = kerasgan.datasets.load(images, 64, seed=0)[0].with_epochs_of(case.steps // epochs)
    history = gan.fit(batches, epochs=epochs, validation_data=held_out, verbose=0, callbacks=[guard]).history
    logs = {name: round(float(values[-1]), 3) for name, values in history.items()}
    samples = gan.generate(1_000 if case.points else case.shown, seed=0)
    picture = kerasgan.pictures.picture_of(samples, held_out if case.points else None)
    return picture, logs, [str(failure) for failure in guard.failures]


SHOWN = ("d_loss", "g_loss", "d_real", "d_fake", "d_memorization_auc")


def told(found):
    """Returns the lines of the page on one run of `runs.json`: its last logs, and what the guard and `fit` said."""
    logs = ", ".join(f"`{name}` {round(found['logs'][name], 2) + 0.0:.2f}" for name in SHOWN if name in found["logs"])
    lines = [f"Logs: {logs}.", *(f"Warning: {line}" for line in found["warnings"])]
    guard = found["guard"] or ["nothing."]
    return "\n".join([f"- {line}" for line in lines] + [f"- Guard: {line}" for line in guard])


def fill(page, runs):
    """Returns the page with the lines of each run below its picture, in place of the lines that are there."""
    for name, found in runs.items():
        picture = re.escape(f"](bad_samples/{name}.png)")
        page = re.sub(rf"({picture}\n\n)(?:- .*\n)*\n?", lambda head, found=found: f"{head[1]}{told(found)}\n\n", page)
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"default: all of {', '.join(CASES)}")
    parser.add_argument("--write", action="store_true", help="train nothing, and put docs/bad_samples/ into the page")
    records.add_options(parser, "bad-samples", suffix="")
    options = parser.parse_args()
    if options.write:
        page = DOCS / "bad_samples.md"
        return page.write_text(
            fill(page.read_text(), json.loads((DOCS / "bad_samples" / "runs.json").read_text())["runs"])
        )
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    from kerasgan import pictures

    tf.config.threading.set_intra_op_parallelism_threads(1)
    folder, found = records.path_of(options), {}
    for name in options.names or CASES:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            picture, logs, lines = run(CASES[name])
        told = [str(each.message) for each in caught if "images" in str(each.message)]
        found[name] = {"settings": dataclasses.asdict(CASES[name]), "logs": logs, "guard": lines, "warnings": told}
        print(json.dumps({name: found[name]}, indent=1), flush=True)
        if folder is not None:
            pictures.save_png(folder / f"{name}.png", picture)
            (folder / "runs.json").write_text(json.dumps({"runs": found} | records.facts(), indent=1) + "\n")


if __name__ == "__main__":
    main()
