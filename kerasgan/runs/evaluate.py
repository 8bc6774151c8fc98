"""What a finished run's samples are worth: `kerasgan evaluate`."""

import dataclasses
import json
import math
import os
import pathlib

import keras
import numpy as np

from kerasgan import datasets, evaluation, features, metrics, pictures
from kerasgan.runs import run_folder, training

MIXTURES = {
    "ring": (datasets.ring_centres, datasets.RING_SIGMA),
    "grid": (datasets.grid_centres, datasets.GRID_SIGMA),
}


def judge(run, n=10_000, extractor=None, split=None, seed=0, json_file=None, samples=None):
    """Prints the table of a finished run's figures, and writes what is asked for. The same call gives the same table.

    Args:
        run: the run's folder.
        n: how many samples, and at most as many real images.
        extractor: name of the features, one of `kerasgan.features.NAMES`; None for the classifier where the data has
            labels, Inception for other images, the values themselves for points, and mode coverage instead of features
            for mixtures whose modes are known.
        split: of the real images; None for "test" where the data set has it, or else "train".
        seed: int that fixes the latents, the choice of real images and the subsets of the kernel distance.
        json_file: where the figures go as JSON besides; None for nowhere.
        samples: where the samples go for other tools: a `.npz` file (key "samples"), or a folder of PNG files, new or
            empty; None for nowhere.

    Returns:
        The figures, a dict that JSON can hold.

    Raises:
        ValueError: if the folder is no finished run, its data cannot be loaded again, or there is no room for samples.
        OSError: if something cannot be written, or weights cannot be downloaded.
    """
    gan_file = run_folder.find(run, run_folder.MODEL)
    recipe = training.plan(run_folder.read_settings(run), {}, None, False).recipe
    if samples is not None:
        _check_room(pathlib.Path(samples))
    if json_file is not None and not pathlib.Path(json_file).absolute().parent.is_dir():
        raise ValueError(f"The folder of the JSON file must exist. Received: {str(json_file)!r}. Make it first.")
    gan = keras.models.load_model(gan_file)
    if split is None:
        split = "test" if datasets.has_test_split(recipe.source) else "train"
    real, labels, info = datasets.load_arrays(recipe.source, n, image_size=recipe.image_size, split=split, seed=seed)
    if info.image_shape != gan.image_shape:
        raise ValueError(
            f"The data must be what the run was trained on. Received: {info.name}, now of shape {info.image_shape}, "
            f"for a generator of shape {gan.image_shape}. Put the data back, or train again."
        )
    # By the labels of the real images, so that a conditional game is not blamed for shares that it was never asked for.
    generated = gan.generate(len(real), seed=seed, labels=None if gan.num_classes is None else labels)
    facts = {"run": str(run), "dataset": info.name, "split": split, "seed": seed}
    table, figures = _figures(recipe, info, real, generated, extractor, seed)
    print(f"{run}: samples against {info.name} ({split})\n\n{table}")
    if samples is not None:
        write_samples(samples, generated)
        print(f"\nsamples  {samples}")
    if json_file is not None:
        pathlib.Path(json_file).write_text(json.dumps(facts | figures, indent=2) + "\n")
        print(f"\nfigures  {json_file}")
    return facts | figures


def _figures(recipe, info, real, generated, extractor, seed):
    """Returns a table for people, and a dict."""
    if extractor is None and recipe.source in MIXTURES:
        return _modes(recipe.source, generated)
    extractor = extractor or _usual(info)
    how = {"image_size": recipe.image_size} if extractor == "classifier" else {}
    extractor = features.get(extractor, recipe.source if extractor == "classifier" else None, **how)
    found = evaluation.evaluate(real, generated, extractor, seed=seed)
    return evaluation.table(found), _finite(dataclasses.asdict(found) | {"classifier_accuracy": extractor.accuracy})


def _usual(info):
    if len(info.image_shape) != 3:
        return "pixels"
    return "inception" if info.num_classes is None else "classifier"


def _modes(source, generated):
    centres, sigma = MIXTURES[source]
    found = metrics.mode_coverage(generated, centres(), sigma)
    rows = [
        (f"{len(generated):,} points", "", ""),
        ("modes", f"{found.modes} of {len(centres())}", "with at least one point within 3 sigma"),
        ("high quality", f"{100 * found.high_quality:.1f} %", "points within 3 sigma of a mode; 98.9 % of real ones"),
        ("reverse KL", f"{found.reverse_kl:.4g}", "lower is better; 0 for an even cover"),
    ]
    return evaluation.layout(rows), _finite({"generated": len(generated)} | dataclasses.asdict(found))


def _finite(figures):
    """JSON knows no infinity: what is not finite becomes None."""
    return {name: None if isinstance(x, float) and not math.isfinite(x) else x for name, x in figures.items()}


def write_samples(where, samples):
    """Writes samples for other tools, such as torch-fidelity and clean-fid.

    Args:
        where: a file that ends in `.npz`, which gets one array, "samples": images uint8 (n, height, width, channels),
            points float32 (n, d); or a folder, new or empty, for images as PNG: 00000.png, 00001.png ...
        samples: float (n, ...) in [-1, 1].

    Raises:
        ValueError: for points that are to become PNG files, or a folder that is not empty.
    """
    where = pathlib.Path(where)
    _check_room(where)
    images = pictures.to_uint8(samples) if samples.ndim == 4 else samples
    if where.suffix == ".npz":
        return _write_npz(where, images)
    if images.ndim != 4:
        raise ValueError(f"Points are no pictures. Received: samples of shape {images.shape}. Write a .npz file.")
    for number, image in enumerate(images):
        pictures.save_png(where / f"{number:05d}.png", image)


def _write_npz(path, samples):
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with beside.open("wb") as file:
            np.savez_compressed(file, samples=samples)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _check_room(where):
    """Other tools take every file of a folder for a sample, so none may be left from earlier."""
    if where.suffix != ".npz" and where.exists() and (not where.is_dir() or any(where.iterdir())):
        raise ValueError(
            f"Samples go into a .npz file, or a folder that is new or empty. Received: {str(where)!r}, which is "
            "neither. Choose another."
        )
