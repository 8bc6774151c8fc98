"""What is refused at the doors, before any training: networks, and images, that do not fit each other."""

import warnings

import keras
import numpy as np

TOLERANCE = 0.01
FINITE_RULE = "Images must be finite"
RANGE_RULE = "Images must lie in [-1, 1]"
SHARES_RULE = "Replicas share every batch evenly: it must hold a multiple of"
LABELS_RULE = "Labels must lie in the range of the classes"
RECOUNT = "Count classes from 0, or build the networks and the GAN with a larger num_classes"
MEND = "Drop or mend the images that hold NaN or infinity"
RESCALE = "Scale pixel values in [0, 255] by `images / 127.5 - 1`, or let kerasgan.datasets.load do it"


def whole_number(name, value, lowest, below=None):
    """Checks that a value is a whole number of at least `lowest` and, if that is not None, below `below`.

    Raises:
        ValueError: if it is not.
    """
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not whole or value < lowest or (below is not None and value >= below):
        limit = "" if below is None else f" and below {below}"
        raise ValueError(f"{name} must be a whole number of at least {lowest}{limit}. Received: {name}={value!r}.")


def numbers(name, values):
    """Returns what may be an array of numbers as a NumPy array.

    Raises:
        ValueError: if it holds something else, or rows of different lengths.
    """
    try:
        values = np.asarray(values)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{name} must be numbers, as an array. Received: {name}={values!r} ({reason}).") from error
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be numbers, as an array. Received: {name} of dtype {values.dtype}.")
    return values


def networks(generator, discriminator, latent_dim, num_classes=None):
    """Checks that latents fit the generator, its output the discriminator, and that this ends in one logit.

    Where there are classes, both take labels as their second input. Unbuilt networks are built on the way. Returns the
    shape of one image, a tuple without the batch axis.

    Raises:
        ValueError: for each of these that does not hold.
    """
    if not isinstance(latent_dim, int) or latent_dim < 1:
        raise ValueError(f"latent_dim must be a whole number of at least 1. Received: latent_dim={latent_dim!r}.")
    whole = isinstance(num_classes, (int, np.integer)) and not isinstance(num_classes, bool)
    if num_classes is not None and (not whole or num_classes < 1):
        raise ValueError(
            f"num_classes must be a whole number of at least 1, or None. Received: num_classes={num_classes!r}."
        )
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
    for layer in network._flatten_layers():  # those of kerasgan's own networks that know how many there are
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
    if expected is not None and not _same_shape(expected[1:], image.shape[1:]):
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


def why_not_per_sample(discriminator):
    """Says why a discriminator does not judge each image by itself in training, or returns None if it does.

    Layers of your own that mix the images of a batch cannot be seen from outside.
    """
    for layer in discriminator._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
            return f"normalises across the batch ({layer.name!r})"
        if getattr(layer, "activity_regularizer", None) is not None:
            return f"is charged for its activity ({layer.name!r})"
    return None


def sound(discriminator, objective, penalties):
    """Checks that an objective, penalties and a discriminator make a sound game together.

    Raises:
        ValueError: for a critic that needs a bounded slope and has none, or a penalty on one image's slope where the
            discriminator does not judge each image by itself.
    """
    layers_ = discriminator._flatten_layers()
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


