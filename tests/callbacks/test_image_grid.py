"""Grids of samples in real fits of tiny GANs: what is drawn, where it is written, and that training stays the same."""

import keras
import numpy as np
import pytest
from callback_helpers import IMAGES, POINTS, events, file_names, fit, image_gan, point_gan, steps
from PIL import Image

import kerasgan
from kerasgan import pictures
from kerasgan.callbacks import Equilibrium, ImageGrid, LatentWalk


def test_tags_files_and_steps_that_go_on(tmp_path):
    gan, grid = image_gan(), ImageGrid(tmp_path, n=9, real=IMAGES)
    fit(gan, IMAGES, grid)
    fit(gan, IMAGES, grid, epochs=1)
    folder = tmp_path / "images"
    assert set(events(folder)) == {"samples/grid", "samples/real"}
    assert steps(folder, "samples/grid") == [2, 4, 6] and steps(folder, "samples/real") == [0]
    pngs = [f"samples-0000000{step}.png" for step in (2, 4, 6)]
    assert file_names(folder) == ["real.png", *pngs] and (folder / "samples.gif").is_file()


def test_a_grid_is_the_picture_of_the_models_samples(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, ImageGrid(tmp_path, n=9, seed=5, real=IMAGES), epochs=1)
    grid = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    samples, real = pictures.tile(gan.generate(9, seed=5)), pictures.tile(IMAGES[:9])
    assert np.array_equal(grid, pictures.side_by_side(samples, real)[..., 0])
    assert np.array_equal(np.asarray(Image.open(tmp_path / "images" / "real.png")), real[..., 0])
    _, (width, height, png) = events(tmp_path / "images")["samples/grid"][0]
    assert (int(height), int(width)) == grid.shape and png.startswith(b"\x89PNG")


def test_without_real_images_samples_stand_alone(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, ImageGrid(tmp_path, n=9), epochs=1)
    grid = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    assert np.array_equal(grid, pictures.tile(gan.generate(9, seed=0))[..., 0])


def test_fewer_real_images_than_samples_leave_gray_cells(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, ImageGrid(tmp_path, n=9, real=IMAGES[:2]), epochs=1)
    grid = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    real = pictures.tile(np.concatenate([IMAGES[:2], np.zeros((7, 8, 8, 1), "float32")]))
    assert np.array_equal(grid[:, -real.shape[1] :], real[..., 0])


@pytest.mark.parametrize("with_labels", [True, False])
def test_real_images_of_a_class_stand_in_its_row(tmp_path, with_labels):
    labels = np.arange(64) % 3
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, num_classes=3)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=3)
    gan.compile()
    real = (IMAGES, labels) if with_labels else IMAGES
    gan.fit(IMAGES, labels, batch_size=32, verbose=0, callbacks=[ImageGrid(tmp_path, n=9, real=real)])
    grid = np.asarray(Image.open(tmp_path / "images" / "samples-00000002.png"))
    rows = [IMAGES[labels == number][:3] for number in range(3)] if with_labels else [IMAGES[:9]]
    expected = pictures.side_by_side(
        pictures.tile(gan.class_grid(3, 0), columns=3), pictures.tile(np.concatenate(rows), columns=3)
    )
    assert np.array_equal(grid, expected[..., 0])


def test_at_most_twenty_pictures_with_the_first_and_the_last_epoch(tmp_path):
    fit(image_gan(), IMAGES, ImageGrid(tmp_path, n=4), LatentWalk(tmp_path, rows=1, frames=2), epochs=41)
    drawn = steps(tmp_path / "images", "samples/grid")
    assert len(drawn) == 20 and drawn[0] == 2 and drawn[-1] == 82
    assert set(np.diff(drawn)) == {4, 6}  # every second epoch, once three apart
    assert steps(tmp_path / "latent_walk", "samples/latent_walk") == drawn


def test_an_animation_of_all_pictures(tmp_path):
    gan = image_gan()
    fit(gan, IMAGES, ImageGrid(tmp_path, n=4), epochs=2)
    fit(gan, IMAGES, ImageGrid(tmp_path, n=4), epochs=1)  # as after a resume
    with Image.open(tmp_path / "images" / "samples.gif") as animation:
        assert animation.n_frames == 3
        animation.seek(2)
        shown = np.asarray(animation.convert("L"))
    assert np.array_equal(shown, np.asarray(Image.open(tmp_path / "images" / "samples-00000006.png")))


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
        ({"real": np.zeros((2, 3, 4, 5, 6, 7))}, r"\(2, 3, 4, 5, 6, 7\)"),
        ({"real": (IMAGES, np.zeros(3))}, r"come in pairs.*\(64, 8, 8, 1\) and \(3,\)"),
    ],
)
def test_refusals(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        ImageGrid(tmp_path, **options)
