"""Checks of networks, and of an objective and penalties with a discriminator, before any training."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras

from kerasgan import keras_internals
from kerasgan.validation import scalars

ONE_LOGIT = (
    "One-stage updates need one logit for each image: of a map of logits, the gradients of several meet in one pixel, "
    "each with a factor of its own. Received: a discriminator that returns a map of logits. Use "
    "updates='simultaneous', or kerasgan.updates.Alternating(same_samples=True)."
)


@dataclasses.dataclass(frozen=True)
class Shapes:
    """What the networks of a GAN say of their images and logits.

    Attributes:
        image: shape of one image, without the batch axis.
        has_patches: whether the discriminator returns a map of logits, (batch, height, width, 1).
        discriminates_by_condition: whether the discriminator takes the condition, too.
    """

    image: tuple[int, ...]
    has_patches: bool
    discriminates_by_condition: bool


def same_shape(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Returns whether two shapes agree in every axis; an axis that is None agrees with any size."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def check_networks(
    generator: keras.Model, discriminator: keras.Model, latent_dim: int, condition: Any = None
) -> Shapes:
    """Checks that latents fit the generator, its output fits the discriminator, and that this ends in logits.

    With a condition, both take it as their second input; a generator without latents as its only one, and a
    discriminator may leave out an image that is a condition. Networks that are not built yet are built by this. The two
    have no layer with variables, and no variable, in common.

    Args:
        generator, discriminator, latent_dim: those of `kerasgan.GAN`.
        condition: a value of `kerasgan.conditions`, or None.

    Raises:
        ValueError: for each of these that does not hold.
    """
    scalars.whole_number("latent_dim", latent_dim, 0)
    if latent_dim == 0 and condition is None:
        raise ValueError(
            "A generator needs latents or a condition. Received: latent_dim=0 without a condition. Use latent_dim=64, "
            "or condition=kerasgan.conditions.Image((64, 64, 1))."
        )
    num_classes = getattr(condition, "num_classes", None)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model):
            raise ValueError(
                f"The {name} must be a Keras model. Received: {name}={network!r}. Use kerasgan.networks, or build a "
                "keras.Sequential."
            )
        _check_inputs(name, network, latent_dim, condition)
        if num_classes is not None:
            _check_classes(name, network, num_classes)
    conditions = [] if condition is None else [keras.KerasTensor((None, *condition.shape), condition.dtype)]
    image = _generated_image(generator, latent_dim, conditions)
    seen = conditions if _num_inputs(discriminator) != 1 else []
    has_patches = _check_logits(discriminator, image, seen)
    _check_shares_nothing(generator, discriminator)
    return Shapes(tuple(image.shape[1:]), has_patches, bool(seen))


def _check_shares_nothing(generator, discriminator):
    """Checks that the networks, built by now, have no variable in common: not a weight, nor the state of a seed.

    Each is written to a file by itself, so that what they share would be read back as two. Layers without variables may
    be shared.
    """
    if generator is discriminator:
        raise ValueError(
            "The generator and the discriminator must be two networks. Received: the same "
            f"{type(generator).__name__} {generator.name!r} as both. Build a second one."
        )
    own = {id(variable) for variable in keras_internals.all_variables(generator)}
    common = [each for each in keras_internals.all_variables(discriminator) if id(each) in own]
    if not common:
        return
    shared = {id(each) for each in common}
    layers = {id(each) for each in keras_internals.all_layers(generator)}
    holders = [
        layer.name
        for layer in keras_internals.all_layers(discriminator, include_self=False)
        if any(id(each) in shared for each in keras_internals.own_variables(layer)) or id(layer) in layers
    ]
    raise ValueError(
        "The generator and the discriminator must have no layer and no weight in common: each has an optimizer of its "
        f"own, and each is saved by itself. Received: {len(common)} shared variables, in {_listed(holders)}. Make a "
        "second layer for the discriminator, with weights of its own."
    )


def _listed(names):
    if not names:
        return "the variables of the model itself"
    return f"layers {', '.join(map(repr, names[:5]))}" + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _num_inputs(network):
    """Returns how many inputs a network has, or None where that is not known, as for subclassed models."""
    return len(network.inputs) if getattr(network, "inputs", None) else None


def _check_inputs(name, network, latent_dim, condition):
    """Checks how many inputs a network has: latents or images, and the condition if there is one."""
    inputs = _num_inputs(network)
    expected = 1 if condition is None else 2
    if name == "generator" and latent_dim == 0:
        expected = 1
    may_leave_out = name == "discriminator" and condition is not None and len(condition.shape) == 3
    if inputs in (None, expected) or (may_leave_out and inputs == 1):
        return
    num_classes = getattr(condition, "num_classes", None)
    if condition is None or num_classes is not None:
        setting, rule = f"num_classes={num_classes}", "two inputs, labels (batch,) the second,"
    else:
        setting, rule = f"condition={condition!r}", "two inputs, the condition the second,"
    rule = "one input" if expected == 1 else rule
    setting += f" and latent_dim={latent_dim}" if name == "generator" and latent_dim == 0 else ""
    raise ValueError(
        f"The {name} must have {rule} for {setting}. Received: a {name} with {inputs}. "
        f"Build the networks and the GAN with the same {setting.split('=')[0]}."
    )


def _check_classes(name, network, num_classes):
    """Checks the layers that take the labels directly: a one-hot encoding of all classes, others of as many or more."""
    for layer in keras_internals.consumers(network, 1):
        if isinstance(layer, keras.layers.CategoryEncoding):
            known, fits = layer.num_tokens, layer.num_tokens == num_classes
        elif isinstance(layer, keras.layers.Embedding):
            known, fits = layer.input_dim, layer.input_dim >= num_classes
        elif type(getattr(layer, "num_classes", None)) is int:  # an auxiliary classifier
            known, fits = layer.num_classes, layer.num_classes >= num_classes
        else:
            continue
        if not fits:
            raise ValueError(
                f"The networks and the GAN must have the same classes. Received: num_classes={num_classes} for a "
                f"{name} built for {known} (layer {layer.name!r}). Build both with the same num_classes."
            )


def _input_shape(network):
    """Returns the shape of a network's first input, with the batch axis, or None where it is not known."""
    return tuple(network.inputs[0].shape) if network.built and getattr(network, "inputs", None) else None