def _same_shape(one, other):
    """True where two shapes agree in every axis; an axis that is None agrees with any size."""
    return len(one) == len(other) and all(None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def images_spec(shape, dtype, image_shape):
    """Checks the shape (with the batch axis) and the dtype of one batch against the game's images.

    Raises:
        ValueError: if the images are not floats, or not of `image_shape`.
    """
    dtype = keras.backend.standardize_dtype(dtype)
    if not dtype.startswith(("float", "bfloat")):
        raise ValueError(f"Images must be floats in [-1, 1]. Received: dtype {dtype}. {RESCALE}.")
    shape = tuple(shape)
    if not _same_shape(shape[1:], image_shape):
        raise ValueError(
            f"Images must have the shape of the game, (batch, {', '.join(map(str, image_shape))}). Received: shape "
            f"{shape}. Resize the images, or build the networks for image_shape={shape[1:]}."
        )


def array(images, image_shape, batch_size, smallest_batch):
    """Checks a whole array of images, shape (n, ...), before it is trained on.

    Raises:
        ValueError: for an empty array, wrong dtype, shape or range, NaN, or batches too small for the order of play.
    """
    images = np.asarray(images)
    if images.size == 0:
        raise ValueError(f"There must be images to train on. Received: an empty array of shape {images.shape}.")
    images_spec(images.shape, images.dtype, image_shape)
    low, high = float(images.min()), float(images.max())  # NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{FINITE_RULE}. Received: values from {low:g} to {high:g}. {MEND}.")
    if len(image_shape) == 1:
        return _batches_hold(len(images), batch_size, smallest_batch)  # points have no range of their own
    if low < -1 - TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(f"{RANGE_RULE}. Received: values from {low:g} to {high:g}. {RESCALE}.")
    if low >= 0:
        warnings.warn(
            f"The images use only half of [-1, 1]. Received: values from {low:g} to {high:g}. "
            "If they were scaled to [0, 1], train on `2 * images - 1`, the range of the generator's tanh.",
            stacklevel=3,
        )
    _batches_hold(len(images), batch_size, smallest_batch)


def batch(images, image_shape, smallest_batch):
    """Checks one batch of images, an array (batch, ...), before it is trained on.

    Raises:
        ValueError: for wrong dtype, shape or range, NaN, or a batch too small for the order of play.
    """
    images_spec(images.shape, images.dtype, image_shape)
    batch_holds(len(images), smallest_batch)
    low, high = float(images.min()), float(images.max())  # NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{FINITE_RULE}. Received: values from {low:g} to {high:g}. {MEND}.")
    if len(image_shape) > 1 and (low < -1 - TOLERANCE or high > 1 + TOLERANCE):
        raise ValueError(f"{RANGE_RULE}. Received: values from {low:g} to {high:g}. {RESCALE}.")


def labels_spec(shape, dtype):
    """Checks the shape (with the batch axis) and the dtype of one batch of labels.

    Raises:
        ValueError: if they are not one integer an image.
    """
    if len(shape) != 1 or "int" not in keras.backend.standardize_dtype(dtype):
        raise ValueError(
            f"Labels must be one integer an image, of shape (batch,). Received: shape {tuple(shape)} of dtype "
            f"{keras.backend.standardize_dtype(dtype)}. Use labels[:, 0] for labels of shape (batch, 1), and "
            "labels.argmax(axis=1) for one-hot ones."
        )


def labels_array(labels, num_images, num_classes):
    """Checks a whole array of labels for `num_images` images.

    Raises:
        ValueError: if they are not integers of shape (num_images,) in [0, num_classes).
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"Labels must be integers, the numbers of the classes. Received: labels of dtype {labels.dtype}. Use "
            "labels.astype('int32'), or labels.argmax(axis=1) for one-hot ones."
        )
    labels_spec(labels.shape, labels.dtype)
    if len(labels) != num_images:
        raise ValueError(f"There must be one label an image. Received: {len(labels)} labels for {num_images} images.")
    if len(labels) and (labels.min() < 0 or labels.max() >= num_classes):
        raise ValueError(
            f"{LABELS_RULE}, [0, {num_classes}). Received: labels from {labels.min()} to {labels.max()}. {RECOUNT}."
        )


def _batches_hold(count, batch_size, smallest_batch):
    last = count % batch_size or batch_size
    batch_holds(min(last, batch_size, count), smallest_batch)


def batch_holds(batch_size, smallest_batch):
    """Checks that each discriminator step of a round gets an image.

    Raises:
        ValueError: if a batch holds fewer images than the order of play needs.
    """
    if batch_size is not None and batch_size < smallest_batch:
        raise ValueError(
            "Every batch must hold an image for each discriminator step. Received: a batch of "
            f"{batch_size} for d_steps={smallest_batch}. Use larger batches or fewer d_steps."
        )


def batch_divides(batch_size, multiple_of):
    """Checks that replicas can share a batch, and cut it into minibatches, evenly.

    Raises:
        ValueError: if a batch does not hold a multiple of so many images, of each discriminator step one for each
            replica.
    """
    if batch_size is not None and batch_size % multiple_of:
        raise ValueError(
            f"{SHARES_RULE} {multiple_of} images, one for each replica and discriminator step. Received: a batch of "
            f"{batch_size}. Use such a batch size, and leave out the rest: kerasgan.datasets.load(images, batch_size), "
            "or batch with drop_remainder=True."
        )
