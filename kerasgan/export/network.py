"""What is exported: a network in float32, with the names, shapes and ranges of what goes in and comes out."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals
from kerasgan.networks import inputs as network_inputs

MIXED = "mixed_"


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One input or output.

    Args:
        name: its name, the same in every format.
        dtype: its dtype.
        shape: its shape without the batch.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Exported:
    """A network of a GAN, as a function of named inputs.

    Args:
        gan: the `kerasgan.GAN`.
        what: `"generator"`: the network that draws samples, the averaged generator if there is one; `"discriminator"`;
            or `"both"`.
        network: the Keras model, in float32.
        inputs: its inputs, in order: `z` or `images`, and `labels` where there are classes.
        output: its output, `images` or `logits`.
        discriminator: the discriminator, where both are exported.
    """

    gan: Any
    what: str
    network: keras.Model
    inputs: tuple[Tensor, ...]
    output: Tensor
    discriminator: "Exported | None" = None

    @property
    def is_mixed(self) -> bool:
        """Whether the network computes in mixed precision."""
        return is_mixed(self.network)

    def call(self, first: Any, labels: Any = None) -> Any:
        """Returns the output as a float32 tensor of the engine, in inference mode; labels are clipped to the classes.

        Args:
            first: latents (n, latent_dim), or images (n, ...).
            labels: int32 (n,) where there are classes.
        """
        if labels is not None:
            labels = keras.ops.clip(labels, 0, self.gan.num_classes - 1)
        outputs = self.network(network_inputs.network_inputs(first, labels), training=False)
        outputs = outputs if self.output.shape else keras.ops.reshape(outputs, (-1,))
        return keras.ops.cast(outputs, "float32")

    def expected(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the output for arrays by name, computed by Keras: what every format is compared with."""
        given = (keras.ops.convert_to_tensor(inputs[each.name], each.dtype) for each in self.inputs)
        return keras.ops.convert_to_numpy(self.call(*given))


def exported(gan: Any, what: str, in_policy: bool) -> Exported:
    """Returns what is exported of a GAN.

    Args:
        gan: a `kerasgan.GAN`.
        what: see `Exported`; for `"both"` the functions are those of the generator.
        in_policy: True for networks that compute in the precision of their layers, False for float32 in any case.
    """
    labels = () if gan.num_classes is None else (Tensor("labels", "int32", ()),)
    images = Tensor("images", "float32", tuple(gan.image_shape))

    def network_of(each):
        return each if in_policy else in_float32(each)

    discriminator = None
    if what != "generator":
        logits = Tensor("logits", "float32", ())
        discriminator = Exported(gan, "discriminator", network_of(gan.discriminator), (images, *labels), logits)
    if what == "discriminator":
        return discriminator
    z = Tensor("z", "float32", (gan.latent_dim,))
    return Exported(gan, what, network_of(gan.sampler), (z, *labels), images, discriminator)


def is_mixed(network: keras.Model) -> bool:
    """Returns whether a network computes in mixed precision."""
    layers = keras_internals.all_layers(network)
    return any(layer.dtype_policy.name.startswith(MIXED) for layer in layers)


def in_float32(network: keras.Model) -> keras.Model:
    """Returns a network with the same weights that computes in float32; the same network if it already does."""
    if not is_mixed(network):
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
