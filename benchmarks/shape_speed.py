"""The time of a training step for data of any shape: `python benchmarks/shape_speed.py`

Wide images, images of several channels, signals and volumes of 4,096 values each, beside square images of as many, with
networks of the same width: a `dcgan`, and a `resnet` where it is for such data. All take turns in every round, the
square image in the middle of it, so that a noisy machine hits all alike. A ratio is that of a shape's time to the
square's in the same round; below 1 is faster. Prints a table and writes JSON to a new file: `--out`.

The networks differ in what their shape makes of a width: how often it halves, and how many values a kernel has. So
multiplications a step are counted as well, layer by layer as in `pairs.py`, and their ratio stands beside that of the
times.
"""

import argparse
import os
import statistics

import pairs
import records

SQUARE = "square image"
SHAPES = {
    "wide image": (32, 128, 1),
    "image of 4 channels": (32, 32, 4),
    SQUARE: (64, 64, 1),
    "signal": (4096, 1),
    "signal of 4 channels": (1024, 4),
    "volume": (16, 16, 16, 1),
}
NETWORKS = {"dcgan": tuple(SHAPES), "resnet": tuple(name for name in SHAPES if name != "volume")}
LATENT_DIM = 64


def steps_of(network, width, batch):
    """Returns for each shape a function that runs one step and waits for it, and the multiplications of one."""
    import numpy as np
    import tensorflow as tf

    import kerasgan

    entered = {}
    for name in NETWORKS[network]:
        networks = getattr(kerasgan.networks, network)(SHAPES[name], latent_dim=LATENT_DIM, width=width)
        gan = kerasgan.GAN(*networks, latent_dim=LATENT_DIM, seed=0)
        gan.compile()
        values = np.random.default_rng(0).uniform(-1, 1, (batch, *SHAPES[name])).astype("float32")
        step, data = tf.function(gan.train_step, autograph=False), tf.constant(values)
        operations = batch * (3 * pairs.forward_flops(networks[0]) + 6 * pairs.forward_flops(networks[1]))
        entered[name] = (lambda step=step, data=data: float(step(data)["g_loss"])), operations
    return entered


def compare(steps, rounds, times):
    """Returns the seconds of a step of each shape in each round, once each has been traced."""
    for step in steps.values():
        step()
    found = {name: [] for name in steps}
    for number in range(rounds):
        for name in list(steps) if number % 2 else list(steps)[::-1]:
            found[name].append(pairs.seconds(steps[name], times))
    return found


def rows_of(found, operations):
    """Returns a row for each shape: milliseconds, the ratios to the square image's, and that of the multiplications."""
    rows = {}
    for name, each in found.items():
        ratios = [own / square for own, square in zip(each, found[SQUARE], strict=True)]
        rows[name] = {
            "shape": SHAPES[name],
            "milliseconds": round(1000 * statistics.median(each), 2),
            "ratio": round(statistics.median(ratios), 3),
            "range": [round(min(ratios), 3), round(max(ratios), 3)],
            "operations_ratio": round(operations[name] / operations[SQUARE], 3),
        }
    return rows


def report(network, rows):
    """Prints a network's table as Markdown."""
    print(f"\n| {network} | shape | ms, median | to the square image (range) | operations |\n|---|---|---|---|---|")
    for name, row in rows.items():
        spread = f"{row['ratio']:.2f} ({row['range'][0]:.2f}-{row['range'][1]:.2f})"
        shape = "x".join(map(str, row["shape"]))
        print(
            f"| {name} | {shape} | {row['milliseconds']:.1f} | {spread} | {row['operations_ratio']:.2f} |", flush=True
        )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--width", type=int, default=32, help="of the networks (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=32, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="of a shape in a round (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="of TensorFlow (default: all)")
    records.add_options(parser, "shape-speed")
    options = parser.parse_args(arguments)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if options.threads:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    tables = {}
    for network in options.networks:
        entered = steps_of(network, options.width, options.batch)
        found = compare({name: step for name, (step, _) in entered.items()}, options.rounds, options.steps)
        tables[network] = rows_of(found, {name: count for name, (_, count) in entered.items()})
        report(network, tables[network])
    settings = {name: getattr(options, name) for name in ("width", "batch", "rounds", "steps", "threads")}
    records.write(options, {"command": "python benchmarks/shape_speed.py"} | settings | {"tables": tables})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
