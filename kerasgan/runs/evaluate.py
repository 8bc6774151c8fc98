"""Evaluation of a finished run: `kerasgan evaluate`."""

import dataclasses
import json
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan import datasets, evaluation, files, metrics, pictures
from kerasgan.callbacks import history_csv
from kerasgan.features.inception import INCEPTION_CHANNELS
from kerasgan.runs import (
    attributes,
    classification,
    models,
    plans,
    progress,
    recipes,
    report,
    run_folder,
    signal_figures,
)
from kerasgan.validation import scalars
from kerasgan.validation.printable import printable

MIN_SAMPLES = 6
"""Density and coverage take five nearest neighbors, other than the sample itself."""

MIXTURES = {
    "ring": (datasets.ring_centers, datasets.RING_SIGMA),
    "grid": (datasets.grid_centers, datasets.GRID_SIGMA),
}


def evaluate(
    run: str | os.PathLike[str],
    n: int = 10_000,
    extractor: str | None = None,
    split: str | None = None,
    seed: int = 0,
    json_file: str | os.PathLike[str] | None = None,
    samples: str | os.PathLike[str] | None = None,
    num_seeds: int = 3,
    classifier: bool = False,
) -> dict[str, Any]:
    """Prints the table of a finished run's figures. The same call gives the same table.

    The figures are also kept in the run, as `evaluation.json`, where `kerasgan compare` finds them.

    Next to each figure is its floor: the same metric of as many other real images. So at most half of the images of the
    split are those that the samples are compared with. See `kerasgan.runs.report`.

    Args:
        run: the run's folder.
        n: number of samples, of real images, and of other real images; half of the split where it has fewer than 2 n.
        extractor: name of the features, one of `kerasgan.features.NAMES`; None for a classifier where the data has
            labels, Inception for other images, the values themselves for points and images of other than 1 and 3
            channels, and mode coverage instead of features for mixtures whose modes are known.
        split: split of the real images; None for "test" if the data set has it, or else "train".
        seed: whole number that fixes the latents, the choice of real images and the subsets of the kernel distance.
        json_file: a file for the figures as JSON; None for no file.
        samples: where to write the samples for other tools: a `.npz` file (key "samples"), or a new or empty folder for
            PNG files; None writes none.
        num_seeds: sets of samples, and of classifiers as the features, over which the figures' deviations are taken;
            1 for no deviations, and the least time.
        classifier: True trains a classifier on samples and one on real images as well, for a conditional run:
            `kerasgan.runs.classification`.

    Returns:
        The figures, a dict that JSON can hold.

    Raises:
        ValueError: if the folder is not a finished run, its data cannot be loaded, `n` is too small, or `samples` is
            not free.
        OSError: if something cannot be written, or weights cannot be downloaded.
    """
    run_folder.find(run, run_folder.MODEL)
    recipe = plans.make_plan(run_folder.read_settings(run), {}, None, False).recipe
    if n < MIN_SAMPLES:
        raise ValueError(
            f"Figures need at least {MIN_SAMPLES} samples, and thousands to mean something. Received: n={n}. Leave it "
            "out for 10,000, or for as many as there are real images to compare with."
        )
    signal_figures.check_not_volumes(recipe, run)
    if classifier:
        classification.check(recipe)
    samples_path, json_path = _outputs(samples, json_file)
    gan = models.load(run)
    if samples_path is not None and samples_path.suffix != ".npz":
        _check_pictures(gan.data_spec[0])
    real = report.real_images(recipe, n, split, seed, None if recipe.domain_b is None else "b")
    _check_shape(real.info, gan)
    seeds = [(seed + number) % 2**31 for number in range(scalars.whole_number("num_seeds", num_seeds, 1))]
    generated = report.samples(gan, real, seeds)
    with progress.saying("evaluating"):
        table, figures = _figures(recipe, real, generated, extractor, seed)
    if real.to is not None:
        table, figures = _with_domain_a(table, figures, recipe, gan, (n, split, seed), extractor)
    if recipe.conditions is not None:
        with progress.saying("training a network that reads the conditions"):
            table, figures = attributes.added(table, figures, recipe, real, generated[0], seed)
    if classifier:
        with progress.saying("training classifiers"):
            classified = classification.classify(recipe, gan, n, seed)
        table, figures = f"{table}\n\n{classification.table(classified)}", figures | classification.figures(classified)
    facts = {"run": str(run), "dataset": real.info.name, "split": real.split, "held_out": real.held_out, "seed": seed}
    figures = facts | {"num_seeds": num_seeds, "latent_seeds": seeds} | figures | _step(run)
    info, split = real.info, real.split
    print(f"{printable(run)}: samples against {printable(info.name)} ({printable(split)})\n\n{table}")
    if samples_path is not None:
        write_samples(samples_path, generated[0])
        print(f"\nsamples  {printable(samples)}")
    if json_path is not None:
        with files.written_whole(json_path) as unfinished:
            unfinished.write_text(json.dumps(figures, indent=2) + "\n")
        print(f"\nfigures  {printable(json_file)}")
    _keep(run, figures)
    return figures


def _with_domain_a(table, figures, recipe, gan, choice, extractor):
    """Returns the table and the figures with those of the other direction, from domain b to domain a."""
    real = report.real_images(recipe, *choice, "a")
    other_table, others = _figures(recipe, real, report.samples(gan, real, [0]), extractor, choice[-1])
    tables = f"Translations to b:\n\n{table}\n\nTranslations to a:\n\n{other_table}"
    return tables, figures | {"domain_a": others}


