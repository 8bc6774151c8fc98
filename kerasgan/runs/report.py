"""The figures of a run's samples with all that is needed to read them: floors, deviations, copies, classes."""

import dataclasses
import math
import statistics
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan import datasets, evaluation, features, metrics
from kerasgan.callbacks import translations
from kerasgan.gan import GAN
from kerasgan.runs import data, recipes, record

MAX_TRAINING_IMAGES, MAX_TRAINING_BYTES = 60_000, 2**29
"""Training images that samples are compared with, to find copies; no more than real images where features take long."""

SLOW_FEATURES = ("inception",)
LEAST_IMAGES = 4
"""Fewer have no four nearest neighbors, of which precision and recall are."""


@dataclasses.dataclass(frozen=True)
class RealImages:
    """The real images of an evaluation.

    Attributes:
        images: those that the samples are compared with, float32 (n, height, width, channels), or points (n, d).
        labels: their classes, int (n,); None where they have none.
        others: as many other ones, for the floor of each figure.
        other_labels: the classes of these.
        info: facts of the data set.
        split: the split that all of them are from.
        held_out: whether the run was not trained on them.
        conditions: other conditions of the images than classes, (n, ...), such as the inputs of their translations;
            None for none.
        source: the data set of the images, on whose labels a classifier is trained.
        to: the domain of the images, of a run on two domains; None for other runs.
    """

    images: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None
    others: np.ndarray[Any, Any]
    other_labels: np.ndarray[Any, Any] | None
    info: datasets.DatasetInfo
    split: str
    held_out: bool
    conditions: np.ndarray[Any, Any] | None = None
    source: str | None = None
    to: str | None = None

    @property
    def has_truth(self) -> bool:
        """Whether each sample is the translation of the input of one of these images."""
        return self.conditions is not None and self.conditions.ndim == 4 and self.to is None


def real_images(recipe: recipes.Recipe, n: int, split: str | None, seed: int, to: str | None = None) -> RealImages:
    """Returns n real images and as many others, or halves of the split where there are fewer.

    Args:
        recipe: the recipe of the run.
        n: number of images.
        split: the split; None for "test" if the data set has it, or else "train"; for translations, whose truth the run
            may have learned, the held-out part of it where there is one.
        seed: whole number, of the choice.
        to: the domain of the images, of a run on two domains.

    Raises:
        ValueError: if the data cannot be loaded, or there are fewer than 2 images.
    """
    if split is None and recipe.translates:
        split = data.held_out_split(recipe)
    if split is None:
        split = "test" if datasets.has_test_split(recipe.source) else "train"
    found, labels, info = data.load_arrays(recipe, 2 * n, split, seed)
    source = recipe.source
    if to == "b":
        (found, labels), source = (labels, found), recipe.domain_b
    half = len(found) // 2
    if half < LEAST_IMAGES:
        kind = "images" if labels is None or labels.ndim < 4 else "pairs"
        way_out = "--set held_out=0.5 holds out more of a new run; --split train compares with what the run has learned"
        raise ValueError(
            f"Figures compare two halves of the real {kind}, of at least {LEAST_IMAGES} each. Received: "
            f"split={split!r} with {len(found)}. {way_out if 'train[' in split else 'Add images'}."
        )
    parts = [None, None] if labels is None else [labels[:half], labels[half : 2 * half]]
    held_out = not split.startswith(("train", "all")) or split == recipes.splits(recipe)[1]
    options = {"info": info, "split": split, "held_out": held_out, "source": source, "to": to}
    if recipe.translates or recipe.conditions is not None:
        return RealImages(found[:half], None, found[half : 2 * half], None, conditions=parts[0], **options)
    return RealImages(found[:half], parts[0], found[half : 2 * half], parts[1], **options)


def samples(gan: GAN, real: RealImages, seeds: Sequence[int]) -> list[np.ndarray]:
    """Returns as many samples as there are real images, for each seed of latents.

    A conditional GAN draws with the labels of the real images, so that other shares of the classes do not count
    against it; one with other conditions with those of the real images. Without latents there is one set.
    """
    if real.conditions is not None:
        if real.to is not None:
            return [gan.translate(real.conditions, to=real.to)]
        seeds = seeds if gan.latent_dim else seeds[:1]
        if translations.translates(gan):
            return [gan.translate(real.conditions, seed=seed) for seed in seeds]
        return [gan.generate(seed=seed, condition=real.conditions) for seed in seeds]
    labels = None if gan.num_classes is None else real.labels
    return [gan.generate(len(real.images), seed=seed, labels=labels) for seed in seeds]


def report(
    recipe: recipes.Recipe, real: RealImages, generated: Sequence[np.ndarray], extractor: str, seed: int
) -> tuple[str, dict[str, Any]]:
    """Returns a table for people, and a dict for JSON, of samples on features.

    The values are of the first samples and the first feature network. Each has a floor, the same metric of other real
    images; its standard deviation over the sets of samples; and, where the features are of kerasgan's own classifier,
    over as many classifiers.

    Args:
        recipe: the recipe of the run.
        real: the real images.
        generated: several sets of samples, each as many as there are real images.
        extractor: a name of `kerasgan.features.NAMES`.
        seed: whole number, of the subsets of the kernel distance.
    """
    truth = real.images if real.has_truth else None
    networks = _extractors(recipe, real.source, extractor, len(generated))
    first = evaluation.extract_real(real.images, networks[0], real.labels)
    _say(f"{len(generated)} sets of {len(generated[0]):,} samples")
    sampled = first.extractor(generated[0])
    found = evaluation.evaluate(first, sampled, seed=seed)
    if truth is not None:
        found = dataclasses.replace(found, l1=evaluation.mean_difference(truth, generated[0]))
    found = dataclasses.replace(found, copies=_copies(extractor, recipe, real, first, sampled.features, seed))
    floor = evaluation.evaluate(first, real.others, seed=seed)
    others = [evaluation.evaluate(first, each, seed=seed, truth=truth) for each in generated[1:]]
    deviations = {"latents": _deviations([found, *others])}
    if len(networks) > 1:
        _say(f"{len(networks)} feature networks")
        others = [evaluation.evaluate(real.images, generated[0], each, seed=seed) for each in networks[1:]]
        deviations["networks"] = _deviations([found, *others])
    deviations = {name: column for name, column in deviations.items() if column}
    classes = _classes(recipe, real, first, sampled.features)
    table = evaluation.table(found, floor, {f"over {name}": column for name, column in deviations.items()})
    figures = _figures(found, floor, deviations, networks, classes)
    return "\n\n".join([table, *_class_table(classes), *_remarks(real, found)]), figures


