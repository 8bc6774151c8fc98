"""Samples of a run as files: pictures, sounds, and arrays in the dtype, range and unit of the data."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from kerasgan import files, pictures
from kerasgan.callbacks.sample_grid import sample_picture
from kerasgan.datasets import ValueScale
from kerasgan.gan import GAN
from kerasgan.runs import run_folder

SUFFIXES = (".png", ".npy", ".npz", "")
"""What a path of samples may end with; nothing is for a folder."""
MODEL_SCALE = ValueScale("float32", -1.0, 1.0)


def scale_of(run: Any) -> ValueScale:
    """Returns the scale of the data that a run records; [-1, 1] where it records none.

    Raises:
        ValueError: as `recorded_scale` does.
    """
    return recorded_scale(run) or MODEL_SCALE


def recorded_scale(run: Any) -> ValueScale | None:
    """Returns the scale of the data that a run records; None for runs from before there was one, and for points.

    Raises:
        ValueError: if the folder is not a run, or what it records is no scale.
    """
    found = _dataset(run).get("value_scale")
    if found is None:
        return None
    try:
        fields = {field.name: found[field.name] for field in dataclasses.fields(ValueScale)}
        scale = ValueScale(**fields)
        if np.dtype(scale.dtype).kind in "iuf" and float(scale.low) < float(scale.high):
            return scale
    except (TypeError, KeyError, ValueError):
        pass
    raise ValueError(
        f"The record of a run must hold the scale of its data. Received: value_scale={str(found)[:200]}. Put its "
        "settings.json back."
    )


def rate_of(run: Any) -> int | None:
    """Returns the rate of the sounds that a run was trained on, in samples a second; None for other data."""
    rate = _dataset(run).get("rate")
    return rate if type(rate) is int and 0 < rate < 2**31 else None


def facts_of_values(run: Any) -> dict[str, Any]:
    """Returns the arguments of `kerasgan.export.export` by which samples become values of the data, for its card.

    Raises:
        ValueError: as `recorded_scale` does.
    """
    return {"value_scale": recorded_scale(run), "rate": rate_of(run)}


def shown(run: Any, samples: np.ndarray) -> np.ndarray:
    """Returns samples as pictures of a run show them: images with the bands that its recipe has chosen.

    Raises:
        ValueError: if the recorded bands are no channels of the samples.
    """
    recipe = run_folder.read_settings(run).get("recipe")
    bands = recipe.get("bands") if isinstance(recipe, dict) else None
    return pictures.bands_of(samples, bands) if isinstance(bands, list) and samples.ndim == 4 else samples


def write(run: Any, gan: GAN, samples: np.ndarray, out: str | pathlib.Path, label: int | None = None) -> None:
    """Writes samples of a run.

    Args:
        run: the run's folder, whose record has the scale and the rate of the data.
        gan: its model.
        samples: floats (n, ...) in [-1, 1].
        out: a `.png` file for one picture of all; a `.npy` or `.npz` file for an array in the dtype, range and unit of
            the data; or a folder: WAV files of 16 bits of sounds, PNG files of images, 16-bit ones for data of 16 bits,
            and `.npy` files of signals, volumes, and images that no PNG holds.
        label: the class that was asked for, for the names of the files.

    Raises:
        ValueError: for another ending.
        OSError: if they cannot be written.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"Samples go into a .png, .npy or .npz file, or into a folder. Received: {str(out)!r}. Use --out "
            "samples.npy for values, --out samples/ for a file of each."
        )
    if path.suffix.lower() == ".png":
        return pictures.save_png(path, sample_picture(shown(run, samples), rate_of(run)))
    values = scale_of(run).to_source(samples)
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.written_whole(path) as unfinished, open(unfinished, "wb") as file:
            np.save(file, values) if path.suffix.lower() == ".npy" else np.savez_compressed(file, samples=values)
        return
    _write_folder(path, samples, values, rate_of(run), label)


def _write_folder(folder, samples, values, rate, label):
    folder.mkdir(parents=True, exist_ok=True)
    class_part = "" if label is None else f"-class{label}"
    for number, (sample, value) in enumerate(zip(samples, values, strict=True)):
        stem = folder / f"sample-{number:05d}{class_part}"
        if rate is not None and sample.ndim == 2:
            _write_bytes(stem.with_suffix(".wav"), files.wav_bytes(sample, rate))
        elif value.ndim == 3 and value.dtype == np.uint8 and value.shape[-1] in pictures.PNG_CHANNELS:
            pictures.save_png(stem.with_suffix(".png"), value, mark=False)
        elif value.ndim == 3 and value.dtype == np.uint16 and value.shape[-1] == 1:
            _write_gray16(stem.with_suffix(".png"), value[..., 0])
        else:
            with files.written_whole(stem.with_suffix(".npy")) as unfinished, open(unfinished, "wb") as file:
                np.save(file, value)


def _write_bytes(path, content):
    with files.written_whole(path) as unfinished:
        unfinished.write_bytes(content)


def _write_gray16(path, image):
    """Writes one channel of 16 bits as PNG, which Pillow and `kerasgan.datasets.load` read back exactly."""
    from PIL import Image

    with files.written_whole(path) as unfinished:
        Image.fromarray(image).save(unfinished, format="PNG")


def _dataset(run):
    found = run_folder.read_settings(run).get("dataset")
    return found if isinstance(found, dict) else {}
