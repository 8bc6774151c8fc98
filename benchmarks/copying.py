"""Copies of training images: false alarms, and how surely they are found: `python benchmarks/copying.py`.

Sound runs with the settings of `kerasgan train` must not be suspicious; runs of the digits recipe on 90 of the 1,797
digits must be, with as many steps an epoch. Held-out images are the test images of MNIST, new points, for digits the
tenth that the run is not trained on, and for the runs on 90 digits all other digits. The limits in
`kerasgan/metrics/copies.py` were chosen by seeds from 100 on.
"""

import argparse
import dataclasses
import json
import os

import numpy as np
import records
import tables

GOOD = {"ring": {}, "grid": {}, "bell": {}, "digits": {}, "mnist": tables.MNIST_OF_0_2 | {"epochs": 1}}
FEW = 90
SAMPLES = 2000


def data(name, seed):
    """Returns training values and held-out ones."""
    from kerasgan import datasets

    if name == "few digits":
        images, _, _ = datasets.load_arrays("digits")
        order = np.random.default_rng(seed).permutation(len(images))
        return images[order[:FEW]], images[order[FEW:]]
    if name == "digits":
        return tuple(datasets.load_arrays("digits", split=split)[0] for split in ("train[:90%]", "train[90%:]"))
    if name == "mnist":
        return tuple(datasets.load_arrays("mnist", split=split)[0] for split in ("train", "test"))
    return datasets.load_arrays(name, seed=seed)[0], datasets.load_arrays(name, 5000, seed=seed + 1000)[0]


def run(name, seed):
    """Trains one run, and returns what `copying` says of its samples with and without held-out images."""
    from kerasgan import datasets, features, metrics
    from kerasgan.runs import recipes

    training, held_out = data(name, seed)
    recipe = dataclasses.replace(recipes.get("digits" if name == "few digits" else name), **GOOD.get(name, {}))
    if training.ndim == 4:
        batches, info = datasets.load(training, recipe.batch_size, seed=seed)
    else:
        batches, info = datasets.load(recipe.source, recipe.batch_size, seed=seed)
    passes = recipe.passes_per_epoch * (20 if name == "few digits" else 1)
    gan = recipes.build(dataclasses.replace(recipe, passes_per_epoch=passes), info, seed)
    gan.fit(batches.repeat(passes), epochs=recipe.epochs, verbose=0)
    samples = gan.generate(SAMPLES, seed=seed)
    extractor = features.get("classifier", recipe.source) if training.ndim == 4 else features.get("pixels")
    sets = [extractor(values).features for values in (samples, training, held_out)]
    found = {"held out": metrics.copying(*sets), "none held out": metrics.copying(*sets[:2])}
    result = {"run": name, "seed": seed, "training images": len(training), "held-out images": len(held_out)}
    return result | {kind: dataclasses.asdict(each) | {"excess": each.excess} for kind, each in found.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="of each run (default: %(default)s)")
    parser.add_argument("--runs", nargs="+", default=["few digits", *GOOD], help="only these (default: all)")
    records.add_options(parser, "copying")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    results = []
    for name in options.runs:
        for seed in range(options.seeds):
            results.append(run(name, seed))
            print(json.dumps(results[-1]), flush=True)
    named = "" if len(options.runs) == 1 + len(GOOD) else f" --runs {' '.join(map(repr, options.runs))}"
    command = f"python benchmarks/copying.py --seeds {options.seeds}{named}"
    records.write(options, {"command": command, "runs": results})


if __name__ == "__main__":
    main()
