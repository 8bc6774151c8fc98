"""Minutes of training until samples reach a Frechet distance: `python benchmarks/time_to_quality.py mnist`.

Needs `pip install ".[bench]"`. The rows, each trained by itself on all cores, in a process of its own:

- `kerasgan`: the recipe of `kerasgan train`, in the precision that it takes on this processor;
- `keras.io`: the step of the keras.io DCGAN example;
- `PyTorch`: the step of PyTorch's DCGAN example, with channels last.

The examples train the DCGAN of Radford et al., 2016 (arXiv:1511.06434) of width 64 with batches of 64, in float32, from
an array in memory, and without a schedule: they go on as long as they are given. The recipe ends after its images. The
minutes are those of training, from the first step on, with what is compiled in it; drawing the samples and their
figures are not counted. Run nothing else meanwhile.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import os
import pathlib
import tempfile
import time

import numpy as np
import records

BATCH = 64
DISTANCES = {"mnist": (100, 70, 40, 24, 12), "cifar10": (100, 60, 40, 30, 20)}
"""On the features of kerasgan's classifiers; 70 is what a plain DCGAN has on MNIST after 180,000 images."""
SAMPLES = {"mnist": 10_000, "cifar10": 5_000}
SIZE = {"mnist": 28, "cifar10": 32}


class Points:
    """Draws samples at points of a training and stops its clock meanwhile.

    Args:
        folder: where the samples of each point go, as `<number>.npy`.
        minutes: after which the training ends.
    """

    def __init__(self, folder, minutes):
        self.folder, self.minutes = pathlib.Path(folder), minutes
        self.found, self.spent, self.start = [], 0.0, time.perf_counter()

    def add(self, images, draw):
        """Adds a point after so many images; returns whether the time is up."""
        now = time.perf_counter()
        seconds = now - self.start - self.spent
        np.save(self.folder / f"{len(self.found)}.npy", draw())
        self.found.append({"images": images, "minutes": seconds / 60})
        print(json.dumps(self.found[-1]), flush=True)
        self.spent += time.perf_counter() - now
        return seconds >= 60 * self.minutes