def _extractors(recipe, source, name, count):
    if name != "classifier":
        return [features.get(name)]
    networks = []
    labeled = data.labeled(recipe, source)
    for seed in range(count):
        _say(f"feature network {seed + 1} of {count}: a classifier of {source}, trained once and then kept")
        networks.append(features.get(name, labeled, image_size=recipe.image_size, seed=seed))
    return networks


def _copies(name, recipe, real, first, sampled, seed):
    """Returns whether samples are copies of the images that the run was trained on; None for points and few samples."""
    if recipe.translates or len(real.info.image_shape) != 3 or len(sampled) < metrics.copies.MIN_IMAGES:
        return None
    most = min(MAX_TRAINING_IMAGES, max(len(sampled), MAX_TRAINING_BYTES // real.images[0].nbytes))
    most = min(most, len(sampled)) if name in SLOW_FEATURES else most
    split, held_out_split = recipes.splits(recipe)
    images = data.load_arrays(recipe, most, split, seed)[0]
    _say(f"{len(images):,} training images, to find copies")
    training = first.extractor(images).features
    if recipe.flip:
        training = np.concatenate([training, first.extractor(images[:, :, ::-1]).features])
    return metrics.copying(sampled, training, _held_out_features(recipe, real, first, held_out_split), seed)


def _held_out_features(recipe, real, first, split):
    """Returns the features of images that the run was not trained on; None where there are too few."""
    if real.held_out:
        return first.features.features
    if split is None:
        return None
    images = data.load_arrays(recipe, len(real.images), split)[0]
    return None if len(images) < metrics.copies.MIN_HELD_OUT else first.extractor(images).features


def _deviations(evaluations):
    """Returns the standard deviation of each metric over several evaluations."""
    columns = {name: [each.value(name) for each in evaluations] for name in evaluation.METRICS}
    complete = {name: values for name, values in columns.items() if len(values) > 1 and None not in values}
    return {name: statistics.stdev(values) for name, values in complete.items()}


def _classes(recipe, real, first, sampled):
    """Returns for each class of a conditional run its number of images, its Frechet distance and the floor of that."""
    if not recipe.conditional or real.labels is None:
        return []
    sets = first.features.features, sampled, first.extractor(real.others).features
    rows = []
    for number in range(real.info.num_classes):
        own, others = real.labels == number, real.other_labels == number
        if min(own.sum(), others.sum()) < 2:
            continue
        fid = metrics.frechet_distance(sets[0][own], sets[1][own])
        floor = metrics.frechet_distance(sets[0][own], sets[2][others])
        note = metrics.too_few("fid", int(min(own.sum(), others.sum())), sets[0].shape[1])
        rows.append({"class": number, "images": int(own.sum()), "fid": fid, "floor": floor, "note": note})
    return rows


def _class_table(classes):
    if not classes:
        return []
    rows = [("class", "images", "FID", "real images", "")]
    for row in classes:
        note = "" if row["note"] is None else f"NOTE: {row['note']}"
        rows.append((str(row["class"]), f"{row['images']:,}", f"{row['fid']:.4g}", f"{row['floor']:.4g}", note))
    return [evaluation.layout(rows)]


def _remarks(real, found):
    """Returns sentences below the table."""
    if found.copies is not None and found.copies.suspicious:
        yield "COPIES: the samples are nearer to training images than they should be; see kerasgan.metrics.copying"
    if not real.held_out and len(real.info.image_shape) == 3:
        yield (
            f"The real images (split {real.split}) are those that the run was trained on: a generator that copies them "
            "has better figures than a perfect one."
        )


def _figures(found, floor, deviations, networks, classes):
    """Returns all figures, with what is needed to make them again."""
    figures = dataclasses.asdict(found) | {"classifier_accuracy": networks[0].accuracy, "notes": found.notes}
    figures["floor"] = {name: floor.value(name) for name in evaluation.METRICS if floor.value(name) is not None}
    figures |= {f"deviation_over_{name}": column for name, column in deviations.items()}
    figures["feature_networks"] = [
        {"name": each.name, "accuracy": each.accuracy} | dict(each.settings) for each in networks
    ]
    if classes:
        figures["classes"] = classes
    return without_infinities(figures | {"versions": record.versions()})


def without_infinities(figures: Any) -> Any:
    """Returns figures with None for numbers that are not finite, because JSON has none of these."""
    if isinstance(figures, dict):
        return {name: without_infinities(value) for name, value in figures.items()}
    if isinstance(figures, list):
        return [without_infinities(value) for value in figures]
    return None if isinstance(figures, float) and not math.isfinite(figures) else figures


def _say(text):
    """Prints what goes on, apart from the table."""
    print(f"evaluating: {text}", file=sys.stderr, flush=True)
