"""Images a second of one training step: `python benchmarks/throughput.py` (needs `pip install ".[bench]"`).

For three pairs of networks and two precisions it times, on the same networks and batch, kerasgan's update rules, a
two-pass step written as the keras.io DCGAN example has it, and the step of PyTorch's DCGAN example (default layout and
channels last; `bfloat16` under autocast). All contestants take turns in every round, so that a noisy machine hits all
alike; TensorFlow and PyTorch each have a process of their own, since their threads get in each other's way. The limit
is the one-stage step's arithmetic, counted layer by layer, over the machine's own rate of multiplying 2048x2048
matrices, measured in the same run. Prints a table and writes JSON to a new file: `--out`.

`--against CHECKOUT` compares kerasgan's own rows with those of another checkout instead, such as `git worktree add
../before COMMIT` makes one: each row is timed right before and right after the other's, and the ratio is that of each
round. It prints, and writes nothing.
"""

import argparse
import functools
import multiprocessing
import os
import pathlib
import statistics
import sys

import pairs
import records

BATCH = 64
RULES = ("alternating", "simultaneous", "one_stage")
MATRICES, SIDE = "matrix product", 2048
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def kerasgan_steps(checkout, pair):
    """Returns the rows of kerasgan alone, of another checkout."""
    sys.path.insert(0, checkout)
    steps = tensorflow_steps(pair)
    return {key: step for key, step in steps.items() if key[0].startswith("kerasgan")}


def tensorflow_steps(pair):
    """Returns the contestants of TensorFlow as functions that run one step and wait for it."""
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
        for rule in RULES:
            gan = kerasgan.GAN(*pairs.PAIRS[pair](), latent_dim=latent_dim, seed=0)
            gan.compile(updates=rule)
            steps[f"kerasgan {rule}", precision] = _waits(tf.function(gan.train_step, autograph=False), images)
        matrix = tf.cast(tf.random.stateless_normal((SIDE, SIDE), seed=[0, 0]), precision)
        product = tf.function(lambda matrix: tf.reduce_max(matrix @ matrix))
        steps[MATRICES, precision] = lambda product=product, matrix=matrix: float(product(matrix))
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
            step = peers.torch_step(generator, discriminator, images, **options)
            steps[f"PyTorch {layout}", precision] = step
    return steps


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
            pipe.send(pairs.seconds(steps[asked[0]], asked[1]))


def compare(pair, workers, rounds, times):
    """Returns the steps a second of each contestant in each round."""
    entered = []
    for pipe in workers:
        pipe.send(pair)
        entered += [(pipe, name) for name in pipe.recv()]
    speeds = {name: [] for _, name in entered}
    for _ in range(rounds):
        for pipe, name in entered:
            pipe.send((name, times))
            speeds[name].append(1 / pipe.recv())
    return speeds


def compare_checkouts(pair, pipes, rounds, times):
    """Prints the ratio of this checkout's images a second to the other's, of each row: median and range."""
    for pipe in pipes:
        pipe.send(pair)
    names, _ = (pipe.recv() for pipe in pipes)
    print(f"\n{pair}, batch {BATCH}: this checkout to the other\n\n| step | precision | ratio |\n|---|---|---|")
    for name in names:
        ratios = []
        for number in range(rounds):
            seconds = {}
            for pipe in pipes if number % 2 else pipes[::-1]:
                pipe.send((name, times))
                seconds[id(pipe)] = pipe.recv()
            ratios.append(seconds[id(pipes[1])] / seconds[id(pipes[0])])
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f}-{max(ratios):.3f})"
        print(f"| {name[0]} | {name[1]} | {spread} |", flush=True)


def report(pair, speeds):
    """Prints a pair's table as Markdown, and returns it as a dict."""
    generator, discriminator = pairs.PAIRS[pair]()
    flops = 3 * pairs.forward_flops(generator) + 6 * pairs.forward_flops(discriminator)
    rates = {precision: 2 * SIDE**3 * max(speeds.pop((MATRICES, precision))) for precision in POLICIES}
    base = BATCH * statistics.median(speeds["keras.io", "float32"])
    said = ", ".join(f"{rate / 1e9:.0f} GFLOP/s in {precision}" for precision, rate in rates.items())
    print(f"\n{pair}, batch {BATCH}; matrix products: {said}\n")
    print("| step | precision | images/s, median (range) | to keras.io float32 | of the limit |")
    print("|---|---|---|---|---|")
    rows = []
    for (name, precision), steps_per_second in speeds.items():
        found = [BATCH * each for each in steps_per_second]
        median, limit = statistics.median(found), rates[precision] / flops
        row = {"name": name, "precision": precision, "images_per_second": found, "median": median}
        rows.append(row | {"ratio": median / base, "limit": limit})
        spread = f"{median:.0f} ({min(found):.0f}-{max(found):.0f})"
        print(f"| {name} | {precision} | {spread} | {median / base:.2f} | {median / limit:.0%} |", flush=True)
    return {"pair": pair, "batch": BATCH, "flops_per_image": flops, "matrix_flops_per_second": rates, "rows": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=sorted(pairs.PAIRS), default=sorted(pairs.PAIRS))
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=3, help="steps of a contestant in a round (default: %(default)s)")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    parser.add_argument("--against", metavar="CHECKOUT", help="compare kerasgan's rows with those of another checkout")
    records.add_options(parser, "throughput")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    context, workers = multiprocessing.get_context("spawn"), []
    contestants = [tensorflow_steps] + ([] if options.no_torch else [torch_steps])
    if options.against:
        here = str(pathlib.Path(__file__).resolve().parents[1])
        contestants = [functools.partial(kerasgan_steps, checkout) for checkout in (here, options.against)]
    for make_steps in contestants:
        here, there = context.Pipe()
        context.Process(target=work, args=(there, make_steps), daemon=True).start()
        workers.append(here)
    if options.against:
        for pair in options.pairs:
            compare_checkouts(pair, workers, options.rounds, options.steps)
        return
    tables = [report(pair, compare(pair, workers, options.rounds, options.steps)) for pair in options.pairs]
    for pipe in workers:
        pipe.send(None)
    records.write(options, {"rounds": options.rounds, "steps": options.steps, "tables": tables})


if __name__ == "__main__":
    main()