def _step(run):
    """Returns the last step of the run as a dict, so that figures from before it was extended are known as such."""
    file = pathlib.Path(run) / run_folder.HISTORY
    try:
        return {"step": history_csv.read_history(file)[-1]["step"]} if file.is_file() else {}
    except (OSError, ValueError, LookupError):  # of a damaged one
        return {}


def _keep(run, figures):
    """Writes the figures into the run; one that cannot be written costs a warning."""
    file = pathlib.Path(run) / run_folder.EVALUATION
    try:
        with files.written_whole(file) as unfinished:
            unfinished.write_text(json.dumps(figures, indent=2) + "\n")
    except OSError as error:
        warnings.warn(
            f"The figures are kept in the run, for `kerasgan compare`. Received: {file} ({error}). Copy the run to a "
            "folder that can be written, or keep them with --json FILE.",
            stacklevel=3,
        )


def _outputs(samples, json_file):
    """Returns the paths to be written to, after their checks."""
    if samples is not None:
        _check_free(pathlib.Path(samples))
        samples = files.output(samples, folder=pathlib.Path(samples).suffix != ".npz")
    if json_file is not None:
        json_file = files.output(json_file)
        if not json_file.parent.is_dir():
            raise ValueError(f"The folder of the JSON file must exist. Received: {str(json_file)!r}. Make it first.")
    return samples, json_file


def _check_shape(info, gan):
    if tuple(info.image_shape) != tuple(gan.data_spec[0]):
        raise ValueError(
            f"The data must be what the run was trained on. Received: {info.name}, now of shape {info.image_shape}, "
            f"for a generator of shape {gan.data_spec[0]}. Put the data back, or train again."
        )


def _check_pictures(shape):
    if len(shape) != 3 or shape[-1] not in pictures.PNG_CHANNELS:
        raise ValueError(
            "A folder of samples holds pictures of 1, 3 or 4 channels. Received: samples of the shape "
            f"{tuple(shape)}. Write a .npz file: --samples samples.npz"
        )


def _figures(
    recipe: recipes.Recipe, real: report.RealImages, generated: Sequence[np.ndarray], extractor: str | None, seed: int
) -> tuple[str, dict[str, Any]]:
    """Returns a table for people, and a dict for JSON."""
    if extractor is None and recipe.kind in ("signals", "sounds"):
        return signal_figures.of_signals(real, generated)
    if extractor is None and recipe.source in MIXTURES:
        return _modes(recipe.source, generated[0])
    try:
        return report.report(recipe, real, generated, extractor or _default_features(real.info), seed)
    except OSError as error:  # no weights of Inception, which the distance to the truth does not need
        if extractor is not None or not real.has_truth:
            raise
        return _distance_alone(real, generated[0], error)


def _distance_alone(real, generated, error):
    """Returns the figures of translations of pairs without features."""
    warnings.warn(f"Only the distance to the truth is given. {error}", stacklevel=3)
    distance = evaluation.mean_difference(real.images, generated)
    name, meaning = evaluation.ROWS["l1"]
    rows = [(f"{len(generated):,} translations", "", ""), (name, f"{distance:.4g}", meaning)]
    return evaluation.layout(rows), {"generated": len(generated), "extractor": "no features", "l1": distance}


def _default_features(info):
    if len(info.image_shape) != 3:
        return "pixels"
    if info.num_classes is None and info.image_shape[-1] not in INCEPTION_CHANNELS:
        return "pixels"
    return "inception" if info.num_classes is None else "classifier"


def _modes(source, generated):
    centers, sigma = MIXTURES[source]
    found = metrics.mode_coverage(generated, centers(), sigma)
    rows = [
        (f"{len(generated):,} points", "", ""),
        ("modes", f"{found.modes} of {len(centers())}", "with at least one point within 3 sigma"),
        ("high quality", f"{100 * found.high_quality:.1f} %", "points within 3 sigma of a mode; 98.9 % of real ones"),
        ("reverse KL", f"{found.reverse_kl:.4g}", "lower is better; 0 for an even cover; as in PacGAN's tables"),
        ("JS divergence", f"{found.js:.4g}", "the same, as in the log of PacGAN's code; at most log 2 = 0.693"),
    ]
    return evaluation.layout(rows), report.without_infinities({"generated": len(generated)} | dataclasses.asdict(found))


def write_samples(path: str | os.PathLike[str], samples: np.ndarray) -> None:
    """Writes samples for other tools, such as torch-fidelity and clean-fid.

    Args:
        path: a file that ends in `.npz`, which gets one array, "samples": images uint8 (n, height, width, channels),
            points float32 (n, d); or a folder, new or empty, for images as PNG: 00000.png, 00001.png ...
        samples: float (n, ...) in [-1, 1].

    Raises:
        ValueError: for anything but pictures as PNG files, or a folder that is not empty.
        OSError: if they cannot be written.
    """
    path = pathlib.Path(path)
    _check_free(path)
    images = pictures.to_uint8(samples) if samples.ndim == 4 else samples
    if path.suffix == ".npz":
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.written_whole(path) as unfinished:
            np.savez_compressed(unfinished, samples=images)
        return
    _check_pictures(images.shape[1:])
    for number, image in enumerate(images):
        pictures.save_png(path / f"{number:05d}.png", image)


def _check_free(path):
    """Checks that no file is left from earlier: other tools take every file of a folder for a sample."""
    if path.suffix != ".npz" and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"Samples go into a .npz file, or a folder that is new or empty. Received: {str(path)!r}, which is "
            "neither. Choose another."
        )
