"""Images per second from a trained generator: `python benchmarks/inference.py`.

For each pair of networks and batch size: `gan.generate` from latents and from a seed, the SavedModel's signatures
`serving_default` and `generate` as another process would call them, and Keras's own `predict` of the same generator.
All take turns in every round, so that a noisy machine hits all alike, and all end with NumPy arrays. Prints a table and
writes JSON to a new file: `--out`.
"""

import argparse
import os
import statistics
import tempfile
import time

import pairs
import records

PREDICT = "keras predict"


def contestants(gan, saved, images, batch_size, seed=0):
    """Returns functions that draw `images` images and return them as NumPy arrays, by name.

    Args:
        gan: a `GAN` without classes.
        saved: its SavedModel, loaded.
        images: number of images, a multiple of `batch_size`.
        batch_size: images in a batch. The SavedModel's `generate` draws the batches with seed, seed + 1 ...
        seed: int; all functions but that one draw the same images.
    """
    import keras
    import numpy as np
    import tensorflow as tf

    latents = keras.ops.convert_to_numpy(keras.random.normal((images, gan.latent_dim), seed=seed))
    starts = range(0, images, batch_size)
    serve, generate = saved.signatures["serving_default"], saved.signatures["generate"]
    n = tf.constant(batch_size)

    def served():
        pieces = [serve(z=tf.constant(latents[start : start + batch_size])) for start in starts]
        return np.concatenate([piece["images"].numpy() for piece in pieces])

    def generated():
        pieces = [generate(n=n, seed=tf.constant(seed + number)) for number, _ in enumerate(starts)]
        return np.concatenate([piece["images"].numpy() for piece in pieces])

    return {
        PREDICT: lambda: gan.sampler.predict(latents, batch_size=batch_size, verbose=0),
        "gan.generate(latents)": lambda: gan.generate(latents=latents, batch_size=batch_size),
        "gan.generate(n, seed)": lambda: gan.generate(images, seed=seed, batch_size=batch_size),
        "SavedModel serving_default": served,
        "SavedModel generate": generated,
    }


def compare(gan, images, batch_sizes, rounds):
    """Returns the images per second of each contestant in each round, as {batch size: {name: [...]}}.

    Args:
        images: the most images that are drawn in a call; at most 16 batches.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        gan.export(folder)
        saved = tf.saved_model.load(folder)
        counts = {size: min(max(images // size, 1), 16) * size for size in batch_sizes}
        entered = {size: contestants(gan, saved, counts[size], size) for size in batch_sizes}
        for draw in (draw for named in entered.values() for draw in named.values()):
            draw()  # traces
        speeds = {size: {name: [] for name in named} for size, named in entered.items()}
        for _ in range(rounds):
            for size, named in entered.items():
                for name, draw in named.items():
                    start = time.perf_counter()
                    draw()
                    speeds[size][name].append(counts[size] / (time.perf_counter() - start))
    return speeds


def as_rows(pair, speeds):
    """Returns one dict for each line of the table: the median, the range, and the ratio to Keras's predict."""
    rows = []
    for size, named in speeds.items():
        base = statistics.median(named[PREDICT])
        for name, found in named.items():
            median = statistics.median(found)
            row = {"pair": pair, "batch": size, "name": name, "median": median, "low": min(found), "high": max(found)}
            rows.append(row | {"ratio": median / base})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", nargs="+", choices=sorted(pairs.PAIRS), default=sorted(pairs.PAIRS))
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--images", type=int, default=512, help="of a contestant in a round (default: %(default)s)")
    records.add_options(parser, "inference")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import kerasgan

    print("| pair | batch | | images/s, median (range) | to Keras's predict |\n|---|---|---|---|---|")
    rows = []
    for pair in options.pairs:
        generator, discriminator = pairs.PAIRS[pair]()
        gan = kerasgan.GAN(generator, discriminator, latent_dim=generator.input_shape[-1], seed=0)
        found = as_rows(pair, compare(gan, options.images, (1, 64, 256), options.rounds))
        rows += found
        for row in found:
            spread = f"{row['median']:.0f} ({row['low']:.0f}-{row['high']:.0f})"
            print(f"| {pair} | {row['batch']} | {row['name']} | {spread} | {row['ratio']:.2f} |", flush=True)
    records.write(options, {"rounds": options.rounds, "images": options.images, "rows": rows})


if __name__ == "__main__":
    main()