def _generated_image(generator, latent_dim, conditions):
    """Returns the generator's symbolic output for latents of that width, or for conditions alone."""
    if latent_dim == 0:
        shape = f"(batch, {', '.join(map(str, conditions[0].shape[1:]))})"
        return _one_output(_call(generator, conditions[0], [], "generator", shape))
    expected = _input_shape(generator)
    width = latent_dim if expected is None else expected[-1]
    if width is not None and width != latent_dim:
        raise ValueError(
            f"The generator must take latents of shape (batch, latent_dim). Received: latent_dim={latent_dim} and a "
            f"generator with input shape {expected}. Use GAN(..., latent_dim={width})."
        )
    latents = keras.KerasTensor((None, latent_dim))
    return _one_output(_call(generator, latents, conditions, "generator", f"(batch, {latent_dim})"))


def _one_output(image):
    if not hasattr(image, "shape"):
        raise ValueError(
            f"The generator must return one batch of images. Received: {type(image).__name__}. Give it one output."
        )
    return image


def _check_logits(discriminator, image, conditions):
    """Checks that the discriminator takes the generator's images and ends in logits; returns whether in a map of them.

    There is one logit for each image, or a map of them, (batch, height, width, 1).
    """
    expected = _input_shape(discriminator)
    if expected is not None and not same_shape(expected[1:], image.shape[1:]):
        raise ValueError(
            "The generator's output must fit the discriminator's input. Received: a generator that returns "
            f"{image.shape} and a discriminator that takes {expected}. Build both for one image_shape, "
            "for example with kerasgan.networks.dcgan(image_shape)."
        )
    logits = _call(discriminator, image, conditions, "discriminator", str(image.shape))
    is_map = hasattr(logits, "shape") and _is_map(logits.shape)
    if not is_map and (not hasattr(logits, "shape") or tuple(logits.shape[1:]) not in ((), (1,))):
        received = f"shape {logits.shape}" if hasattr(logits, "shape") else f"{len(logits)} outputs"
        raise ValueError(
            "The discriminator must end in one logit for each image, of shape (batch, 1), or in a map of them, "
            "(batch, height, width, 1). "
            f"Received: {received}. End it with keras.layers.Dense(1)."
        )
    activation = _squashing_activation(discriminator)
    if activation:
        raise ValueError(
            "The discriminator must end in a logit, any real number, not in a probability: the losses apply the "
            f"sigmoid themselves. Received: a discriminator that ends in {activation!r}. Leave that activation out."
        )
    return is_map


