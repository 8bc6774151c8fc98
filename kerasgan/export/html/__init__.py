"""A page: one HTML file that draws samples by itself, in any browser, without a server and without a network."""

import importlib.metadata
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kerasgan.export.html import own_runtime, page, runtime_of_onnx
from kerasgan.export.network import Exported, has_domains
from kerasgan.validation import scalars

LARGE_BYTES = 10_000_000
"""Pages above this size are slow to open, and too large for most mail."""

CHANNELS = (1, 3)


def check_gan(gan: Any) -> None:
    """Checks that a page can draw the images of a GAN.

    Raises:
        ValueError: for a GAN without latents, or with a condition that is not a class.
    """
    condition = getattr(gan, "condition", None)
    if gan.latent_dim and (condition is None or gan.num_classes is not None):
        return
    received = "a CycleGAN" if has_domains(gan) else f"condition={condition!r} with latent_dim={gan.latent_dim}"
    raise ValueError(
        f"A page draws images from latents, and from classes. Received: {received}. Export it to onnx or litert "
        "instead, which take every condition, and run that file in a program of your own."
    )


def write(
    exported: Exported,
    path: pathlib.Path,
    precision: str,
    card: Mapping[str, Any],
    title: str | None = None,
    data: str | None = None,
    class_names: str | Sequence[str] | None = None,
    directions: Any = None,
    runtime: str = "own",
    onnxruntime_web: str | None = None,
) -> dict[str, Any]:
    """Writes a page.

    Args:
        exported: the generator.
        path: the file.
        precision: of the weights: `"float16"`, `"float32"`, or `"auto"`: float16 where the pixels stay within one of
            255 levels.
        card: what is known of the export.
        title: the title of the page; None for "Generator".
        data: what the generator was trained on, a few words; None leaves it out.
        class_names: names of the classes, a sequence or a text with commas; None for their numbers.
        directions: sliders: a number, for so many of `gan.directions`; pairs of a name and a vector of latents; or an
            object with `names` and `vectors`. None for none.
        runtime: `"own"` for kerasgan's own kernels, or `"onnx"` for onnxruntime-web, which runs all layers.
        onnxruntime_web: for `"onnx"`, the folder of the npm package `onnxruntime-web`.

    Returns:
        What is to be added to the card.

    Raises:
        ValueError: for samples that are no pictures, layers that the page cannot run, names or directions that do not
            fit, or a folder without the files of onnxruntime-web.
    """
    gan = exported.gan
    if len(gan.image_shape) != 3 or gan.image_shape[-1] not in CHANNELS:
        raise ValueError(
            f"A page shows images (height, width, channels) with {CHANNELS[0]} or {CHANNELS[1]} channels. Received: "
            f"image_shape={tuple(gan.image_shape)}. Export to ONNX and draw the samples in a program of your own."
        )
    if runtime == "onnx" and precision == "float16":
        raise ValueError(
            "onnxruntime-web runs the network in float32. Received: precision='float16' with runtime='onnx'. Leave one "
            "of them out."
        )
    if runtime == "onnx":
        parts, found = runtime_of_onnx.parts(exported, onnxruntime_web), {"precision": "float32"}
    else:
        parts, found = own_runtime.parts(exported, precision)
    about = page.About(
        title=title or "Generator",
        data=data,
        class_names=_class_names(class_names, gan.num_classes),
        directions=_directions(directions, gan),
    )
    path.write_text(page.assemble(exported, about, parts, found, card["versions"]), encoding="utf-8")
    _warn_if_large(path)
    return found | {"runtime": runtime}


def run(
    path: pathlib.Path, exported: Exported, inputs: Mapping[str, np.ndarray], card: Mapping[str, Any]
) -> list[np.ndarray]:
    """Returns the images of what a page holds, computed outside of a browser: in NumPy, or in ONNX Runtime."""
    read = page.parts_of(path.read_text(encoding="utf-8"))
    module = runtime_of_onnx if card["runtime"] == "onnx" else own_runtime
    return [module.images(read, inputs)]


def runtime(card: Mapping[str, Any]) -> str:
    """Returns what runs a page in the check."""
    if card["runtime"] == "onnx":
        return f"onnxruntime {importlib.metadata.version('onnxruntime')}"
    return "NumPy, from the page's own weights"


def _class_names(names, num_classes):
    if names is None or num_classes is None:
        return None
    names = [each.strip() for each in names.split(",")] if isinstance(names, str) else [str(each) for each in names]
    if len(names) != num_classes:
        raise ValueError(
            f"There is one name for each class. Received: class_names={names} for num_classes={num_classes}. Leave "
            "them out for the numbers."
        )
    return names


def _directions(directions, gan):
    """Returns pairs of a name and a list of numbers."""
    if isinstance(directions, int | str):
        directions = _found_directions(directions, gan)
    if directions is None:
        return []
    pairs = zip(directions.names, directions.vectors, strict=True) if hasattr(directions, "vectors") else directions
    found = [(str(name), scalars.numbers("directions", vector)) for name, vector in pairs]
    for name, vector in found:
        if np.shape(vector) != (gan.latent_dim,):
            raise ValueError(
                f"A direction is a vector of latent_dim={gan.latent_dim} numbers. Received: {name!r} of shape "
                f"{np.shape(vector)}."
            )
    return [(name, np.asarray(vector, "float64").round(6).tolist()) for name, vector in found]


def _found_directions(count, gan):
    """Returns so many directions of a GAN; None for 0."""
    text = str(count)
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"directions is a number of sliders, or their vectors. Received: directions={count!r}.")
    return gan.directions(int(text)) if int(text) else None


def _warn_if_large(path):
    size = path.stat().st_size
    if size > LARGE_BYTES:
        warnings.warn(
            f"Pages above {LARGE_BYTES / 1e6:.0f} MB open slowly. Received: {size / 1e6:.1f} MB. A network of smaller "
            "width makes a smaller page.",
            stacklevel=2,
        )
