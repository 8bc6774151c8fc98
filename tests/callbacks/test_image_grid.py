"""Grids of samples in real fits of tiny GANs: what is drawn, where it is written, and that training stays the same."""

import keras
import numpy as np
import pytest
from callback_helpers import IMAGES, POINTS, events, file_names, fit, image_gan, point_gan, steps
from PIL import Image

from kerasgan import pictures
from kerasgan.callbacks import Equilibrium, ImageGrid, LatentWalk


def test_tags_files_and_steps_that_go_on(tmp_path):
    gan, grid = image_gan(), ImageGrid(tmp_path, n=9, real=IMAGES)
    fit(gan, IMAGES, grid)
    fit(gan, IMAGES, grid, epochs=1)
    folder = tmp_path / "images"
    assert set(events(folder)) == {"samples/grid", "samples/real"}
    assert steps(folder, "samples/grid") == [2, 4, 6] and steps(folder, "samples/real") == [0]
    assert file_names(folder) == ["real.png", *(f"samples-0000000{step}.png" for step in (2, 4, 6))]


def test_a_grid_is_the_picture_of_the_models_samples(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, ImageGrid(tmp_path, n=9, seed=5, real=IMAGES), epochs=1)
    grid = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    assert np.array_equal(grid, pictures.tile(gan.generate(9, seed=5))[..., 0])
    real = np.asarray(Image.open(tmp_path / "images" / "real.png"))
    assert np.array_equal(real, pictures.tile(IMAGES[:9])[..., 0])
    _, (width, height, png) = events(tmp_path / "images")["samples/grid"][0]
    assert (int(height), int(width)) == grid.shape and png.startswith(b"\x89PNG")


def test_every_few_epochs(tmp_path):
    fit(image_gan(), IMAGES, ImageGrid(tmp_path, n=4, every_epochs=2), epochs=5)
    assert steps(tmp_path / "images", "samples/grid") == [4, 8]


def test_a_grid_can_be_read_before_training_ends(tmp_path):
    found = []
    read = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: found.append(steps(tmp_path / "images", "samples/grid"))
    )
    fit(image_gan(), IMAGES, ImageGrid(tmp_path, n=4), read)
    assert found == [[2], [2, 4]]


@pytest.mark.parametrize("dimensions", [1, 2])
def test_points_are_drawn_as_a_plot(tmp_path, dimensions):
    points = POINTS[:, :dimensions]
    gan = point_gan(dimensions)
    fit(gan, points, ImageGrid(tmp_path, n=50, real=points), epochs=1)
    plot = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    assert np.array_equal(plot, pictures.points_picture(gan.generate(50, seed=0), points))
    assert file_names(tmp_path / "images") == ["real.png", "samples-00000002.png"]


def test_training_is_the_same_with_callbacks_that_look(tmp_path):
    plain, watched = image_gan(), image_gan()
    fit(plain, IMAGES)
    fit(watched, IMAGES, ImageGrid(tmp_path, n=9, real=IMAGES), LatentWalk(tmp_path), Equilibrium(IMAGES, tmp_path))
    assert len(plain.weights) > 8
    for one, other in zip(plain.weights, watched.weights, strict=True):
        assert np.array_equal(one.numpy(), other.numpy()), one.path
    # Random layers have seed states of their own.
    states = [gan.discriminator.layers[1].seed_generator.state.numpy() for gan in (plain, watched)]
    assert np.array_equal(*states) and np.any(states[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n=0"),
        ({"every_epochs": 0.5}, "every_epochs=0.5"),
        ({"real": np.zeros((2, 3, 4))}, r"\(2, 3, 4\)"),
    ],
)
def test_refusals(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        ImageGrid(tmp_path, **options)