def _is_map(shape):
    return len(shape) == 4 and shape[-1] == 1


def has_map(discriminator: keras.Model) -> bool:
    """Returns whether a discriminator returns a map of logits, as far as its shapes are known."""
    outputs = getattr(discriminator, "outputs", None) or []
    return len(outputs) == 1 and _is_map(outputs[0].shape)


def _call(network, inputs, conditions, name, shape):
    """Returns a network's symbolic output."""
    try:
        return network([inputs, *conditions] if conditions else inputs)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        with_labels = " together with labels" if conditions and conditions[0].dtype == "int32" else ""
        with_labels = with_labels or (" together with the condition" if conditions else "")
        raise ValueError(
            f"The {name} must accept inputs of shape {shape}{with_labels}. Received this error from it: {reason}. "
            "Build it for that shape."
        ) from error


def _squashing_activation(network):
    """Returns the name of the squashing activation in which a network ends, or None. Looks into nested models."""
    squashing = (keras.activations.sigmoid, keras.activations.softmax, keras.activations.hard_sigmoid)
    layer = network
    while isinstance(layer, keras.Model):
        last = keras_internals.last_operation(layer)
        if last is None and not layer.layers:
            return None
        layer = layer.layers[-1] if last is None else last
    activation = getattr(layer, "activation", None)
    if activation in squashing:
        return activation.__name__
    name = type(layer).__name__.lower()
    return name if name in ("sigmoid", "softmax", "hardsigmoid") else None


def why_not_per_sample(discriminator: keras.Model) -> str | None:
    """Returns why a discriminator does not evaluate each image by itself in training, or None if it does.

    The reason continues the sentence "a discriminator that ...". Custom layers that mix the images of a batch are not
    detected.
    """
    for layer in keras_internals.all_layers(discriminator):
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            return f"normalizes across the batch (layer {layer.name!r})"
        if getattr(layer, "activity_regularizer", None) is not None:
            return f"has an activity regularizer (layer {layer.name!r})"
    return None


def check_combination(discriminator: keras.Model, objective: Any, penalties: Sequence[Any]) -> None:
    """Checks that an objective, penalties and a discriminator can be used together.

    Raises:
        ValueError: for an objective that needs a discriminator with a bounded gradient, where neither a penalty nor
            spectral normalization bounds it; for penalties where the discriminator does not evaluate each image by
            itself.
    """
    penalized = any(penalty.needs_gradient for penalty in penalties)
    unbounded = _unbounded_part(discriminator)
    if objective.needs_lipschitz and unbounded and not penalized:
        raise ValueError(
            "A Wasserstein critic must have a bounded gradient, or its loss falls without end. Received: "
            f"objective={objective}, penalties={tuple(penalties)}, and no spectral normalization of {unbounded}. Use "
            "penalties=kerasgan.penalties.GradientPenalty(10.0), or wrap every layer that has a kernel in "
            "keras.layers.SpectralNormalization."
        )
    reason = why_not_per_sample(discriminator)
    if penalties and reason:
        raise ValueError(
            "A penalty is computed for each image by itself, so the discriminator must evaluate each image by itself. "
            f"Received: penalties={tuple(penalties)} and a discriminator that {reason}. Use layer normalization, or "
            "none."
        )


def _unbounded_part(discriminator):
    """Returns which layers have a kernel that spectral normalization does not bound, or None if it bounds them all."""
    layers = keras_internals.all_layers(discriminator)
    wrappers = [layer for layer in layers if isinstance(layer, keras.layers.SpectralNormalization)]
    bounded = {id(layer) for wrapper in wrappers for layer in (wrapper, wrapper.layer)}
    names = [
        repr(each.name) for each in layers if getattr(each, "kernel", None) is not None and id(each) not in bounded
    ]
    if names:
        return f"layer {', '.join(names)}"
    return None if wrappers else "any layer"
