"""Directions against the singular vectors of known matrices; walks against their definition."""

import keras
import numpy as np
import pytest
from linear_gan import MATRIX, linear_gan

import kerasgan
from kerasgan import sampling
from kerasgan.runs import look_inside
from kerasgan.sampling import latent_directions, walks

NORMS = np.linalg.norm(MATRIX, axis=1)  # its rows are orthogonal, so that these are its singular values: sqrt(10) ...


@pytest.mark.parametrize("method", ["first_layer", "samples"])
@pytest.mark.parametrize("num_classes", [None, 3])
def test_orthogonal_rows_are_the_directions_in_the_order_of_their_norms(method, num_classes):
    found = linear_gan(num_classes=num_classes).directions(3, method)
    assert found.vectors == pytest.approx(np.eye(3), abs=1e-4) and found.vectors.dtype == np.float32
    assert found.scales == pytest.approx(NORMS, rel=1e-4) and list(NORMS) == sorted(NORMS, reverse=True)
    assert found.names == ("direction 1", "direction 2", "direction 3") and found.method == method


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("latent_categories", [0, 3])
@pytest.mark.parametrize("network", ["mlp", "dcgan", "resnet"])
def test_the_first_layer_is_that_of_the_latents_alone(network, latent_categories, num_classes):
    """Of mlp with ReLU within the layer; the rows of the categories and of the one-hot label are left out."""
    options = {"width": 8, "num_classes": num_classes, "latent_categories": latent_categories}
    generator, discriminator = getattr(kerasgan.networks, network)((8, 8, 1), 4, **options)
    gan = kerasgan.GAN(generator, discriminator, 4, num_classes=num_classes)
    kernel = next(weight for weight in generator.weights if len(weight.shape) == 2).numpy()
    assert len(kernel) == 4 + latent_categories + (num_classes or 0)
    assert latent_directions.first_layer_matrix(gan) == pytest.approx(kernel[:4], abs=1e-6)
    found = gan.directions(4)
    assert found.vectors @ found.vectors.T == pytest.approx(np.eye(4), abs=1e-5)
    assert np.linalg.norm(found.vectors @ kernel[:4], axis=1) == pytest.approx(found.scales, rel=1e-4)


def test_what_stands_in_front_of_the_first_layer_counts():
    """z / 2, reshaped to a map, enters a transposed convolution: half of its kernel."""
    layer = keras.layers.Conv2DTranspose(2, 4, activation="relu")
    generator = keras.Sequential(
        [keras.Input((3,)), keras.layers.Rescaling(0.5), keras.layers.Reshape((1, 1, 3)), layer]
    )
    logit = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.Flatten(), keras.layers.Dense(1)])
    found = latent_directions.first_layer_matrix(kerasgan.GAN(generator, logit, 3))
    kernel = layer.kernel.numpy().transpose(3, 0, 1, 2).reshape(3, -1)  # (height, width, out, in) to (in, outputs)
    assert found == pytest.approx(kernel / 2, abs=1e-6)


def test_activations_of_a_linear_network_have_the_same_directions():
    """Their principal components are those of z A, of variances |rows of A|^2."""
    z = keras.Input((3,))
    first, second = keras.layers.Dense(5, use_bias=False), keras.layers.Dense(4)
    generator = keras.Model(z, second(first(z)))
    first.set_weights([MATRIX])
    gan = kerasgan.GAN(generator, keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]), 3)
    found = gan.directions(3, "activations")
    assert np.abs(np.diag(found.vectors)) == pytest.approx(np.ones(3), abs=0.01)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert found.scales == pytest.approx(NORMS, rel=0.1)


