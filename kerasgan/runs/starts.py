"""Runs that start from another run's weights: `kerasgan train FOLDER --from RUN`."""

import hashlib
import inspect
import math
import os
import pathlib
from typing import Any

from kerasgan import networks, transfer
from kerasgan.datasets import DatasetInfo
from kerasgan.gan import GAN
from kerasgan.networks import blocks
from kerasgan.runs import jobs, models, recipes, run_folder
from kerasgan.validation.printable import printable

KEPT = ("name", "recipe", "seed", "guard")
"""Settings of the source that a run takes where it gives no others."""
FITTED = ("batch_size", "passes_per_epoch", "epochs", "augment", "precision")
"""Fields of the recipe that `kerasgan.runs.photo_settings` fits to a folder of photos: not the source's."""
FITTED_TO_SIZE = ("gamma", "gamma_to")
"""Those that it fits to the size of drawn photos. A translation has the source's."""
HALVED = ("dcgan", "resnet")
"""Networks whose width is that of the layer next to the image."""


def settings_of(run: str | os.PathLike[str], data: str | None = None) -> dict[str, Any]:
    """Returns the settings that a run takes from the run whose weights it starts from.

    Args:
        run: the source's folder.
        data: the data of the new run. Of a folder of photos or a set, the fields that are fitted to these are left
            out, so that few photos are augmented, for example. None for the source's own data.

    Raises:
        ValueError: if that is no finished run.
    """
    run_folder.find(run, run_folder.MODEL)
    settings = run_folder.read_settings(run)
    kept = {name: settings[name] for name in KEPT if name in settings}
    recipe = kept.get("recipe")
    if isinstance(recipe, dict) and _is_fitted(data, recipe):
        base = _base_of(recipe)
        left_out = FITTED if base else FITTED + FITTED_TO_SIZE
        kept["recipe"] = base | {name: value for name, value in recipe.items() if name not in left_out}
    return kept


def _is_fitted(data, recipe):
    """Returns whether settings are fitted to the data: folders of photos, and sets that are no recipe's."""
    if data is None or recipe.get("kind", "images") != "images":
        return False
    return os.path.isdir(data) or not (data in recipes.RECIPES or os.path.exists(data))


def _base_of(recipe):
    """Returns the recipe that a translation has the fields from which are not the source's; empty for others."""
    if recipe.get("domain_b") is not None:
        return {"base": "cyclegan"}
    return {"base": "pix2pix"} if any(recipe.get(name) is not None for name in recipes.SOURCES) else {}


def start_of(run: str | os.PathLike[str]) -> dict[str, str]:
    """Returns what a run's settings record of the run that it starts from: its folder and the checksum of its model.

    Raises:
        ValueError: if that is no finished run.
    """
    file = run_folder.find(run, run_folder.MODEL)
    return {"run": os.path.abspath(run), "checksum": _checksum(file)}


def recorded(settings: dict[str, Any]) -> dict[str, str] | None:
    """Returns the start in a run's settings; None for a run from random weights.

    Raises:
        ValueError: if it is no start.
    """
    start = settings.get("from")
    if start is not None and not (
        isinstance(start, dict) and all(isinstance(start.get(name), str) for name in ("run", "checksum"))
    ):
        raise ValueError(
            'The start in the settings must name a run and its checksum: {"run": FOLDER, "checksum": TEXT}. Received: '
            f"from={str(start)[:200]}. Leave it out, and give --from RUN."
        )
    return start


def fitting_networks(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Returns the changes of a run at another size, with a width or depth, and a gamma, that fit where none is given.

    A U-Net halves as often as in the source, at any size. At twice the size others have half of the source's width:
    widths of `dcgan` and `resnet` double with every halving of the image, so that a stage then has the width that it
    has in the source. Those of `resnext` are counted from the smallest map, and stay. Gamma grows with the number of
    pixels, but for translations, whose penalties are the source's.

    Args:
        settings: those of the source.
        changes: fields of the recipe and their new values.
    """
    recipe = settings.get("recipe")
    options = changes.get("network_options", {})
    if not isinstance(recipe, dict) or "image_size" not in changes:
        return changes
    before, after = _sides(recipe.get("image_size")), _sides(changes["image_size"])
    network = recipe.get("network", "dcgan")
    if before is None or after is None:
        return changes
    if not _base_of(recipe):
        larger = math.prod(after) / math.prod(before)
        gammas = {name: recipe[name] * larger for name in FITTED_TO_SIZE if isinstance(recipe.get(name), int | float)}
        changes = gammas | changes
    if "width" in options:
        return changes
    if network == "pix2pix":
        depth = dict(recipe.get("network_options") or {}).get("depth") or blocks.halvings((*before, 1), None)[1]
        return changes | {"network_options": {"depth": depth} | options}
    if after != [2 * side for side in before] or network not in HALVED:
        return changes
    default = inspect.signature(getattr(networks, network)).parameters["width"].default
    width = dict(recipe.get("network_options") or {}).get("width", default)
    if type(width) is not int or width % 2:
        return changes
    return changes | {"network_options": options | {"width": width // 2}}


def _sides(size):
    """Returns height and width as a list; None where that is no size."""
    sides = list(size) if isinstance(size, list | tuple) else [size] * 2
    return sides if len(sides) == 2 and all(type(side) is int and side > 0 for side in sides) else None


def check_job(job: jobs.Job) -> None:
    """Checks that a run that starts from another one is on one device.

    Raises:
        ValueError: if it is not.
    """
    if job.strategy is not None or job.workers > 1:
        raise ValueError(
            f"A run starts from another one's weights on one device. Received: --from with {job.replicas} replicas. "
            "Start it without --strategy, stop it after an epoch, and go on with: kerasgan train --resume RUN "
            "--strategy mirrored"
        )


def apply(gan: GAN, start: dict[str, str], info: DatasetInfo, fit: bool = True) -> str:
    """Gives a new GAN the weights of the run that it starts from, and returns a sentence.

    Args:
        gan: the GAN, compiled, not trained.
        start: what `start_of` has returned.
        info: the facts about the data.
        fit: whether new layers are fitted, at twice the size; a dry run leaves them.

    Raises:
        ValueError: if the run is not there, its model has changed, or the networks do not fit.
    """
    run = start["run"]
    file = run_folder.find(run, run_folder.MODEL)
    found = _checksum(file)
    if found != start["checksum"]:
        raise ValueError(
            "A run starts from the weights that its settings record. Received: "
            f"{file} with checksum {found[:12]} in place of {start['checksum'][:12]}. Put the model back, or start a "
            "new run with --from."
        )
    names = _class_names(run_folder.read_settings(run))
    options = {} if fit else {"match_steps": 0}
    done = transfer.copy_weights(models.load(run), gan, names, info.class_names, **options)
    return f"Starts from {printable(run)}: {done}."


def _class_names(settings):
    """Returns the names of a run's classes; None where it records none, or not all."""
    data = settings.get("dataset")
    names = data.get("class_names") if isinstance(data, dict) and "num_class_names" not in data else None
    return names if isinstance(names, list) else None


def _checksum(file: pathlib.Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
