"""Translation of a folder of photos by a finished run: `kerasgan translate`."""

import dataclasses
import functools
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from kerasgan import pictures
from kerasgan.callbacks import translations
from kerasgan.datasets import derived, photos
from kerasgan.gan import GAN
from kerasgan.networks import sizes
from kerasgan.runs import models, run_folder
from kerasgan.validation.printable import printable, quoted

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""How photos are read for a network of so many channels."""
TRIED = (64, 64)
"""The size next to which the multiple of the sizes that a network takes is looked for."""
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif")
OUT_OF_MEMORY = ("ResourceExhausted", "RESOURCE_EXHAUSTED")
"""How TensorFlow and JAX name the error."""
NAMED = 20
"""So many files are named in a warning."""


@dataclasses.dataclass(frozen=True)
class Translated:
    """What `translate` has done.

    Attributes:
        written: number of pictures.
        padded: number of photos among them that were padded to a size that the network takes.
        skipped: names of the photos that could not be translated.
    """

    written: int
    padded: int
    skipped: tuple[str, ...]


def translate(
    run: str | os.PathLike[str],
    source: str | os.PathLike[str],
    out: pathlib.Path,
    to: str | None = None,
    from_photos: bool = False,
    seed: int = 0,
    overwrite: bool = False,
) -> Translated:
    """Translates the photos of a folder, and writes one PNG for each, of the same name and size.

    A photo of a size that the network does not take is padded by reflection to the next one, and its translation
    cropped back. For a run that enlarges photos (`condition_from="small"`) a translation has four times the height and
    width. For a run that fills hidden parts (`"mask"`), what is transparent is hidden, and all else stays as it is.
    Photos that cannot be read, or are too large for the memory, are named and left out.

    Args:
        run: the run's folder.
        source: the folder of the photos, translations of another run among them; or one picture.
        out: the folder of the translations; of one picture also a PNG file.
        to: `"a"` or `"b"`, for a run on two domains; None for b.
        from_photos: whether the inputs are made of the photos, as in training: by `condition_from`, or the half of a
            picture of two.
        seed: of the latents, where the generator has some, and of hidden parts.
        overwrite: whether pictures that are there already are replaced.

    Raises:
        ValueError: for a run that is no translation; if there are no photos, or none that can be translated; if
            translations are there already, or would replace photos.
        OSError: if one cannot be written.
    """
    recipe = run_folder.read_settings(run).get("recipe")
    run_folder.find(run, run_folder.MODEL)
    recipe = recipe if isinstance(recipe, dict) else {}
    make, side = recipe.get("condition_from"), recipe.get("input_side")
    root, names = _photos(pathlib.Path(os.path.expanduser(source)))
    places = _places(root, names, out, overwrite)
    gan = models.load(run)
    _check_run(run, gan, to, make or side, from_photos)
    network, function = _network(gan, to or "b", seed)
    inputs = _Inputs(network, make, side if from_photos else None, from_photos, seed)
    bar, padded, reasons = keras.utils.Progbar(len(names), unit_name="photo"), 0, {}
    for number, (name, place) in enumerate(zip(names, places, strict=True)):
        try:
            given, size = inputs.of(root / name, number)
            made = function(given[None])[0]
        except Exception as error:  # Pillow's formats fail with every kind of error, large photos for want of memory
            reasons[name] = _reason(error)
            continue
        finally:
            bar.update(number + 1)
        if make == "mask":  # what is seen stays as it is
            made = np.where(given[..., 3:] > 0, made, given[..., :3])
        pictures.save_png(place, pictures.to_uint8(made[: size[0], : size[1]]))
        padded += given.shape[:2] != size
    _say_skipped(names, reasons)
    return Translated(len(names) - len(reasons), padded, tuple(reasons))


class _Inputs:
    """The inputs of a network, from photos."""

    def __init__(self, network, make, side, from_photos, seed):
        self.channels = network.inputs[-1].shape[-1]
        self.make, self.side, self.from_photos, self.seed = make, side, from_photos, seed
        ports = sizes.ports_of(network)
        step = sizes.multiple(network, ports, TRIED)
        self.next_size = functools.lru_cache(lambda size: sizes.next_size(network, ports, size, step))

    def of(self, path: pathlib.Path, number: int) -> tuple[np.ndarray, tuple[int, int]]:
        """Returns an input, float32 (height, width, channels) in [-1, 1], and the size to which it is cropped back."""
        image = _read(path, 3 if self.from_photos and self.make in ("gray", "edges", "mask") else self.channels)
        if self.side is not None:
            half = image.shape[1] // 2
            image = image[:, :half] if self.side == "left" else image[:, half:]
        if self.make == "mask" and not self.from_photos and not (image[..., 3] > 0).any():
            raise ValueError("no part of it is transparent, so that nothing is hidden")
        if self.make == "small" and not self.from_photos:
            image = image.repeat(derived.SMALL_FACTOR, axis=0).repeat(derived.SMALL_FACTOR, axis=1)
        size = image.shape[:2]
        larger = self.next_size(size)
        if larger is None:
            raise ValueError(f"the network takes no image of {size[0]}x{size[1]} pixels, nor a larger one")
        image = _padded(image, larger)
        if self.from_photos and self.make is not None:
            image = derived.Derived(self.make, image.shape, self.seed, self.channels, None)(image, number)
        return image.astype("float32") / np.float32(127.5) - np.float32(1.0), size


def _padded(image, size):
    rows, columns = (wanted - side for wanted, side in zip(size, image.shape[:2], strict=True))
    return np.pad(image, ((0, rows), (0, columns), (0, 0)), mode="reflect")


def _read(path, channels):
    """Returns a photo at its own size, uint8; of four channels the last is what is hidden."""
    width, height = photos.shown_size(path)
    if channels != 4:
        return photos.decode_part(path, (height, width), MODES[channels])
    from PIL import Image, ImageOps

    with Image.open(path) as photo:
        pixels = np.array(ImageOps.exif_transpose(photo).convert("RGBA"))
    hidden = pixels[..., 3:] < 128
    return np.concatenate([np.where(hidden, derived.HIDDEN, pixels[..., :3]), hidden * 255], axis=-1).astype("uint8")


def _photos(source):
    """Returns a folder and the names of the photos in it."""
    if source.is_file():
        return source.parent, [source.name]
    if not source.is_dir():
        raise ValueError(f"FOLDER must be a folder of photos, or a picture. Received: {printable(source)}.")
    return source, [
        path.relative_to(source).as_posix() for path in photos.photos_of_others(source, stacklevel=5, with_own=True)
    ]


def _places(root, names, out, overwrite):
    """Returns the file of each translation, after a check that they are free."""
    file = out.suffix.lower() in PICTURES
    if file and (out.suffix.lower() != ".png" or len(names) > 1 or out.is_dir()):
        raise ValueError(
            "Translations are PNG files: --out names a folder, or for one picture a file such as out.png. Received: "
            f"--out {printable(out)} for {len(names)} pictures."
        )
    stems = [pathlib.PurePosixPath(name).with_suffix("").as_posix() for name in names]
    twice = {stem for stem in stems if stems.count(stem) > 1} if len(set(stems)) < len(stems) else set()
    places = [
        out / f"{name if stem in twice else stem}.png" for name, stem in zip(names, stems, strict=True)
    ]  # a.jpg and a.bmp become a.jpg.png and a.bmp.png
    if len(set(places)) < len(places):  # as beside a file a.jpg.gif
        places = [out / f"{name}.png" for name in names]
    places = [out] if file else places
    originals = {os.path.realpath(root / name) for name in names}
    there = [place for place in places if place.exists()]
    replaced = [place for place in there if os.path.realpath(place) in originals]
    if replaced or (there and not overwrite):
        way_out = "Choose another folder" if replaced else "Choose another folder, or replace them with --overwrite"
        raise ValueError(
            f"Translations are new files. Received: --out {printable(out)}, which has {len(there)} of them already, "
            f"such as {printable((replaced or there)[0].name)}. {way_out}."
        )
    return places


def _check_run(run, gan, to, make, from_photos):
    if not translations.translates(gan):
        raise ValueError(
            f"Only a run from image to image translates. Received: {printable(run)}, which draws samples. Use kerasgan "
            f"sample {quoted(run)}, or train one: kerasgan train --pairs INPUTS TARGETS, or FOLDER --condition-from "
            "edges, or --domains A B"
        )
    if to is not None and not translations.translates_both_ways(gan):
        raise ValueError(f"Only a run on two domains has directions. Received: --to {to}. Leave it out.")
    if from_photos and make is None:
        raise ValueError(
            "Inputs are made of photos as in training with --condition-from or --pairs-side-by-side. Received: "
            "--from-photos for a run that was trained on two folders. Leave it out, and give its inputs."
        )


def _network(gan: GAN, to: str, seed: int) -> tuple[keras.Model, Callable[[np.ndarray], Any]]:
    """Returns the generator, and the function that translates images."""
    if translations.translates_both_ways(gan):
        name = "generator_ab" if to == "b" else "generator_ba"
        network, options = gan.part(name, averaged=True), {"to": to}
    else:
        network, options = gan.sampler, {"seed": seed}
    channels = network.inputs[-1].shape[-1]
    if channels not in MODES:
        raise ValueError(
            f"Photos have 1, 3 or 4 channels. Received: a run whose inputs have {channels}. Use gan.translate(images) "
            "in a script."
        )
    return network, functools.partial(gan.translate, **options)


def _reason(error):
    """Returns in one line why a photo could not be translated."""
    if isinstance(error, MemoryError) or any(name in f"{type(error).__name__}: {error}" for name in OUT_OF_MEMORY):
        return "too large for the memory: make it smaller first"
    return f"{type(error).__name__}: {error}"


def _say_skipped(names, reasons):
    if not reasons:
        return
    first = printable(next(iter(reasons.values())))
    listed = ", ".join(map(printable, list(reasons)[:NAMED]))
    listed += f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    if len(reasons) == len(names):
        raise ValueError(
            f"At least one photo must be translated. Received: {len(names)} files that cannot be; the first fails "
            f"with: {first}"
        )
    warnings.warn(
        f"Skipped {len(reasons)} of {len(names)} files that could not be translated: {listed}. The first: {first}",
        stacklevel=3,
    )
