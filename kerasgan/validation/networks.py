"""Checks of networks, and of an objective and penalties with a discriminator, before any training."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasgan import keras_internals
from kerasgan.validation import scalars


def same_shape(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """True where two shapes agree in every axis; an axis that is None agrees with any size."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def check_networks(
    generator: keras.Model, discriminator: keras.Model, latent_dim: int, num_classes: int | None = None
) -> tuple[int, ...]:
    """Checks that latents fit the generator, its output the discriminator, and that this ends in one logit.

    Where there are classes, both take labels as their second input. Unbuilt networks are built on the way. Returns the
    shape of one image, a tuple without the batch axis.

    Raises:
        ValueError: for each of these that does not hold.
    """
    scalars.whole_number("latent_dim", latent_dim, 1)
    if num_classes is not None:
        scalars.whole_number("num_classes", num_classes, 1)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model):
            raise ValueError(f"The {name} must be a Keras model. Received: {name}={network!r}.")
        _inputs_as_many(name, network, num_classes)
    labels = [] if num_classes is None else [keras.KerasTensor((None,), "int32")]
    image = _image_of(generator, latent_dim, labels)
    _one_logit(discriminator, image, labels)
    return tuple(image.shape[1:])


def _inputs_as_many(name, network, num_classes):
    inputs = len(network.inputs) if getattr(network, "inputs", None) else None  # unknown for subclassed models
    if inputs is not None and inputs != (1 if num_classes is None else 2):
        wanted = "one input" if num_classes is None else "two inputs, labels (batch,) the second,"
        raise ValueError(
            f"The {name} must have {wanted} for num_classes={num_classes}. Received: a {name} with {inputs}. "
            "Build the networks and the GAN with the same num_classes."
        )
    for layer in network.XX:  # those of kerasgan's own networks that know how many there are
        known = getattr(layer, "num_tokens", None) or getattr(layer, "input_dim", None)
        if layer.name == "label" and known != num_classes:
            raise ValueError(
                f"The networks and the GAN must have the same classes. Received: num_classes={num_classes} for a "
                f"{name} built for {known}. Build both with the same num_classes."
            )


def _shape_of_input(network):
    """The shape of a network's first input, with the batch axis, or None where it is not known."""
    return tuple(network.inputs[0].shape) if network.built and getattr(network, "inputs", None) else None


def _image_of(generator, latent_dim, labels):
    expected = _shape_of_input(generator)
    width = latent_dim if expected is None else expected[-1]
    if width is not None and width != latent_dim:
        raise ValueError(
            f"The generator must take latents of shape (batch, latent_dim). Received: latent_dim={latent_dim} and a "
            f"generator with input shape {expected}. Use GAN(..., latent_dim={width})."
        )
    latents = keras.KerasTensor((None, latent_dim))
    image = _try_call(generator, latents, labels, "generator", f"(batch, {latent_dim})")
    if not hasattr(image, "shape"):
        raise ValueError(f"The generator must return one batch of images. Received: {type(image).__name__}.")
    return image


def _one_logit(discriminator, image, labels):
    expected = _shape_of_input(discriminator)
    if expected is not None and not same_shape(expected[1:], image.shape[1:]):
        raise ValueError(
            "The generator's output must fit the discriminator's input. Received: a generator that returns "
            f"{image.shape} and a discriminator that takes {expected}. Build both for one image_shape, "
            "for example with kerasgan.networks.dcgan(image_shape)."
        )
    logits = _try_call(discriminator, image, labels, "discriminator", str(image.shape))
    if not hasattr(logits, "shape") or tuple(logits.shape[1:]) not in ((), (1,)):
        received = f"shape {logits.shape}" if hasattr(logits, "shape") else f"{len(logits)} outputs"
        raise ValueError(
            "The discriminator must end in one logit for each image, of shape (batch, 1). "
            f"Received: {received}. End it with keras.layers.Dense(1)."
        )
    squashed = _ends_in_probability(discriminator)
    if squashed:
        raise ValueError(
            "The discriminator must end in a logit, any real number, not in a probability: the losses apply the "
            f"sigmoid themselves. Received: a discriminator that ends in {squashed!r}. Leave that activation out."
        )


def _try_call(network, inputs, labels, name, shape):
    try:
        return network([inputs, *labels] if labels else inputs)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        beside = " and labels beside them" if labels else ""
        raise ValueError(
            f"The {name} must accept inputs of shape {shape}{beside}. Received this from it: {reason}"
        ) from error


def _ends_in_probability(network):
    """The name of the squashing activation in which a network ends, or None. Looks through nested models."""
    squashing = (keras.activations.sigmoid, keras.activations.softmax, keras.activations.hard_sigmoid)
    layer = network
    while isinstance(layer, keras.Model):
        outputs = getattr(layer, "outputs", None) or []
        if outputs and hasattr(outputs[0], "_keras_history"):
            layer = outputs[0]._keras_history.operation
        elif layer.layers:
            layer = layer.layers[-1]
        else:
            return None
    activation = getattr(layer, "activation", None)
    if activation in squashing:
        return activation.__name__
    name = type(layer).__name__.lower()
    return name if name in ("sigmoid", "softmax", "hardsigmoid") else None


def why_not_per_sample(discriminator: keras.Model) -> str | None:
    """Says why a discriminator does not judge each image by itself in training, or returns None if it does.

    Layers of your own that mix the images of a batch cannot be seen from outside.
    """
    for layer in discriminator.XX:
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            return f"normalises across the batch ({layer.name!r})"
        if getattr(layer, "activity_regularizer", None) is not None:
            return f"is charged for its activity ({layer.name!r})"
    return None


def check_combination(discriminator: keras.Model, objective: Any, penalties: Sequence[Any]) -> None:
    """Checks that an objective, penalties and a discriminator make a sound game together.

    Raises:
        ValueError: for a critic that needs a bounded slope and has none, or a penalty on one image's slope where the
            discriminator does not judge each image by itself.
    """
    layers_ = discriminator.XX
    bounded = penalties or any(isinstance(layer, keras.layers.SpectralNormalization) for layer in layers_)
    if objective.needs_lipschitz and not bounded:
        raise ValueError(
            "A Wasserstein critic must have a bounded slope, or its loss falls without end. Received: objective="
            f"{objective} with no penalties. Use penalties=kerasgan.penalties.GradientPenalty(10.0), or wrap the "
            "discriminator's layers in keras.layers.SpectralNormalization."
        )
    reason = why_not_per_sample(discriminator)
    if penalties and reason:
        raise ValueError(
            "A gradient penalty is charged for one image's slope, so each image must be judged by itself. Received: "
            f"penalties={penalties} and a discriminator that {reason}. Use layer normalisation, or none."
        )
