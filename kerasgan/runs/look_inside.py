"""Looking inside a finished run: inversion, anomaly scores, directions and walks, and the files they write."""

import csv
import dataclasses
import os
import pathlib
from typing import Any

import numpy as np

from kerasgan import animations, features, files, pictures, sampling
from kerasgan.callbacks import translations
from kerasgan.datasets import named_images
from kerasgan.gan import GAN
from kerasgan.runs import data, models, plans, recipes, run_folder, sizes
from kerasgan.sampling import inversion, walks
from kerasgan.validation.printable import printable, quoted

INVERSION_FILES = ("pairs.png", "latents.csv", "latents.npz")
"""What `invert` writes: images next to their samples, the distances and latents as text, and all as arrays."""

MOST_PAIRS = 50
"""Pairs in the picture; of more images the first."""

PAIRS_IN_A_ROW = 5
MOST_WALKS = 16


def invert(
    run: str | os.PathLike[str],
    source: str,
    out: pathlib.Path,
    split: str | None = None,
    n: int | None = None,
    extractor: str = "pixels",
    **search: Any,
) -> sampling.Inversion:
    """Inverts images, and writes pairs of pictures, the latents and the distances into a folder.

    Args:
        run: the run's folder.
        source, split, n: the images, as for `kerasgan.datasets.named_images.load_named`.
        out: the folder, new or one of an earlier search, which is replaced.
        extractor: name of the features that are compared.
        search: fields of `kerasgan.sampling.Search`.

    Raises:
        ValueError: if the folder is not a finished run, the images cannot be read, or `out` holds anything else.
        OSError: if something cannot be written.
    """
    others = sorted({each.name for each in out.iterdir()} - set(INVERSION_FILES)) if out.is_dir() else []
    if others:
        raise ValueError(
            f"Latents are written to a new folder, or replace earlier ones. Received: {printable(out)}, which holds "
            f"{printable(others[0])}. Choose another folder."
        )
    gan, recipe = _load(run), _recipe(run)
    named = named_images.load_named(source, gan.image_shape, split, n, recipe.value_range)
    found = gan.invert(named.images, features=_features(recipe, gan, extractor), verbose=1, **search)
    out.parent.mkdir(parents=True, exist_ok=True)
    with files.written_whole(out, durable=False) as unfinished:
        unfinished.mkdir()
        pictures.save_png(unfinished / INVERSION_FILES[0], pairs_picture(named.images, found.images))
        _write_rows(unfinished / INVERSION_FILES[1], _inversion_rows(named.names, found))
        arrays = {
            "latents": found.latents,
            "distances": found.distances,
            "images": named.images,
            "samples": found.images,
        }
        arrays |= {} if found.labels is None else {"labels": found.labels}
        np.savez_compressed(unfinished / INVERSION_FILES[2], names=np.array(named.names), **arrays)
    return found


def _load(run):
    """Returns the GAN of a run, after a check that its samples follow from latents, and a class at most."""
    gan = models.load(run)
    if not inversion.follows_from_latents(gan):
        way_out = "kerasgan sample shows its samples"
        if translations.translates(gan):
            way_out = f"Translate images: kerasgan translate {quoted(run)} FOLDER --out FOLDER"
        raise ValueError(
            "The latents of a run are looked at where samples follow from them, and a class at most. Received: "
            f"{printable(run)}, with {type(gan.condition).__name__.lower()} as the condition. {way_out}."
        )
    return gan


