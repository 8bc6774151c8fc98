"""Draws docs/mnist.png: 64 samples of the plain DCGAN on the left, 64 of the recipe `mnist` on the right.

`python benchmarks/mnist_picture.py` trains both after the same 180,000 images, with seed 0, and draws the picture into
a new file: `--out`. The rows are those of `benchmarks/quality.py mnist`.
"""

import argparse
import dataclasses
import os

import numpy as np
import records
import tables

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def samples(row):
    """Returns 64 samples of one row of the table `mnist`, always the same."""
    from kerasgan import datasets
    from kerasgan.runs import recipes

    table = tables.TABLES["mnist"]
    recipe = dataclasses.replace(recipes.get(table.recipe), **table.rows[row], epochs=table.epochs)
    batches, info = datasets.load(recipe.source, recipe.batch_size, seed=0)
    gan = recipes.build(recipe, info, 0)
    gan.fit(batches.repeat(recipe.passes_per_epoch), epochs=recipe.epochs, verbose=2)
    return gan.generate(64, seed=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    records.add_options(parser, "mnist", suffix=".png")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from kerasgan import pictures

    left, right = (pictures.tile(samples(row), columns=8) for row in ("plain DCGAN", "**kerasgan mnist**"))
    gap = np.full((left.shape[0], left.shape[1] // 20, 1), 255, "uint8")
    if (path := records.path_of(options)) is not None:
        pictures.save_png(path, np.concatenate([left, gap, right], axis=1))


if __name__ == "__main__":
    main()
