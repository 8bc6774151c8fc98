"""Checks of networks, and of an objective and penalties with a discriminator, before any training."""

from collections.abc import Sequence
from typing import Any

import keras

from kerasgan import keras_internals
from kerasgan.validation import scalars


def same_shape(one: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Returns whether two shapes agree in every axis; an axis that is None agrees with any size."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def check_networks(
    generator: keras.Model, discriminator: keras.Model, latent_dim: int, num_classes: int | None = None
) -> tuple[int, ...]:
    """Checks that latents fit the generator, its output fits the discriminator, and that this ends in one logit.

    With classes, both take labels as their second input. Networks that are not built yet are built by this. The two
    have no layer with variables, and no variable, in common.

    Returns:
        The shape of one image, without the batch axis.

    Raises:
        ValueError: for each of these that does not hold.
    """
    scalars.whole_number("latent_dim", latent_dim, 1)
    if num_classes is not None:
        scalars.whole_number("num_classes", num_classes, 1)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        if not isinstance(network, keras.Model):
            raise ValueError(
                f"The {name} must be a Keras model. Received: {name}={network!r}. Use kerasgan.networks, or build a "
                "keras.Sequential."
            )
        _check_inputs(name, network, num_classes)
        if num_classes is not None:
            _check_classes(name, network, num_classes)
    labels = [] if num_classes is None else [keras.KerasTensor((None,), "int32")]
    image = _generated_image(generator, latent_dim, labels)
    _check_logits(discriminator, image, labels)
    _check_shares_nothing(generator, discriminator)
    return tuple(image.shape[1:])


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


def _check_inputs(name, network, num_classes):
    """Checks how many inputs a network has: latents or images, and labels if there are classes."""
    inputs = len(network.inputs) if getattr(network, "inputs", None) else None  # unknown for subclassed models
    if inputs is not None and inputs != (1 if num_classes is None else 2):
        rule = "one input" if num_classes is None else "two inputs, labels (batch,) the second,"
        raise ValueError(
            f"The {name} must have {rule} for num_classes={num_classes}. Received: a {name} with {inputs}. "
            "Build the networks and the GAN with the same num_classes."
        )


def _check_classes(name, network, num_classes):
    """Checks the layers that take the labels directly: a one-hot encoding of all classes, an embedding of as many."""
    for layer in keras_internals.consumers(network, 1):
        if isinstance(layer, keras.layers.CategoryEncoding):
            known, fits = layer.num_tokens, layer.num_tokens == num_classes
        elif isinstance(layer, keras.layers.Embedding):
            known, fits = layer.input_dim, layer.input_dim >= num_classes
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


def _generated_image(generator, latent_dim, labels):
    """Returns the generator's symbolic output for latents of that width."""
    expected = _input_shape(generator)
    width = latent_dim if expected is None else expected[-1]
    if width is not None and width != latent_dim:
        raise ValueError(
            f"The generator must take latents of shape (batch, latent_dim). Received: latent_dim={latent_dim} and a "
            f"generator with input shape {expected}. Use GAN(..., latent_dim={width})."
        )
    latents = keras.KerasTensor((None, latent_dim))
    image = _call(generator, latents, labels, "generator", f"(batch, {latent_dim})")
    if not hasattr(image, "shape"):
        raise ValueError(
            f"The generator must return one batch of images. Received: {type(image).__name__}. Give it one output."
        )
    return image


def _check_logits(discriminator, image, labels):
    """Checks that the discriminator takes the generator's images and ends in one logit for each."""
    expected = _input_shape(discriminator)
    if expected is not None and not same_shape(expected[1:], image.shape[1:]):
        raise ValueError(
            "The generator's output must fit the discriminator's input. Received: a generator that returns "
            f"{image.shape} and a discriminator that takes {expected}. Build both for one image_shape, "
            "for example with kerasgan.networks.dcgan(image_shape)."
        )
    logits = _call(discriminator, image, labels, "discriminator", str(image.shape))
    if not hasattr(logits, "shape") or tuple(logits.shape[1:]) not in ((), (1,)):
        received = f"shape {logits.shape}" if hasattr(logits, "shape") else f"{len(logits)} outputs"
        raise ValueError(
            "The discriminator must end in one logit for each image, of shape (batch, 1). "
            f"Received: {received}. End it with keras.layers.Dense(1)."
        )
    activation = _squashing_activation(discriminator)
    if activation:
        raise ValueError(
            "The discriminator must end in a logit, any real number, not in a probability: the losses apply the "
            f"sigmoid themselves. Received: a discriminator that ends in {activation!r}. Leave that activation out."
        )


def _call(network, inputs, labels, name, shape):
    """Returns a network's symbolic output."""
    try:
        return network([inputs, *labels] if labels else inputs)
    except Exception as error:
        reason = str(error).strip().split("\n")[0]
        with_labels = " together with labels" if labels else ""
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