def pairs_picture(images: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Returns a picture of images, each with its sample to the right of it: uint8 (height, width, 1 or 3).

    Points are drawn as a plot, the samples over the given points.
    """
    if images.ndim != 4:
        return pictures.points_picture(samples, images)
    pairs = np.concatenate([images, samples], axis=2)[:MOST_PAIRS]
    return pictures.tile(pairs, columns=PAIRS_IN_A_ROW, padding=2)


def _inversion_rows(names, found):
    width = found.latents.shape[1]
    yield ["name", "distance", *([] if found.labels is None else ["label"]), *(f"z{number}" for number in range(width))]
    for number, name in enumerate(names):
        label = [] if found.labels is None else [int(found.labels[number])]
        yield [name, f"{found.distances[number]:.6g}", *label, *(f"{each:.6g}" for each in found.latents[number])]


@dataclasses.dataclass(frozen=True)
class Reference:
    """Where the held-out images come from that scores are compared with.

    Args:
        source: as for `load_named`; None for images of the run's own data that it was not trained on.
        n: at most so many.
    """

    source: str | None = None
    n: int = 500


def score(
    run: str | os.PathLike[str],
    source: str,
    file: pathlib.Path,
    reference: Reference,
    split: str | None = None,
    n: int | None = None,
    extractor: str = "pixels",
    **search: Any,
) -> sampling.AnomalyScores:
    """Scores images, and writes a CSV file: name, score, p_value and label, the most anomalous first.

    Args:
        run, source, split, n, extractor, search: as for `invert`.
        file: the CSV file.
        reference: the held-out images.

    Raises:
        ValueError: as `invert`; if the run has no held-out images and none are given.
        OSError: if the file cannot be written.
    """
    gan, recipe = _load(run), _recipe(run)
    named = named_images.load_named(source, gan.image_shape, split, n, recipe.value_range)
    held_out = _held_out(recipe, gan, reference)
    options = {"features": _features(recipe, gan, extractor), "verbose": 1} | search
    found = gan.anomaly_scores(named.images, held_out, **options)
    rows = [["name", "score", "p_value", *([] if found.inversion.labels is None else ["label"])]]
    for number in np.argsort(-found.scores, kind="stable"):
        label = [] if found.inversion.labels is None else [int(found.inversion.labels[number])]
        rows.append([named.names[number], f"{found.scores[number]:.6g}", f"{found.p_values[number]:.6g}", *label])
    _write_rows(file, rows)
    return found


def _recipe(run):
    return plans.make_plan(run_folder.read_settings(run), {}, None, False).recipe


def _held_out(recipe, gan, reference):
    """Returns images of the data that the run was not trained on."""
    if reference.source is not None:
        return named_images.load_named(reference.source, gan.image_shape, None, reference.n, recipe.value_range).images
    split = recipes.splits(recipe)[1]
    if split is None:
        raise ValueError(
            "Scores are compared with held-out images of the data. Received: a run that was trained on all of "
            f"{recipe.source!r}. Name such images with --reference IMAGES."
        )
    return data.load_arrays(recipe, reference.n, split)[0]


def _features(recipe, gan: GAN, name: str) -> Any:
    """Returns the extractor of that name; None for pixels."""
    if name == "pixels":
        return None
    if name != "classifier":
        return features.get(name)
    size = {"image_size": recipe.image_size} if len(gan.image_shape) == 3 else {}
    return features.get(name, data.labeled(recipe), **size)


def directions(
    run: str | os.PathLike[str],
    out: pathlib.Path,
    n: int = 8,
    method: str | None = None,
    frames: int = 9,
    extent: float = 3.0,
    seed: int = 0,
    label: int | None = None,
) -> sampling.Directions:
    """Writes a picture of samples along the strongest directions, one in each row.

    Args:
        run: the run's folder.
        out: the PNG file.
        n: number of directions; the latent width where that is smaller.
        method, seed: as for `kerasgan.GAN.directions`.
        frames, extent, label: as for `kerasgan.sampling.direction_samples`.

    Raises:
        ValueError: if the folder is not a finished run, or the generator does not allow the method.
        OSError: if the picture cannot be written.
    """
    gan = _load(run)
    n = min(n, gan.latent_dim)
    sizes.check_samples(n * frames, gan.image_shape)
    found = gan.directions(n, method, seed)
    samples = sampling.direction_samples(gan, found, frames, extent, seed, label)
    is_images = samples.ndim == 4
    pictures.save_png(out, pictures.tile(samples, columns=frames) if is_images else pictures.picture_of(samples))
    return found


@dataclasses.dataclass(frozen=True)
class Walk:
    """A walk through the latents.

    Args:
        frames: number of frames.
        fps: frames per second.
        points: samples that it passes.
        walks: walks side by side; None for 16, or for one of each class, at most 16.
        direction: number of the direction to swing along, counted from 1; None for a walk from sample to sample.
        method: where the direction comes from, as for `kerasgan.GAN.directions`.
        extent: how far to go along it.
        seed: whole number, of the samples.
        label: the class of all walks; None for all classes, with the same latents in each.
    """

    frames: int = 200
    fps: int = 20
    points: int = 6
    walks: int | None = None
    direction: int | None = None
    method: str | None = None
    extent: float = 3.0
    seed: int = 0
    label: int | None = None


def walk(run: str | os.PathLike[str], out: pathlib.Path, plan: Walk) -> int:
    """Writes an animation of a walk, and returns its number of frames.

    Raises:
        ValueError: if the folder is not a finished run, its samples are points, or the file has another ending.
        ImportError: if a package for videos is missing.
        OSError: if the file cannot be written.
    """
    animations.check(out)
    gan = _load(run)
    if len(gan.image_shape) != 3:
        raise ValueError(
            f"An animation shows images. Received: a run whose samples are points of shape {gan.image_shape}."
        )
    latents, labels = walk_latents(gan, plan)
    sizes.check_samples(latents.shape[0] * latents.shape[1], gan.image_shape)
    rows = latents.reshape(-1, gan.latent_dim)
    samples = gan.generate(latents=rows, labels=None if labels is None else np.tile(labels, len(latents)))
    samples = samples.reshape(*latents.shape[:2], *gan.image_shape)
    animations.save(out, np.stack([pictures.tile(frame) for frame in samples]), plan.fps)
    return len(samples)


def walk_latents(gan: GAN, plan: Walk) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the latents of a walk, float32 (frames, walks, latent_dim), and the labels of the walks, int32 or None.

    Without a label, the walks of a conditional GAN are one of each class, all with the same latents.
    """
    by_class = gan.num_classes is not None and plan.label is None
    count = plan.walks or (min(gan.num_classes, MOST_WALKS) if by_class else MOST_WALKS)
    own = 1 if by_class else count
    if plan.direction is None:
        latents = walks.closed_walk(gan.latent_dim, plan.points, plan.frames, plan.seed, own)
    else:
        vector = gan.directions(plan.direction, plan.method, plan.seed).vectors[-1]
        latents = walks.direction_walk(vector, plan.extent, plan.frames, plan.seed, own)
    if not by_class:
        labels = None if plan.label is None else np.full(count, plan.label, "int32")
        return latents, labels
    return latents.repeat(count, axis=1), (np.arange(count) % gan.num_classes).astype("int32")


def _write_rows(path, rows):
    with files.written_whole(path, durable=False) as unfinished, open(unfinished, "w", newline="") as file:
        csv.writer(file).writerows(rows)
