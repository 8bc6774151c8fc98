"""Directions in the latents along which samples change most."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasgan import keras_internals
from kerasgan.networks import inputs as network_inputs
from kerasgan.networks import latent_categories
from kerasgan.validation import errors, scalars

from . import activations, inversion

METHODS = ("first_layer", "activations", "samples")

NUM_ACTIVATIONS = 2000
"""Latents whose activations are taken apart into principal components."""

NUM_POINTS = 32
"""Latents around which the change of samples is measured."""

STEP = 0.05
"""Length of the step to both sides in the difference quotients of samples."""


@dataclasses.dataclass(frozen=True)
class Directions:
    """Directions in the latents, the strongest first.

    Latents are drawn from N(0, I), so that a step of 1 along a direction is one standard deviation of the latents: from
    -3 to 3 is as far as samples go.

    Attributes:
        vectors: float32 (n, latent_dim), of length 1. Of the two signs, that with the largest entry positive.
        names: n names, such as "direction 1".
        scales: float32 (n,), how strongly a step of 1 changes what the method looks at: the outputs of the first layer,
            the activations, or the samples.
        method: `"first_layer"`, `"activations"` or `"samples"`.
    """

    vectors: np.ndarray[Any, Any]
    names: tuple[str, ...]
    scales: np.ndarray[Any, Any]
    method: str


def directions(gan: Any, n: int = 8, method: str | None = None, seed: int = 0) -> Directions:
    """Returns directions along which samples change most: see `kerasgan.GAN.directions`."""
    inversion.check_latents_alone(gan)
    n = scalars.whole_number("n", n, 1)
    if n > gan.latent_dim:
        raise ValueError(
            f"There are as many directions as latents. Received: n={n} for latent_dim={gan.latent_dim}. Use a "
            "smaller n."
        )
    if method is None:
        method = "samples" if keras_internals.functional_graph(gan.sampler) is None else "first_layer"
    if method not in METHODS:
        raise errors.unknown_name("method", method, METHODS)
    seed = scalars.whole_number("seed", seed, 0)
    vectors, scales = _OF_METHOD[method](gan, n, seed)
    signs = np.sign(np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1))
    names = tuple(f"direction {number + 1}" for number in range(n))
    return Directions((signs * vectors).astype("float32"), names, scales.astype("float32"), method)


def first_layer_matrix(gan: Any) -> np.ndarray:
    """Returns the matrix by which latents enter the first layer that has a kernel, float64 (latent_dim, outputs).

    It is read off the network: row i is half the difference of the layer's outputs, before its activation, at the unit
    latents e_i and -e_i. So the rows of a label, a reshape or a scale in front of the layer are accounted for. Of a
    generator with categories of latents, all are in the same one.
    """
    center = latent_categories.margin(gan.sampler, np.zeros((1, gan.latent_dim), "float32"))
    eye = np.eye(gan.latent_dim, dtype="float32")
    layer = _first_layer(gan)
    entering = [activations.inputs_of(gan.sampler, _inputs(gan, z), layer) for z in (center + eye, center - eye)]
    linear = _without_activation(layer, entering[0].shape)
    leaving = [linear(ops.cast(each, linear.compute_dtype)) for each in entering]
    plus, minus = (ops.convert_to_numpy(ops.cast(each, "float32")).astype("float64") for each in leaving)
    return (plus - minus).reshape(gan.latent_dim, -1) / 2.0


def _of_first_layer(gan, n, seed):
    left, values, _ = np.linalg.svd(first_layer_matrix(gan), full_matrices=True)
    padded = np.zeros(gan.latent_dim)
    padded[: len(values)] = values
    return left.T[:n], padded[:n]


def _of_activations(gan, n, seed):
    """Returns the directions of the latents that explain the principal components of what the second layer gets."""
    from sklearn.decomposition import PCA

    latents = np.random.default_rng(seed).standard_normal((NUM_ACTIVATIONS, gan.latent_dim), "float32")
    found = activations.weighted_layers(gan.sampler, _inputs(gan, latents[:1]))
    if len(found) < 2:
        raise ValueError(
            f"Activations lie between two layers with kernels. Received: a generator with {len(found)}. Use "
            "method='first_layer'."
        )
    labels = _labels(gan, len(latents))
    values = activations.inputs_of(gan.sampler, network_inputs.network_inputs(latents, labels), found[1])
    values = ops.convert_to_numpy(ops.cast(values, "float32")).reshape(len(latents), -1)
    for label in () if labels is None else np.unique(labels):  # what differs between the classes is no direction
        values[labels == label] -= values[labels == label].mean(axis=0)
    pca = PCA(min(n, *values.shape), svd_solver="randomized", random_state=seed % 2**32)
    components = pca.fit_transform(values)
    vectors = np.linalg.lstsq(components, latents - latents.mean(axis=0), rcond=None)[0]
    if len(vectors) < n:
        raise ValueError(
            f"There are as many directions as activations. Received: n={n} for {values.shape[1]} activations. Use a "
            "smaller n."
        )
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.sqrt(pca.explained_variance_)


def _of_samples(gan, n, seed):
    """Returns the eigenvectors of the mean of J'J, where J is the Jacobian of a sample, by difference quotients."""
    random = np.random.default_rng(seed)
    moment = np.zeros((gan.latent_dim, gan.latent_dim))
    centers = latent_categories.margin(gan.sampler, random.standard_normal((NUM_POINTS, gan.latent_dim)))
    for center in centers:
        steps = STEP * np.eye(gan.latent_dim)
        z = np.concatenate([center + steps, center - steps]).astype("float32")
        label = None if gan.num_classes is None else int(random.integers(gan.num_classes))
        samples = gan.generate(latents=z, labels=label).reshape(2, gan.latent_dim, -1).astype("float64")
        jacobian = (samples[0] - samples[1]) / (2.0 * STEP)
        moment += jacobian @ jacobian.T / NUM_POINTS
    values, vectors = np.linalg.eigh(moment)
    return vectors.T[::-1][:n], np.sqrt(np.maximum(values[::-1][:n], 0.0))


