"""Mistakes that come first: names from other Keras models, networks in the wrong order, logs that do not stop."""

import difflib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import keras

from kerasgan import keras_internals

INSTEAD = {
    "optimizer": "a GAN has two: d_optimizer and g_optimizer, for example compile(keras.optimizers.Adam(2e-4, "
    "beta_1=0.5), keras.optimizers.Adam(2e-4, beta_1=0.5))",
    "learning_rate": "it belongs to the optimizers: compile(d_optimizer=keras.optimizers.Adam(1e-4, beta_1=0.5), "
    "g_optimizer=keras.optimizers.Adam(1e-4, beta_1=0.5))",
    "loss": "both losses come from the objective: compile(objective='hinge'), for example",
    "metrics": "samples are measured by a callback: fit(..., callbacks=[kerasgan.callbacks.Evaluate(images)])",
    "weighted_metrics": "samples are measured by a callback: fit(..., callbacks=[kerasgan.callbacks.Evaluate(images)])",
    "gradient_penalty": "penalties=['gradient_penalty']",
    "gp_weight": "penalties=[kerasgan.penalties.GradientPenalty(10.0)]",
    "d_steps": "updates=kerasgan.updates.Alternating(d_steps=5)",
    "ema": "it belongs to the model: kerasgan.GAN(..., ema=kerasgan.ema.EMA(10_000))",
}
"""For arguments of `compile` that people expect, what they are here."""

LOSSES = ("loss", "d_loss", "g_loss")
NO_QUALITY = tuple(f"{prefix}{name}" for prefix in ("", "val_") for name in LOSSES)
"""Logs that say nothing about the quality of the samples: they rise and fall while samples get better."""

MONITORS = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau, keras.callbacks.ModelCheckpoint)


def unknown_compile_arguments(received: Mapping[str, Any], known: Iterable[str]) -> TypeError:
    """Returns the error for arguments that `GAN.compile` does not have, for the caller to raise."""
    name, value = next(iter(received.items()))
    known = [each for each in known if each != "others"]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    hint = INSTEAD.get(name) or (f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}")
    return TypeError(f"GAN.compile has no argument of that name. Received: {name}={repr(value)[:60]}. Instead: {hint}.")


def check_order(generator: keras.Model, discriminator: keras.Model) -> None:
    """Checks that the generator and the discriminator are not in each other's place.

    Raises:
        ValueError: if the first network ends in one number, and the second in what the first takes.
    """
    shapes = [_shapes(network) for network in (generator, discriminator)]
    if None in shapes:
        return
    (first_input, first_output), (_, second_output) = shapes
    if first_output == (1,) and len(second_output) == len(first_input) and second_output == first_input != (1,):
        raise ValueError(
            "The generator comes first, the discriminator second. Received: a first network that returns one number "
            f"for an image of shape {first_input}, and a second that returns such images. They are swapped: use "
            "GAN(generator, discriminator, latent_dim)."
        )


def check_augmented_condition(condition: Any) -> None:
    """Checks that the condition is no image, which augmentation would not move together with the images.

    Raises:
        ValueError: if it is.
    """
    if condition is not None and len(condition.shape) == 3:
        raise ValueError(
            "Augmentation moves the discriminator's images, and not the images that are their condition. Received: "
            f"augment for condition={condition!r}. Leave it out; flip=True and random crops of kerasgan.datasets move "
            "both alike."
        )


def _shapes(network):
    """Returns the shapes of a network's first input and output without the batch axis, or None if not known."""
    if not getattr(network, "inputs", None) or not getattr(network, "outputs", None):
        return None
    return tuple(network.inputs[0].shape[1:]), tuple(network.outputs[0].shape[1:])


def warn_of_monitors(callbacks: Any, has_validation: bool) -> None:
    """Warns of callbacks of Keras that stop or choose by a loss: no loss of a GAN says how good its samples are.

    Args:
        callbacks: what `fit` was given: a list, one callback, a `keras.callbacks.CallbackList`, or None.
        has_validation: whether there are logs of held-out data.
    """
    callbacks = getattr(callbacks, "callbacks", callbacks)
    for callback in [callbacks] if isinstance(callbacks, keras.callbacks.Callback) else callbacks or ():
        if not isinstance(callback, MONITORS) or getattr(callback, "save_best_only", True) is False:
            continue
        name = callback.monitor
        missing = name.startswith("val_") and name[4:] in LOSSES and not has_validation
        if name in NO_QUALITY:
            warnings.warn(
                f"{type(callback).__name__} should monitor the quality of the samples. Received: monitor={name!r}, "
                + ("which is not in the logs without validation_data, and " if missing else "")
                + "which is no measure of it: losses rise and fall while the samples get better. Put "
                "kerasgan.callbacks.Evaluate(images) before it, and give it monitor='val_fid', mode='min'.",
                stacklevel=4,
            )


def warn_of_unregistered(networks: Mapping[str, keras.Model]) -> None:
    """Warns of classes and functions in networks that Keras will not find again when the model is loaded.

    Args:
        networks: the networks with their names, as users call them.
    """
    found = {}
    for name, network in networks.items():
        for layer in keras_internals.all_layers(network):
            for each in (type(layer), getattr(layer, "activation", None)):
                if _needs_registration(each):
                    found.setdefault(each.__name__, name)
    for each, name in found.items():
        warnings.warn(
            f"What is your own must be registered before a saved model can be loaded elsewhere. Received: {each} in "
            f"the {name}. Put @keras.saving.register_keras_serializable() above its definition (a class also needs "
            f"get_config), or load with keras.models.load_model(path, custom_objects={{{each!r}: {each}}}).",
            stacklevel=3,
        )


def _needs_registration(each):
    """Returns whether a class or function is neither Keras's own nor registered."""
    if not hasattr(each, "__name__") or (each.__module__ or "").split(".")[0] in ("keras", "kerasgan"):
        return False
    return keras.saving.get_registered_name(each) == each.__name__
