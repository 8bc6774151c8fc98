"""Does the input keep up with the step? `python benchmarks/input.py`.

Photos are drawn for the benchmark, and loaded in three ways, each in its own process: into memory, into a file of the
cache folder (as for photos that do not fit into memory), and from that file at a later start. For each: the seconds of
`load`, the memory beyond that of TensorFlow and kerasgan (resident, at its peak, after one pass through the data), and
the images per second of the pipeline alone, as they are and mirrored at random, next to those of the training step
(one-stage, float32) of the DCGAN for that size. All take turns in every round, so that a noisy machine affects all.
Prints a table and writes JSON to a new file: `--out`.
"""

import argparse
import contextlib
import multiprocessing
import os
import pathlib
import statistics
import tempfile
import time

import pairs
import records

BATCH = 64
SHAPES = {"dcgan-28": (28, 28, 1), "dcgan-64": (64, 64, 3)}
SHARES = {"in memory": 1.0, "to disk": 0.0, "from disk": 0.0}
"""The share of the memory that photos may take in each way of loading them, in the order of the ways."""


def draw_photos(folder, count, shape):
    """Fills a folder with JPEG photos of noise on a gradient, 1.5 and 2 times as large as the shape they are for."""
    import numpy as np
    from PIL import Image

    chance = np.random.default_rng(0)
    height, width = 2 * shape[0], 3 * shape[1] // 2
    ramp = np.linspace(0, 200, height * width * shape[2]).reshape(height, width, shape[2])
    for number in range(count):
        pixels = (
            ramp + chance.integers(56, size=(height // 2, width // 2, shape[2])).repeat(2, 0).repeat(2, 1)
        ).astype("uint8")
        Image.fromarray(pixels[..., 0] if shape[2] == 1 else pixels).save(folder / f"{number:06d}.jpg", quality=90)


def loaded(folder, shape, way):
    """Loads the photos in one of the ways of `SHARES`.

    Returns:
        A tuple (pipelines, seconds): the `Batches` for each of "as they are" and "mirrored", and the seconds
        of the first `load`.
    """
    from kerasgan import datasets
    from kerasgan.datasets import source

    source.MEMORY_SHARE = SHARES[way]
    options = {"image_size": shape[:2], "channels": shape[2]}
    start = time.perf_counter()
    plain, _ = datasets.load(folder, BATCH, **options)
    seconds = time.perf_counter() - start
    return {"as they are": plain, "mirrored": datasets.load(folder, BATCH, flip=True, **options)[0]}, seconds


def images_per_second(batches, count):
    """Reads `count` batches, in as many passes as needed, and does nothing with them."""
    start = time.perf_counter()
    found = batches.with_epochs_of(count).epoch(0).reduce(0, lambda total, images: total + len(images))
    return int(found) / (time.perf_counter() - start)


def memory_mib(kind):
    """Returns the resident memory of this process in MiB: `"VmRSS"` for now, `"VmHWM"` for its peak; else None."""
    with contextlib.suppress(OSError):  # only Linux has it
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{kind}:"):
                return int(line.split()[1]) / 1024
    return None


def feed(pipe, folder, shape, way):
    """A process that loads the photos, reports the cost, and times its pipelines on request."""
    from kerasgan import datasets

    datasets.load("digits")  # the memory of the first use of TensorFlow does not count
    before = memory_mib("VmRSS")
    pipelines, seconds = loaded(folder, shape, way)
    for batches in pipelines.values():
        images_per_second(batches, len(batches))
    pipe.send({"seconds": seconds, "mib": before and memory_mib("VmHWM") - before})
    while (count := pipe.recv()) is not None:
        pipe.send({name: images_per_second(batches, count) for name, batches in pipelines.items()})


def step(pipe, pair):
    """A process that times the training step of a pair of networks."""
    import numpy as np
    import tensorflow as tf

    import kerasgan

    generator, discriminator = pairs.PAIRS[pair]()
    gan = kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0)
    gan.compile(updates="one_stage")
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (BATCH, *gan.image_shape)).astype("float32"))
    train_step = tf.function(gan.train_step, autograph=False)
    float(train_step(images)["g_loss"])
    pipe.send({})
    while pipe.recv() is not None:
        start = time.perf_counter()
        float(train_step(images)["g_loss"])
        pipe.send({"step": BATCH / (time.perf_counter() - start)})


def compare(pair, images, rounds, batches):
    """Returns the cost of loading in each way, and the speeds of each way and of the step in each round."""
    context, workers, took, speeds = multiprocessing.get_context("spawn"), {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KERASGAN_CACHE"] = str(pathlib.Path(folder, "cache"))
        photos = pathlib.Path(folder, "photos")
        photos.mkdir()
        draw_photos(photos, images, SHAPES[pair])
        entered = {way: (feed, photos, SHAPES[pair], way) for way in SHARES} | {"step": (step, pair)}
        for name, (work, *arguments) in entered.items():  # one after another: the last way needs the file
            workers[name], there = context.Pipe()
            context.Process(target=work, args=(there, *arguments), daemon=True).start()
            took[name], speeds[name] = workers[name].recv(), []
        for _ in range(rounds):
            for name, pipe in workers.items():
                pipe.send(batches)
                speeds[name].append(pipe.recv())
        for pipe in workers.values():
            pipe.send(None)
    return took, speeds


def as_rows(took, speeds):
    """Returns one dict for each line of the table: medians, and the speed of the pipeline relative to the step."""
    base = statistics.median(each["step"] for each in speeds["step"])
    rows = []
    for way, found in speeds.items():
        if way != "step":
            medians = {name: statistics.median(each[name] for each in found) for name in found[0]}
            ratios = {name: median / base for name, median in medians.items()}
            rows.append({"way": way, **took[way], "images_per_second": medians, "to_step": ratios, "step": base})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=sorted(SHAPES), default=sorted(SHAPES))
    parser.add_argument("--images", type=int, default=20_000, help="photos in the folder (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--batches", type=int, default=500, help="of a pipeline in a round (default: %(default)s)")
    records.add_options(parser, "input")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    kept = {"images": options.images, "batch": BATCH, "rounds": options.rounds, "tables": {}}
    print("| | load, s | peak MiB | images/s | to the step | mirrored, images/s | to the step |\n" + "|---" * 7 + "|")
    for pair in options.pairs:
        took, speeds = compare(pair, options.images, options.rounds, options.batches)
        kept["tables"][pair] = rows = as_rows(took, speeds)
        for row in rows:
            peak = "" if row["mib"] is None else f"{row['mib']:.0f}"
            cells = [f"{row[key][name]:,.0f}" for name in row["to_step"] for key in ("images_per_second", "to_step")]
            print(f"| {pair} {row['way']} | {row['seconds']:.1f} | {peak} | {' | '.join(cells)} |", flush=True)
    records.write(options, kept)


if __name__ == "__main__":
    main()