class Opaque(keras.Model):
    """A generator with a `call` of its own."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(5, use_bias=False)

    def call(self, z):
        return self.dense(z)


def test_a_generator_of_any_kind_has_directions():
    generator = Opaque()
    generator(np.zeros((1, 3), "float32"))
    generator.set_weights([MATRIX])
    gan = kerasgan.GAN(generator, keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), 3)
    found = gan.directions(2)
    assert found.method == "samples" and found.vectors == pytest.approx(np.eye(3)[:2], abs=1e-4)
    with pytest.raises(ValueError, match="method='samples'"):
        gan.directions(2, "first_layer")


@pytest.mark.parametrize(("options", "said"), [((4,), "latent_dim=3"), ((0,), "n=0"), ((2, "pca"), "first_layer")])
def test_refusals(options, said):
    with pytest.raises(ValueError, match=said):
        linear_gan().directions(*options)


def test_samples_along_a_direction_are_those_of_shifted_latents():
    gan = linear_gan(num_classes=3)
    found = gan.directions(2)
    samples = sampling.direction_samples(gan, found, frames=3, extent=2.0, seed=4, label=1)
    center = np.random.default_rng(4).standard_normal(3)
    latents = [center + step * vector for vector in found.vectors for step in (-2.0, 0.0, 2.0)]
    assert samples == pytest.approx(gan.generate(latents=np.array(latents, "float32"), labels=1), abs=1e-5)


# Walks


def test_a_walk_passes_its_points_and_closes():
    walk = walks.closed_walk(16, points=3, frames=60, seed=1, walks=2)
    points = np.random.default_rng(1).standard_normal((3, 2, 16))
    assert walk[::20] == pytest.approx(points, abs=1e-6)
    steps = np.linalg.norm(np.diff(np.concatenate([walk, walk[:1]]), axis=0), axis=-1)
    assert (steps[-1] < steps.max(axis=0) / 3).all() and (steps[0] < steps.max(axis=0) / 3).all()  # slow at the points
    assert np.abs(np.diff(steps, axis=0)).max() < steps.max() / 4  # and without a jump


def test_a_walk_stays_at_the_norms_of_its_points():
    walk = walks.closed_walk(64, points=2, frames=40)
    norms = np.linalg.norm(walk[:, 0], axis=1)
    assert norms.min() > 0.95 * norms[[0, 20]].min() and norms.max() < 1.05 * norms[[0, 20]].max()


def test_one_walk_for_each_class_has_the_same_latents():
    latents, labels = look_inside.walk_latents(linear_gan(num_classes=3), look_inside.Walk(frames=12))
    assert latents.shape == (12, 3, 3) and labels.tolist() == [0, 1, 2]
    assert np.array_equal(latents[:, 0], latents[:, 2])
    latents, labels = look_inside.walk_latents(linear_gan(num_classes=3), look_inside.Walk(frames=12, label=1))
    assert labels.tolist() == [1] * 16 and not np.array_equal(latents[:, 0], latents[:, 2])


def test_a_walk_along_a_direction_swings_by_its_extent():
    latents, labels = look_inside.walk_latents(linear_gan(), look_inside.Walk(frames=8, direction=2, extent=1.5))
    assert labels is None
    assert latents[2] - latents[6] == pytest.approx(np.tile([0.0, 3.0, 0.0], (16, 1)), abs=1e-3)


@pytest.mark.parametrize("options", [{"points": 1}, {"points": 5, "frames": 4}, {"walks": 0}])
def test_walks_refuse(options):
    with pytest.raises(ValueError):
        walks.closed_walk(3, **options)


def test_other_conditions_than_classes_are_refused():
    """Samples would be drawn with random conditions, which differ more than the latents do."""
    condition = kerasgan.conditions.Vector(2)
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, condition=condition)
    gan = kerasgan.GAN(*networks, latent_dim=4, condition=condition)
    images = np.zeros((2, 8, 8, 1), "float32")
    for call in (gan.directions, lambda: gan.invert(images), lambda: gan.anomaly_scores(images, images)):
        with pytest.raises(ValueError, match=r"Received: latent_dim=4 and condition=Vector\(size=2"):
            call()
