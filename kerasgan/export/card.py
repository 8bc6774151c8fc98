"""`kerasgan.json`: what goes into an exported model and what comes out, for people and programs that use it."""

import json
import pathlib
from typing import Any

from kerasgan import files

NAME = "kerasgan.json"


def write(gan: Any, file: pathlib.Path) -> None:
    """Writes the card of an exported GAN."""
    with files.written_whole(file) as unfinished:
        unfinished.write_text(json.dumps(contents(gan), indent=2) + "\n")


def contents(gan: Any) -> dict[str, Any]:
    """Returns the shapes, the number of classes and the pixel range of a GAN, a dict that JSON can hold."""
    return {
        "latent_shape": [gan.latent_dim],
        "latent_distribution": "standard normal",
        "image_shape": list(gan.image_shape),
        "num_classes": gan.num_classes,
        "labels": None if gan.num_classes is None else _labels(gan.num_classes),
        "pixel_range": [-1.0, 1.0] if len(gan.image_shape) == 3 else None,
        "logits": "positive means real",
    }


def _labels(num_classes):
    last = num_classes - 1
    return f"int32 (n,), 0 to {last}; labels below 0 are taken as 0, labels above {last} as {last}"
