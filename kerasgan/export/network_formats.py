"""Export of the network that generates samples to the other formats of Keras: ONNX, LiteRT, OpenVINO."""

import pathlib
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals

MIXED = "mixed_"


def write(gan: Any, file: pathlib.Path, format: str, options: dict[str, Any]) -> None:
    """Writes the network in a format of `keras.Model.export`, with its options."""
    network = _in_float32(gan.sampler)
    latents = np.zeros((1, gan.latent_dim), "float32")
    # Keras exports only a network that has been called.
    network(latents if gan.num_classes is None else [latents, np.zeros(1, "int32")])
    network.export(str(file), format=format, verbose=False, **options)


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
