"""What is exported: networks in float32, with the names, shapes and ranges of what goes in and comes out."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from kerasgan import conditions, keras_internals
from kerasgan.export.registry import DOMAINS
from kerasgan.networks import inputs as network_inputs
from kerasgan.networks import sizes

MIXED = "mixed_"
HALVES = ("bfloat16", "float16")
FREE_AXES = {"logits": ("rows", "columns")}
"""What the sides of any length are called, by the name of a tensor; for images they are `height` and `width`."""

CLIPPED = (conditions.Classes, conditions.Labels)
"""Conditions whose values out of range are brought into it: an exported model cannot refuse them."""


SOURCES = {"discriminator": "generator", "discriminator_a": "generator_ba", "discriminator_b": "generator_ab"}
"""The generator whose images a discriminator evaluates."""


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One input or output.

    Args:
        name: its name, the same in every format.
        dtype: its dtype.
        shape: its shape without the batch; None for a side of any length.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    @property
    def dimensions(self) -> list[int | str]:
        """Its shape with the batch, with names in place of what is free: ["batch", "height", "width", 3]."""
        names = iter(FREE_AXES.get(self.name, ("height", "width")))
        named = [(next(names), side) for side in self.shape[:2]] if len(self.shape) == 3 else []
        sides = [name if side is None else side for name, side in named]
        return ["batch", *sides, *self.shape[len(sides) :]]


LOGITS = Tensor("logits", "float32", ())


@dataclasses.dataclass(frozen=True)
class Exported:
    """A network of a GAN, as a function of named inputs.

    Args:
        gan: the `kerasgan.GAN`.
        what: `"generator"`: the network that draws samples, the averaged generator if there is one; `"discriminator"`;
            the name of one of the four networks of a `kerasgan.CycleGAN`; or `"both"`, for the first of several.
        endpoint: its name in a SavedModel.
        network: the Keras model, in float32.
        inputs: its inputs, in order.
        output: its output: `images`, `translated` or `logits`.
        image_shape: the shape of an image that it returns or evaluates, in training.
        condition: a value of `kerasgan.conditions`, or None.
        source: of a discriminator, the generator whose images it evaluates.
        others: further networks that are exported with this one.
        multiple: what the sides of images must be multiples of, where their size is free; None where that is not known.
    """

    gan: Any
    what: str
    endpoint: str
    network: keras.Model
    inputs: tuple[Tensor, ...]
    output: Tensor
    image_shape: tuple[int, ...]
    condition: conditions.Condition | None = None
    source: "Exported | None" = None
    others: tuple["Exported", ...] = ()
    multiple: int | None = None

    @property
    def all(self) -> tuple["Exported", ...]:
        """This network and the others that are exported with it."""
        return (self, *self.others)

    @property
    def is_discriminator(self) -> bool:
        """Whether it returns logits."""
        return self.output.name == "logits"

    @property
    def role(self) -> str:
        """What it is, for messages: the name of the network."""
        return self.what if self.what != "both" else "generator"

    @property
    def is_mixed(self) -> bool:
        """Whether the network computes in mixed precision."""
        return is_mixed(self.network)

    @property
    def is_free(self) -> bool:
        """Whether it takes images of other sizes than those of training."""
        return any(None in each.shape for each in self.inputs)

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the images that go in, in training; None for a network that takes none."""
        takes_images = any(len(each.shape) == 3 for each in self.inputs)
        return tuple(self.image_shape[:2]) if takes_images else None

    @property
    def drawn_from(self) -> tuple[str, ...]:
        """The inputs of the endpoint `generate`, which draws latents from a seed; () where there is nothing to draw.

        Classes are drawn with the latents, for a number `n` of samples; other conditions are given.
        """
        if self.is_discriminator:
            return ()
        if self.condition is None or isinstance(self.condition, conditions.Classes):
            return ("n", "seed")
        return (self.inputs[-1].name, "seed") if self.gan.latent_dim else ()

    def call(self, *inputs: Any) -> Any:
        """Returns the output as a float32 tensor of the engine, in inference mode; labels are clipped to their range.

        Args:
            inputs: tensors (n, ...), one for each of `inputs`, in this order.
        """
        if isinstance(self.condition, CLIPPED):
            inputs = (*inputs[:-1], keras.ops.clip(inputs[-1], *self.condition.limits))
        outputs = self.network(network_inputs.network_inputs(*inputs), training=False)
        outputs = outputs if self.output.shape else keras.ops.reshape(outputs, (-1,))
        return keras.ops.cast(outputs, "float32")

    def expected(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Returns the output for arrays by name, computed by Keras: what every format is compared with."""
        given = (keras.ops.convert_to_tensor(inputs[each.name], each.dtype) for each in self.inputs)
        return keras.ops.convert_to_numpy(self.call(*given))

    def rounding(self, inputs: Mapping[str, np.ndarray], expected: np.ndarray) -> float:
        """Returns how far the output in float32 is from that in float64, which is exact beside it.

        It is 0 where that is not known: for layers that cannot be copied, or an engine without float64.
        """
        try:
            exact = dataclasses.replace(self, network=_copied(self.network, _in_float64)).expected(inputs)
        except Exception:  # of layers that a user has written; the check then keeps to its own tolerance
            return 0.0
        return float(np.max(np.abs(exact - expected), initial=0))

    def of_fixed_size(self) -> "Exported":
        """Returns the same for images of the size of training alone, for formats that need it."""
        if not any(each.is_free for each in self.all):
            return self
        inputs = tuple(_with_size(each, self.image_shape[:2]) for each in self.inputs)
        others = tuple(each.of_fixed_size() for each in self.others)
        made = dataclasses.replace(self, inputs=inputs, others=others, multiple=None)
        if None not in self.output.shape:
            return made
        return dataclasses.replace(made, output=dataclasses.replace(self.output, shape=_output_shape(made)))


def exported(gan: Any, what: str, in_policy: bool) -> Exported:
    """Returns what is exported of a GAN: the first network, which has the `others`.

    Args:
        gan: a `kerasgan.GAN`.
        what: a value of `choices(gan, several=True)`.
        in_policy: True for networks that compute in the precision of their layers, False for float32 in any case.
    """
    makers = _of_domains(gan) if has_domains(gan) else _of_one_pair(gan)
    names = [name for name in makers if what in ("both", name) or name.startswith(f"{what}_")]
    made = {name: makers[name](in_policy) for name in names}
    for name in names:
        if name in SOURCES:
            source = made.get(SOURCES[name]) or makers[SOURCES[name]](False)
            made[name] = dataclasses.replace(made[name], source=source)
    first, *others = made.values()
    return dataclasses.replace(first, what=what, others=tuple(others))


def has_domains(gan: Any) -> bool:
    """Whether a model translates between two domains, as a `kerasgan.CycleGAN` does."""
    return getattr(gan, "translates_both_ways", False)


def choices(gan: Any, several: bool) -> tuple[str, ...]:
    """Returns what can be exported of a GAN, the default first.

    Args:
        gan: a `kerasgan.GAN`.
        several: whether the format holds several networks.
    """
    if has_domains(gan):
        return ("both", "generator", "discriminator", *DOMAINS) if several else DOMAINS
    return ("both", "generator", "discriminator") if several else ("generator", "discriminator")


def _of_one_pair(gan):
    """Returns functions of `in_policy` that make what is exported of a generator and a discriminator, by name."""
    image_shape, condition = tuple(gan.image_shape), gan.condition
    translates = isinstance(condition, conditions.Image)

    def generator(in_policy):
        z = [Tensor("z", "float32", (gan.latent_dim,))] if gan.latent_dim else []
        given = [] if condition is None else [_port(condition, "images" if translates else condition.input_name)]
        output = Tensor("translated" if translates else "images", "float32", image_shape)
        return _made(
            gan,
            "generator",
            "translate" if translates else "serving_default",
            _network(gan.sampler, in_policy),
            (*z, *given),
            output,
            image_shape,
            condition,
        )

    def discriminator(in_policy):
        known = condition if gan.discriminates_by_condition else None
        given = [] if known is None else [_port(known, known.input_name)]
        images, network = Tensor("images", "float32", image_shape), _network(gan.discriminator, in_policy)
        return _made(gan, "discriminator", "discriminate", network, (images, *given), LOGITS, image_shape, known)

    return {"generator": generator, "discriminator": discriminator}


def _of_domains(gan):
    """Returns functions of `in_policy` that make what is exported of the four networks of a CycleGAN, by name."""
    shapes = {domain: (*gan.image_shape[:2], own) for domain, own in zip("ab", gan.channels, strict=True)}

    def generator(origin, to, in_policy):
        name, condition = f"generator_{origin}{to}", conditions.Image(shapes[origin])
        network = _network(gan.part(name, averaged=True), in_policy)
        inputs, output = (_port(condition, "images"),), Tensor("translated", "float32", shapes[to])
        return _made(gan, name, f"translate_to_{to}", network, inputs, output, shapes[to], condition)

    def discriminator(domain, in_policy):
        name, images = f"discriminator_{domain}", Tensor("images", "float32", shapes[domain])
        network = _network(gan.part(name), in_policy)
        return _made(gan, name, f"discriminate_{domain}", network, (images,), LOGITS, shapes[domain])

    return {
        "generator_ab": functools.partial(generator, "a", "b"),
        "generator_ba": functools.partial(generator, "b", "a"),
        "discriminator_a": functools.partial(discriminator, "a"),
        "discriminator_b": functools.partial(discriminator, "b"),
    }


def _network(network, in_policy):
    return network if in_policy else in_float32(network)


def _made(gan, what, endpoint, network, inputs, output, image_shape, condition=None):
    """Returns what is exported, with the sizes that the network leaves free, and the shape of its output."""
    inputs = tuple(
        dataclasses.replace(each, shape=sizes.freed(each.shape, network, number)) for number, each in enumerate(inputs)
    )
    made = Exported(gan, what, endpoint, network, inputs, output, image_shape, condition)
    if made.is_discriminator or made.is_free:
        output = dataclasses.replace(output, shape=_output_shape(made))
    if not made.is_free:
        return dataclasses.replace(made, output=output)
    multiple = sizes.multiple(network, _shapes(made), made.size, same_size=not made.is_discriminator)
    return dataclasses.replace(made, output=output, multiple=multiple)


def _shapes(made):
    return [(each.shape, each.dtype) for each in made.inputs]


def _output_shape(made):
    """Returns the shape of the output; () for one logit for each image."""
    shape = sizes.output_shape(made.network, _shapes(made))
    return shape if len(shape) == 3 or not made.is_discriminator else ()


def _port(condition, name):
    return Tensor(name, condition.dtype, tuple(condition.shape))


def _with_size(port, size):
    return dataclasses.replace(port, shape=(*size, port.shape[2])) if len(port.shape) == 3 else port


def is_mixed(network: keras.Model) -> bool:
    """Returns whether a network computes in mixed precision."""
    layers = keras_internals.all_layers(network)
    return any(layer.dtype_policy.name.startswith(MIXED) for layer in layers)


def in_float32(network: keras.Model) -> keras.Model:
    """Returns a network with the same weights that computes in float32; the same network if it already does."""
    if not is_mixed(network):
        return network
    return _copied(network, _without_mixed)


def _copied(network, changed):
    """Returns a network with the same weights, of a config that a function has changed."""
    copy = keras.saving.deserialize_keras_object(changed(keras.saving.serialize_keras_object(network)))
    copy.set_weights(network.get_weights())
    return copy


def _in_float64(config):
    """Returns the config of a network with float64 in place of each float32."""
    if isinstance(config, dict):
        return {name: _in_float64(each) for name, each in config.items()}
    if isinstance(config, list | tuple):
        return [_in_float64(each) for each in config]
    return "float64" if isinstance(config, str) and config == "float32" else config


def _without_mixed(config):
    """Returns the config of a network with float32 in place of each mixed dtype policy, and of the inputs in 16 bits.

    Keras gives a sequential model within a model an input of 16 bits, which would round what goes in.
    """
    if isinstance(config, list | tuple):
        return [_without_mixed(each) for each in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"]["name"].startswith(MIXED):
        return config | {"config": {"name": "float32"}}
    if config.get("class_name") == "InputLayer" and config["config"].get("dtype") in HALVES:
        return config | {"config": config["config"] | {"dtype": "float32"}}
    return {name: _without_mixed(each) for name, each in config.items()}
