"""Images a second of one training step: `python benchmarks/throughput.py` (needs `pip install ".[bench]"`).

For three pairs of networks and two precisions it times, on the same networks and batch, kerasgan's orders of play, a
two-pass step written as the keras.io DCGAN example has it, and the step of PyTorch's DCGAN example (default layout and
channels last; `bfloat16` under autocast). All contestants take turns in every round, so that a noisy machine hits all
alike; TensorFlow and PyTorch each have a process of their own, since their threads get in each other's way. The limit
is the one-stage step's arithmetic, counted layer by layer, over the machine's own rate of multiplying 2048x2048
matrices, measured in the same run. Prints a table and writes JSON to `benchmarks/results/`.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import statistics
import time

import pairs

BATCH = 64
ORDERS = ("alternating", "simultaneous", "one_stage")
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def tensorflow_steps(pair):
    """Returns the contestants of TensorFlow as functions that play one step and wait for it."""
    import keras
    import numpy as np
    import peers
    import tensorflow as tf

    import kerasgan

    steps = {}
    for precision, policy in POLICIES.items():
        keras.config.set_dtype_policy(policy)
        generator, discriminator = pairs.PAIRS[pair]()
        shape, latent_dim = discriminator.input_shape[1:], generator.input_shape[-1]
        images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (BATCH, *shape)).astype("float32"))
        steps["keras.io", precision] = _waits(peers.keras_io_step(generator, discriminator, latent_dim), images)
        for order in ORDERS:
            gan = kerasgan.GAN(*pairs.PAIRS[pair](), latent_dim=latent_dim, seed=0)
            gan.compile(updates=order)
            steps[f"kerasgan {order}", precision] = _waits(tf.function(gan.train_step, autograph=False), images)
    keras.config.set_dtype_policy("float32")
    return steps


def _waits(step, images):
    return lambda: float(step(images)["g_loss"])


def torch_steps(pair):
    """Returns the contestants of PyTorch, as `tensorflow_steps` does."""
    import numpy as np
    import peers

    generator, discriminator = pairs.PAIRS[pair]()
    images = np.random.default_rng(0).uniform(-1, 1, (BATCH, *discriminator.input_shape[1:])).astype("float32")
    steps = {}
    for precision in POLICIES:
        for layout, channels_last in (("default", False), ("channels last", True)):
            options = {"bfloat16": precision == "bfloat16", "channels_last": channels_last}
            step = peers.torch_step(generator, discriminator, generator.input_shape[-1], images, **options)
            steps[f"PyTorch {layout}", precision] = step
    return steps


def matrix_rates():
    """Floating-point operations a second of a 2048x2048 matrix product, the best of ten, by precision."""
    import tensorflow as tf

    rates = {}
    for precision in POLICIES:
        matrix = tf.cast(tf.random.stateless_normal((2048, 2048), seed=[0, 0]), precision)
        product = tf.function(lambda matrix: tf.reduce_max(matrix @ matrix))
        rates[precision] = max(2 * 2048**3 / _seconds(lambda p=product, m=matrix: float(p(m)), 3) for _ in range(10))
    return rates


def _seconds(step, times):
    start = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - start) / times


def work(pipe, make_steps):
    """A process that builds a pair's contestants and times the one it is asked for."""
    steps = {}
    while (asked := pipe.recv()) is not None:
        if isinstance(asked, str):
            steps = make_steps(asked)
            for step in steps.values():
                step()  # traces and compiles
            pipe.send(list(steps))
        else:
            pipe.send(_seconds(steps[asked[0]], asked[1]))


def compare(pair, workers, rounds, times):
    """Returns the images a second of each contestant in each round."""
    entered = []
    for pipe in workers:
        pipe.send(pair)
        entered += [(pipe, name) for name in pipe.recv()]
    speeds = {name: [] for _, name in entered}
    for _ in range(rounds):
        for pipe, name in entered:
            pipe.send((name, times))
            speeds[name].append(BATCH / pipe.recv())
    return speeds


def report(pair, speeds, rates):
    """Prints a pair's table as Markdown, and returns it as a dict."""
    generator, discriminator = pairs.PAIRS[pair]()
    flops = 3 * pairs.forward_flops(generator) + 6 * pairs.forward_flops(discriminator)
    base = statistics.median(speeds["keras.io", "float32"])
    print(f"\n| {pair}, batch {BATCH} | precision | images/s, median (range) | to keras.io float32 | of the limit |")
    print("|---|---|---|---|---|")
    rows = []
    for (name, precision), found in speeds.items():
        median, limit = statistics.median(found), rates[precision] / flops
        row = {"name": name, "precision": precision, "images_per_second": found, "median": median}
        rows.append(row | {"ratio": median / base, "limit": limit})
        print(
            f"| {name} | {precision} | {median:.0f} ({min(found):.0f}-{max(found):.0f}) | {median / base:.2f} "
            f"| {median / limit:.0%} |"
        )
    return {"pair": pair, "batch": BATCH, "flops_per_image": flops, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=sorted(pairs.PAIRS), default=sorted(pairs.PAIRS))
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="steps of a contestant in a round (default: %(default)s)")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context, workers = multiprocessing.get_context("spawn"), []
    for make_steps in [tensorflow_steps] + ([] if options.no_torch else [torch_steps]):
        here, there = context.Pipe()
        context.Process(target=work, args=(there, make_steps), daemon=True).start()
        workers.append(here)
    rates = matrix_rates()
    print(f"matrix products: {', '.join(f'{rate / 1e9:.0f} GFLOP/s {name}' for name, rate in rates.items())}")
    tables = [report(pair, compare(pair, workers, options.rounds, options.steps), rates) for pair in options.pairs]
    for pipe in workers:
        pipe.send(None)
    result = {"matrix_flops_per_second": rates, "tables": tables}
    path = pathlib.Path(__file__).parent / "results" / "throughput.json"
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
