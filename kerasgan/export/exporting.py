"""A trained generator, written for those who serve it."""

import json
import pathlib

import keras
import numpy as np

from kerasgan.backend import engine

CARD = "kerasgan.json"
MIXED = "mixed_"


def export(gan, filepath, format="tf_saved_model", **options):
    """Writes a GAN for inference, where neither Keras nor kerasgan is needed.

    As a SavedModel (the default) it has three endpoints, each for any batch size:

    - `serving_default(z)`: float32 latents (n, latent_dim) to images (n, ...) in [-1, 1];
    - `generate(n, seed)`: two int32 scalars to images (n, ...), the same as `gan.generate(n, seed)` draws;
    - `discriminate(images)`: images (n, ...) in [-1, 1] to logits (n,); positive means real.

    In a conditional game `serving_default(z, labels)` and `discriminate(images, labels)` take int32 labels (n,) as
    well; `generate` draws them, evenly. Beside it, in `kerasgan.json`, stand the shapes, the classes and the pixel
    range. Other formats hold the network that draws samples alone: the averaged generator where there is one, computed
    in float32, since what runs them seldom knows mixed precision.

    Args:
        gan: a `GAN`.
        filepath: the folder to be made (for other formats the file, with the suffix that Keras asks for).
        format: `"tf_saved_model"`, or another that `keras.Model.export` knows: `"onnx"`, `"litert"`, `"openvino"`.
        options: for other formats, passed on to `keras.Model.export`.

    Raises:
        ValueError: for options beside the SavedModel, which has none, or on JAX.
    """
    if engine.NO_EXPORT is not None:
        raise ValueError(engine.NO_EXPORT)
    filepath = pathlib.Path(filepath)
    if format == "tf_saved_model":
        if options:
            raise ValueError(f"A SavedModel is written without options. Received: {sorted(options)}. Leave them out.")
        archive = keras.export.ExportArchive()
        engine.add_endpoints(archive, gan)
        archive.write_out(str(filepath), verbose=False)
        card = filepath / CARD
    else:
        network = _in_float32(gan.sampler)
        latents = np.zeros((1, gan.latent_dim), "float32")
        network(latents if gan.num_classes is None else [latents, np.zeros(1, "int32")])  # Keras wants it to be called
        network.export(str(filepath), format=format, verbose=False, **options)
        card = filepath.with_name(f"{filepath.name}.{CARD}")
    card.write_text(json.dumps(_card(gan), indent=2) + "\n")


def _in_float32(network):
    """Returns a network of the same weights that computes in float32; the network itself where it does already."""
    if not any(layer.dtype_policy.name.startswith(MIXED) for layer in network._flatten_layers()):
        return network
    copy = keras.saving.deserialize_keras_object(_unmixed(keras.saving.serialize_keras_object(network)))
    copy.set_weights(network.get_weights())
    return copy


def _unmixed(config):
    """A serialised network with float32 in the place of every mixed dtype policy."""
    if isinstance(config, list | tuple):
        return [_unmixed(each) for each in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"].startswith(MIXED):
        return config | {"config": {"name": "float32"}}
    return {name: _unmixed(each) for name, each in config.items()}


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
