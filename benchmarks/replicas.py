"""The cost of distributing a batch: `python benchmarks/replicas.py`.

One-stage steps of the DCGAN of 28x28 pixels in `fit`, always with the same global batch: on one device, under a
strategy with a single replica, and on 2 and 4 virtual devices, into which TensorFlow splits the CPU. These share its
cores, so nothing can become faster: the efficiency, images per second relative to one device, is the cost of
distributing. Each number of devices has its own process, and all take turns in every round, so that a noisy machine
affects all. Prints a table and writes JSON to a new file: `--out`.
"""

import argparse
import multiprocessing
import os
import statistics

import pairs
import records
import settings

WAYS = {"one device": 0, "1 replica": 1, "2 replicas": 2, "4 replicas": 4}


def contestant(replicas, batch):
    """Returns a function from a number of steps to the images per second of `fit`; 0 replicas for no strategy."""
    import contextlib

    import numpy as np
    import tensorflow as tf

    import kerasgan

    strategy = None
    if replicas:
        parts = [tf.config.LogicalDeviceConfiguration()] * replicas
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], parts)
        strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(replicas)])
    with strategy.scope() if strategy else contextlib.nullcontext():
        generator, discriminator = pairs.dcgan(28, 1)
        gan = kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0)
        gan.compile(updates="one_stage")
    noise = np.random.default_rng(0).integers(256, size=(2 * batch, 28, 28, 1), dtype="uint8")
    batches, _ = kerasgan.datasets.load(noise, batch)
    return lambda steps: settings.speed_of_fit(gan, batches, steps) * batch


def serve(pipe, replicas, batch):
    """Answers each number of steps with the images per second, until it receives None."""
    speed = contestant(replicas, batch)
    for steps in iter(pipe.recv, None):
        pipe.send(speed(steps))


def as_rows(speeds):
    """Returns one dict for each way: its speeds, their median, and the efficiency, to the first way."""
    first = statistics.median(next(iter(speeds.values())))
    return [
        {"way": way, "images_per_second": found, "median": statistics.median(found)}
        | {"efficiency": statistics.median(found) / first}
        for way, found in speeds.items()
    ]


def as_markdown(rows):
    lines = ["| devices | images/s, median (range) | efficiency |", "|---|---|---|"]
    for row in rows:
        found = row["images_per_second"]
        spread = f"{row['median']:,.0f} ({min(found):,.0f}-{max(found):,.0f})"
        lines.append(f"| {row['way']} | {spread} | {row['efficiency']:.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=20, help="of each round (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=64, help="images of all devices together (default: %(default)s)")
    records.add_options(parser, "replicas")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context, children = multiprocessing.get_context("spawn"), {}
    for way, replicas in WAYS.items():
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, replicas, options.batch))
        process.start()
        here.send(max(2, options.steps // 5))  # traces it
        here.recv()
        children[way] = here, process
    speeds = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way, (pipe, _) in children.items():
            pipe.send(options.steps)
            speeds[way].append(pipe.recv())
    for pipe, process in children.values():
        pipe.send(None)
        process.join()
    rows = as_rows(speeds)
    print(as_markdown(rows))
    kept = {"command": "python benchmarks/replicas.py", "batch": options.batch, "steps": options.steps}
    records.write(options, kept | {"rows": rows})


if __name__ == "__main__":
    main()
