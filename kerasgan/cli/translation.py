"""The command `translate`, and what makes a training one from image to image."""

import argparse
import pathlib
import secrets
from typing import Any

from kerasgan import files, pictures
from kerasgan.callbacks import translations
from kerasgan.gan import GAN
from kerasgan.runs import data, plans, run_folder, sizes
from kerasgan.runs import translate as run_translate
from kerasgan.validation.printable import printable, quoted

OPTIONS = ("pairs", "pairs_side_by_side", "condition_from", "domains", "conditions")
"""Options of `train` that say what the condition is; one of them at most."""


def settings_of(options: argparse.Namespace, settings: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Returns the settings of a training with what the options ask for, and its data or None.

    Args:
        options: the arguments of `train`.
        settings: those of a file or of another run, over which the options are laid.

    Raises:
        ValueError: if the options ask for several kinds of conditions, or for no images.
    """
    given = [name for name in OPTIONS if getattr(options, name) is not None]
    if not given:
        return settings, options.what
    named = [f"--{name.replace('_', '-')}" for name in given]
    if len(given) > 1:
        raise ValueError(f"A run has one kind of condition. Received: {' and '.join(named)}. Leave out all but one.")
    if options.what is not None and given[0] in ("pairs", "domains"):
        raise ValueError(
            f"{named[0]} names both folders. Received: {options.what} besides. Leave it out: kerasgan train {named[0]} "
            f"{' '.join(map(quoted, getattr(options, given[0])))}"
        )
    if source_of(options) is None and "recipe" not in settings:
        raise ValueError(f"{named[0]} needs photos. Received: no folder. Run: kerasgan train FOLDER {named[0]} ...")
    base = {} if "recipe" in settings or given[0] == "conditions" else {"base": _recipe(given[0])}
    recipe = base | settings.get("recipe", {}) | _fields(given[0], getattr(options, given[0]))
    return settings | {"recipe": recipe if base or "recipe" in settings else {"base": "photos"} | recipe}, source_of(
        options
    )


def source_of(options: argparse.Namespace) -> str | None:
    """Returns the data of a training: the inputs, domain a, or what stands first; None where nothing is given."""
    both = options.pairs or options.domains
    return options.what if both is None else both[0]


def _recipe(option):
    return "cyclegan" if option == "domains" else "pix2pix"


def _fields(option, value):
    """Returns the fields of the recipe that an option stands for."""
    if option in ("pairs", "domains"):
        return {"targets" if option == "pairs" else "domain_b": value[1]}
    return {"input_side" if option == "pairs_side_by_side" else option: value}


def sample(options: argparse.Namespace, gan: GAN, out: Any) -> None:
    """Writes a picture of translations of the run's own data: inputs, translations and the truth."""
    if options.label is not None:
        raise ValueError(
            f"A run that translates images has no classes. Received: --label {options.label}. Leave it out."
        )
    if out.suffix.lower() != ".png":
        raise ValueError(
            f"Samples of a translation are one picture, a .png file. Received: --out {printable(options.out)}. Use "
            f"--out samples.png, or for a file of each: kerasgan translate {quoted(options.run)} IMAGES --out FOLDER"
        )
    recipe = plans.make_plan(run_folder.read_settings(options.run), {}, None, False).recipe
    columns = translations.CYCLE_COLUMNS if translations.translates_both_ways(gan) else 3
    sizes.check_samples(columns * options.n, (*gan.image_shape[:2], 3))
    images, inputs = data.pairs(recipe, options.n, secrets.randbelow(2**31) if options.seed is None else options.seed)
    pictures.save_png(out, translations.translation_picture(gan, images, inputs, columns * len(images)))
    columns = translations.columns_of(gan)
    how_many = f"all {len(images)}" if len(images) < options.n else str(len(images))
    print(f"{how_many} images of the run's data, {columns}: {printable(options.out)}")


def translate(options: argparse.Namespace) -> None:
    """Writes the translations of a folder of photos."""
    out = files.output(options.out, folder=pathlib.PurePath(options.out).suffix.lower() != ".png")
    found = run_translate.translate(
        options.run, options.images, out, options.to, options.from_photos, options.seed, options.overwrite
    )
    print(f"{found.written:,} translations: {printable(options.out)}")
    if found.padded:
        print(f"{found.padded:,} of them were padded by reflection to a size that the network takes, and cropped back")