def batches_of(images, seed):
    """Yields batches of images, each pass in another order, without end."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(images) - BATCH + 1, BATCH):
            yield images[order[start : start + BATCH]]


def train_kerasgan(options, images, points, seed):
    import keras

    from kerasgan import datasets
    from kerasgan.runs import photo_settings, recipes

    name = "mnist" if options.name == "mnist" else "photos"
    recipe = recipes.get(name)
    if name == "photos":
        recipe = dataclasses.replace(recipe, image_size=SIZE[options.name], epochs=10)
    recipe = photo_settings.with_precision(dataclasses.replace(recipe, source=""))
    batches, info = datasets.load(images, recipe.batch_size, flip=recipe.flip, seed=seed)
    gan = recipes.build(recipe, info, seed)
    every, total = options.every // recipe.batch_size, recipes.num_steps(recipe, info)

    def point(epoch, logs):
        seen = int(gan.g_optimizer.iterations.numpy()) * recipe.batch_size
        if points.add(seen, lambda: gan.generate(SAMPLES[options.name], seed=seed)):
            gan.stop_training = True

    watch = keras.callbacks.LambdaCallback(on_epoch_end=point)
    points.start = time.perf_counter()
    gan.fit(batches.with_epochs_of(every), epochs=max(1, total // every), verbose=0, callbacks=[watch])


def train_example(options, images, points, seed, step, draw):
    """Trains an example, a function of a batch, until the time is up."""
    points.start = time.perf_counter()
    for number, batch in enumerate(batches_of(images, seed), start=1):
        step(batch)
        if number * BATCH % options.every < BATCH and points.add(number * BATCH, draw):
            return


def train_keras_io(options, images, points, seed):
    import keras
    import pairs
    import peers
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    generator, discriminator = pairs.dcgan(SIZE[options.name], images.shape[-1])
    latent_dim = generator.input_shape[-1]
    step = peers.keras_io_step(generator, discriminator, latent_dim)
    latents = np.random.default_rng(seed).standard_normal((SAMPLES[options.name], latent_dim), "float32")
    draw = functools.partial(generator.predict, latents, batch_size=250, verbose=0)
    train_example(options, images, points, seed, lambda batch: step(tf.constant(batch)), draw)


def train_pytorch(options, images, points, seed):
    import pairs
    import peers
    import torch

    torch.manual_seed(seed)
    generator, discriminator = pairs.dcgan(SIZE[options.name], images.shape[-1])
    example = peers.TorchExample(generator, discriminator, bfloat16=False, channels_last=True)
    latents = np.random.default_rng(seed).standard_normal((SAMPLES[options.name], example.latent_dim), "float32")
    train_example(options, images, points, seed, example.step, lambda: example.draw(latents))


ROWS = {"kerasgan": train_kerasgan, "keras.io": train_keras_io, "PyTorch": train_pytorch}


def run(row, options, seed, folder):
    """Trains one row, and returns its points; their samples are in the folder."""
    from kerasgan import datasets

    source = options.folder if options.name == "cifar10" else "mnist"
    images, _, _ = datasets.load_arrays(source, image_size=SIZE[options.name] if options.folder else None)
    points = Points(folder, options.minutes)
    ROWS[row](options, images, points, seed)
    return points.found


class Drawn:
    """Samples in place of the GAN that has drawn them."""

    num_classes = None

    def __init__(self, samples):
        self.samples = samples

    def generate(self, n, seed):
        return self.samples[:n]


def distances(options, folder, count, picture):
    """Returns the Frechet distance of the samples at each point; draws the first 64 of the last into a new picture."""
    import tables

    from kerasgan import pictures

    found = []
    for number in range(count):
        drawn = Drawn(np.load(pathlib.Path(folder) / f"{number}.npy"))
        figures = tables.digits(drawn, 0) if options.name == "mnist" else tables.photos(options.folder, drawn, 0)
        found.append(figures["frechet"])
    if picture is not None:
        picture.parent.mkdir(parents=True, exist_ok=True)
        pictures.save_png(picture, pictures.tile(drawn.samples[:64], columns=8))
    return found


def reached(curve, distance):
    """Returns the minutes of the first point at which a curve is at most at a distance; None if there is none."""
    return next((point["minutes"] for point in curve if point["frechet"] <= distance), None)


def as_markdown(name, runs):
    """Returns the table of minutes: of several seeds the median; the last column has the best distance."""
    headings = [f"to {distance}" for distance in DISTANCES[name]]
    lines = [f"| {name} | {' | '.join(headings)} | best |", "|---" * (len(headings) + 2) + "|"]
    for row in dict.fromkeys(each["row"] for each in runs):
        curves = [each["curve"] for each in runs if each["row"] == row]
        cells = []
        for distance in DISTANCES[name]:
            minutes = [reached(curve, distance) for curve in curves]
            cells.append("not reached" if None in minutes else f"{np.median(minutes):.1f}")
        best = min(((point["frechet"], point["minutes"]) for curve in curves for point in curve), default=None)
        lines.append(f"| {row} | {' | '.join(cells)} | {best[0]:.1f} after {best[1]:.1f} min |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(DISTANCES))
    parser.add_argument("--folder", help="for cifar10: the photos, with a sub-folder for each class")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), help="default: all")
    parser.add_argument("--seeds", type=int, default=1, help="seeds 0, 1, ... (default: %(default)s)")
    parser.add_argument("--every", type=int, default=20_000, help="images between two points (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="of training of a row (default: %(default)s)")
    parser.add_argument(
        "--pictures", type=pathlib.Path, metavar="FOLDER", help="for 64 of the last samples of each row"
    )
    records.add_options(parser, "time-to-quality")
    options = parser.parse_args()
    if (options.name == "cifar10") != bool(options.folder):
        parser.error(f"--folder goes with cifar10. Received: {options.name} with folder={options.folder!r}")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    runs, context = [], multiprocessing.get_context("spawn")
    # A fresh process for each: TensorFlow and PyTorch get in each other's way, and the caches of one help the next.
    with concurrent.futures.ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        for seed in range(options.seeds):
            for row in options.rows:
                with tempfile.TemporaryDirectory() as folder:
                    curve = pool.submit(run, row, options, seed, folder).result()
                    picture = options.pictures and options.pictures / f"{options.name}-{row}-{seed}.png"
                    found = pool.submit(distances, options, folder, len(curve), picture).result()
                curve = [point | {"frechet": each} for point, each in zip(curve, found, strict=True)]
                runs.append({"row": row, "seed": seed, "curve": curve})
                print(json.dumps(runs[-1]), flush=True)
    print(f"\n{as_markdown(options.name, runs)}\n")
    command = f"python benchmarks/time_to_quality.py {options.name} --seeds {options.seeds} --minutes {options.minutes}"
    command += " --folder PHOTOS" if options.folder else ""
    options.results_name += f"-{options.name}"
    records.write(options, {"command": command, "every": options.every, "runs": runs})


if __name__ == "__main__":
    main()
