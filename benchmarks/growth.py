"""How time and memory grow: `python benchmarks/growth.py`.

One-stage steps in float32 of a DCGAN of width 64: for 28x28x1 pixels with batches of 16 to 512, and with batches of 64
for 32, 64 and 128 pixels in color. Each in a process of its own, whose peak of resident memory is read at its end; the
import of TensorFlow and Keras alone takes what the first line says. Everything is kept as JSON
in a new file: `--out`.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import sys
import time

import pairs
import records

BATCHES = (16, 32, 64, 128, 256, 512)
SIZES = (32, 64, 128)


def measure(pipe, size, channels, batch, rounds):
    """Sends the seconds of each of some steps, and the peak of resident memory in MiB; without a size, of imports."""
    import numpy as np
    import tensorflow as tf

    import kerasgan

    seconds = []
    if size:
        generator, discriminator = pairs.dcgan(size, channels)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0)
        gan.compile(updates="one_stage")
        step = tf.function(gan.train_step, autograph=False)
        images = np.random.default_rng(0).uniform(-1, 1, (batch, *gan.image_shape)).astype("float32")
        images = tf.constant(images)
        for _ in range(rounds + 2):
            start = time.perf_counter()
            float(step(images)["g_loss"])
            seconds.append(time.perf_counter() - start)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    pipe.send((seconds[2:], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="steps of each (default: %(default)s)")
    records.add_options(parser, "growth")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context, rows = multiprocessing.get_context("spawn"), []
    work = [(0, 0, 0), *((28, 1, batch) for batch in BATCHES), *((size, 3, 64) for size in SIZES)]
    print("| pixels | batch | ms a step, median (range) | images/s | peak MiB |\n|---|---|---|---|---|")
    for size, channels, batch in work:
        here, there = context.Pipe()
        process = context.Process(target=measure, args=(there, size, channels, batch, options.rounds))
        process.start()
        seconds, peak = here.recv()
        process.join()
        rows.append({"size": size, "channels": channels, "batch": batch, "seconds": seconds, "peak_mib": peak})
        if not size:
            print(f"| imports alone | | | | {peak:.0f} |")
            continue
        median, low, high = (1000 * each for each in (statistics.median(seconds), min(seconds), max(seconds)))
        shape, rate = f"{size}x{size}x{channels}", 1000 * batch / median
        print(f"| {shape} | {batch} | {median:.1f} ({low:.1f}-{high:.1f}) | {rate:.0f} | {peak:.0f} |", flush=True)
    records.write(options, {"command": "python benchmarks/growth.py", "rows": rows})


if __name__ == "__main__":
    main()
