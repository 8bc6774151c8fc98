"""Export of the network that generates samples to the other formats of Keras: ONNX, LiteRT, OpenVINO."""

import pathlib
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals

MIXED = "mixed_"


def write(gan: Any, file: pathlib.Path, format: str, options: dict[str, Any]) -> None:
    """Writes the network in a format of `keras.Model.export`, with its options.

    Labels out of range are clipped, as in a SavedModel: the runtimes of these formats would wrap them, take no class at
    all, or read beyond the end of a table, each in its own way.
    """
    network = _in_float32(gan.sampler)
    latents = np.zeros((1, gan.latent_dim), "float32")
    if gan.num_classes is not None:
        network = _with_clipped_labels(network, gan.latent_dim, gan.num_classes)
    # Keras exports only a network that has been called.
    network(latents if gan.num_classes is None else [latents, np.zeros(1, "int32")])
    network.export(str(file), format=format, verbose=False, **options)


def _with_clipped_labels(network, latent_dim, num_classes):
    """Returns a network with the same weights and inputs that clips labels to [0, num_classes)."""
    names = [each.name for each in network.inputs] if getattr(network, "inputs", None) else ["z", "labels"]
    z = keras.Input((latent_dim,), name=names[0])
    labels = keras.Input((), dtype="int32", name=names[1])
    return keras.Model([z, labels], network([z, keras.ops.clip(labels, 0, num_classes - 1)]))


def _in_float32(network):
    """Returns a network with the same weights that computes in float32; the same network if it already does."""
    layers = keras_internals.all_layers(network)
    if not any(layer.dtype_policy.name.startswith(MIXED) for layer in layers):
        return network
    copy = keras.saving.deserialize_keras_object(_without_mixed(keras.saving.serialize_keras_object(network)))
    copy.set_weights(network.get_weights())
    return copy


def _without_mixed(config):
    """Returns the config of a network with float32 in place of each mixed dtype policy."""
    if isinstance(config, list | tuple):
        return [_without_mixed(each) for each in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"].startswith(MIXED):
        return config | {"config": {"name": "float32"}}
    return {name: _without_mixed(each) for name, each in config.items()}
