"""A trained generator, written for those who serve it."""

import json
import pathlib

import keras

from kerasgan.backend import tensorflow as engine

CARD = "kerasgan.json"


def export(gan, filepath, format="tf_saved_model", **options):
    """Writes a GAN for inference, where neither Keras nor kerasgan is needed.

    As a SavedModel (the default) it has three endpoints, each for any batch size:

    - `serving_default(z)`: float32 latents (n, latent_dim) to images (n, ...) in [-1, 1];
    - `generate(n, seed)`: two int32 scalars to images (n, ...), the same as `gan.generate(n, seed)` draws;
    - `discriminate(images)`: images (n, ...) in [-1, 1] to logits (n,); positive means real.

    In a conditional game `serving_default(z, labels)` and `discriminate(images, labels)` take int32 labels (n,) as
    well; `generate` draws them, evenly. Beside it, in `kerasgan.json`, stand the shapes, the classes and the pixel
    range. Other formats hold the network that draws samples alone: the averaged generator where there is one.

    Args:
        gan: a `GAN`.
        filepath: the folder to be made (for other formats the file, with the suffix that Keras asks for).
        format: `"tf_saved_model"`, or another that `keras.Model.export` knows: `"onnx"`, `"litert"`, `"openvino"`.
        options: for other formats, passed on to `keras.Model.export`.

    Raises:
        ValueError: for options beside the SavedModel, which has none.
    """
    filepath = pathlib.Path(filepath)
    if format == "tf_saved_model":
        if options:
            raise ValueError(f"A SavedModel is written without options. Received: {sorted(options)}. Leave them out.")
        archive = keras.export.ExportArchive()
        engine.add_endpoints(archive, gan)
        archive.write_out(str(filepath), verbose=False)
        card = filepath / CARD
    else:
        gan.sampler.export(str(filepath), format=format, verbose=False, **options)
        card = filepath.with_name(f"{filepath.name}.{CARD}")
    card.write_text(json.dumps(_card(gan), indent=2) + "\n")


def _card(gan):
    return {
        "latent_shape": [gan.latent_dim],
        "latent_distribution": "standard normal",
        "image_shape": list(gan.image_shape),
        "num_classes": gan.num_classes,
        "labels": None if gan.num_classes is None else f"int32 (n,), 0 to {gan.num_classes - 1}",
        "pixel_range": [-1.0, 1.0] if len(gan.image_shape) == 3 else None,
        "logits": "positive means real",
    }