_OF_METHOD = {"first_layer": _of_first_layer, "activations": _of_activations, "samples": _of_samples}


def _labels(gan, n):
    return None if gan.num_classes is None else (np.arange(n) % gan.num_classes).astype("int32")


def _inputs(gan, latents):
    labels = None if gan.num_classes is None else np.zeros(len(latents), "int32")
    return network_inputs.network_inputs(latents, labels)


def _first_layer(gan):
    found = activations.weighted_layers(gan.sampler, _inputs(gan, np.zeros((1, gan.latent_dim), "float32")))
    if not found:
        raise ValueError(
            "The closed form is of a layer with a kernel. Received: a generator without one. Use method='samples'."
        )
    return found[0]


def _without_activation(layer, input_shape):
    """Returns a layer with the same weights, and without the activation that may be part of it."""
    layer = getattr(layer, "layer", layer)
    if getattr(layer, "activation", None) in (None, keras.activations.linear):
        return layer
    config = layer.get_config() | {"activation": "linear", "name": f"linear_{layer.name}", "dtype": "float32"}
    linear = type(layer).from_config(config)
    linear.build((None, *input_shape[1:]))
    linear.set_weights(layer.get_weights())
    return linear


def direction_samples(
    gan: Any, found: Directions, frames: int = 7, extent: float = 3.0, seed: int = 0, label: int | None = None
) -> np.ndarray:
    """Returns samples along each direction, all from the same latents.

    Args:
        gan: the GAN.
        found: its `Directions`.
        frames: samples in a row; with an odd number, the middle one is that of the latents themselves.
        extent: how far to go to both sides, in standard deviations of the latents.
        seed: int, of the latents.
        label: the class that is drawn, for a conditional GAN; None for class 0.

    Returns:
        float32 (n * frames, height, width, channels), direction after direction, for
        `kerasgan.pictures.tile(..., columns=frames)`.
    """
    frames = scalars.whole_number("frames", frames, 2)
    center = np.random.default_rng(seed).standard_normal(gan.latent_dim)
    steps = np.linspace(-extent, extent, frames)[None, :, None] * found.vectors[:, None, :]
    latents = (center + steps).reshape(-1, gan.latent_dim).astype("float32")
    return gan.generate(latents=latents, labels=label if label is not None or gan.num_classes is None else 0)
