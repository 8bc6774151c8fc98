"""Pictures: pixel values by hand, which image lies where, and files that are whole or absent."""

import sys

import numpy as np
import pytest
from PIL import Image

from kerasgan import pictures


def test_to_uint8_by_hand():
    values = np.array([-1.0, 0.0, 1.0, -7.0, 7.0, np.nan, 0.2, np.inf], "float32")
    assert pictures.to_uint8(values).tolist() == [0, 128, 255, 0, 255, 0, 153, 255]


def test_to_uint8_undoes_the_usual_scaling():
    pixels = np.arange(256, dtype="uint8")
    assert np.array_equal(pictures.to_uint8(pixels / np.float32(127.5) - 1), pixels)


def test_to_uint8_refuses_pixels():
    with pytest.raises(ValueError, match="dtype=uint8"):
        pictures.to_uint8(np.zeros((1, 2, 2, 1), "uint8"))


def constant_images(values, size, channels=1):
    return np.ones((len(values), size, size, channels), "float32") * np.reshape(values, (-1, 1, 1, 1))


def test_tile_lays_images_row_by_row():
    picture = pictures.tile(constant_images([-1.0, -0.6, 0.2, 0.6, 1.0], 300), columns=3, padding=2)
    assert picture.shape == (2 * 302 + 2, 3 * 302 + 2, 1) and picture.dtype == np.uint8
    centers = picture[152::302, 152::302, 0]
    assert centers.tolist() == [[0, 51, 153], [204, 255, pictures.PADDING_SHADE]]


def test_tile_pads_between_and_around():
    picture = pictures.tile(constant_images([1.0] * 4, 200), padding=1)[..., 0]
    lines = [0, 201, 402]
    assert np.all(picture[lines] == pictures.PADDING_SHADE) and np.all(picture[:, lines] == pictures.PADDING_SHADE)
    assert np.count_nonzero(picture == 255) == 4 * 200 * 200


def test_tile_without_padding_is_a_reshape():
    images = np.random.default_rng(0).uniform(-1, 1, (4, 128, 128, 3)).astype("float32")
    halves = [np.concatenate(list(pair), axis=1) for pair in (images[:2], images[2:])]
    assert np.array_equal(pictures.tile(images, padding=0), pictures.to_uint8(np.concatenate(halves)))


def test_tile_enlarges_small_images_by_a_whole_factor():
    images = np.random.default_rng(0).uniform(-1, 1, (16, 8, 8, 1)).astype("float32")
    picture = pictures.tile(images)  # 4 * 9 + 1 = 37 pixels, factor 7
    assert picture.shape == (259, 259, 1)
    small = picture[::7, ::7]
    assert np.array_equal(small.repeat(7, axis=0).repeat(7, axis=1), picture)
    assert np.array_equal(small[1:9, 1:9], pictures.to_uint8(images[0]))


@pytest.mark.parametrize("channels, shown", [(1, 1), (2, 1), (3, 3), (4, 3), (9, 3)])
def test_tile_shows_the_channels_a_screen_can(channels, shown):
    images = np.random.default_rng(0).uniform(-1, 1, (1, 300, 300, channels)).astype("float32")
    assert np.array_equal(pictures.tile(images, padding=0), pictures.to_uint8(images[0, ..., :shown]))


@pytest.mark.parametrize("count, rows, columns", [(1, 1, 1), (5, 2, 3), (64, 8, 8), (65, 8, 9)])
def test_tile_is_about_square(count, rows, columns):
    picture = pictures.tile(constant_images([1.0] * count, 256), padding=0)
    assert picture.shape == (rows * 256, columns * 256, 1)


@pytest.mark.parametrize(
    "images, settings, message",
    [
        (np.zeros((4, 8, 8)), {}, "channel axis"),
        (np.zeros((0, 8, 8, 1)), {}, "none of them 0"),
        (np.zeros((4, 8, 8, 1)), {"columns": 0}, "columns=0"),
        (np.zeros((4, 8, 8, 1)), {"padding": -1}, "padding=-1"),
    ],
)
def test_tile_refuses(images, settings, message):
    with pytest.raises(ValueError, match=message):
        pictures.tile(images, **settings)


BLUE = np.array([31, 119, 180])


def blue_pixels(picture):
    return np.argwhere(np.all(picture == BLUE, axis=-1))


@pytest.mark.parametrize("shape", [(50,), (50, 1), (50, 2), (50, 3)])
def test_points_make_a_color_picture(shape):
    picture = pictures.points_picture(np.random.default_rng(0).normal(size=shape))
    assert picture.shape == (480, 480, 3) and picture.dtype == np.uint8
    assert len(blue_pixels(picture)) > 50


def test_generated_points_are_drawn_where_they_are():
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    right_top = blue_pixels(pictures.points_picture(np.full((30, 2), 1.0), real=corners))
    left_bottom = blue_pixels(pictures.points_picture(np.full((30, 2), -1.0), real=corners))
    nearest = lambda found, row, column: np.abs(found - [row, column]).sum(axis=1).min()  # noqa: E731
    assert nearest(right_top, 105, 390) < 40 < nearest(left_bottom, 105, 390)  # rows count from the top
    assert nearest(left_bottom, 355, 140) < 40 < nearest(right_top, 355, 140)


@pytest.mark.parametrize("dimensions", [1, 2])
def test_the_frame_is_that_of_the_real_points(dimensions):
    rng = np.random.default_rng(0)
    real, near = rng.normal(size=(100, dimensions)), rng.normal(size=(50, dimensions)) * 0.3
    tick_rows = slice(460, 480)
    near_picture = pictures.points_picture(near, real)
    far = np.concatenate([near[:-1], np.full((1, dimensions), 1e6)])
    far_picture = pictures.points_picture(far, real)
    assert np.array_equal(near_picture[tick_rows], far_picture[tick_rows])
    assert not np.array_equal(near_picture[:25], far_picture[:25])  # the title owns up to the point outside


@pytest.mark.parametrize("dimensions", [1, 2])
def test_points_that_are_not_finite_do_not_stop_the_picture(dimensions):
    broken = np.full((20, dimensions), np.nan)
    assert pictures.points_picture(broken, real=np.zeros((5, dimensions))).shape == (480, 480, 3)
    assert pictures.points_picture(broken).shape == (480, 480, 3)


def test_points_leave_no_global_state():
    before = "matplotlib.pyplot" in sys.modules
    pictures.points_picture(np.zeros((3, 2)))
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_points_refuse_another_space():
    with pytest.raises(ValueError, match="same space"):
        pictures.points_picture(np.zeros((3, 2)), real=np.zeros((3, 1)))
    with pytest.raises(ValueError, match="at least one"):
        pictures.points_picture(np.zeros((0, 2)))


@pytest.mark.parametrize("dimensions", [1, 2])
def test_real_points_alone_are_not_passed_off_as_generated(dimensions):
    picture = pictures.picture_of(None, np.random.default_rng(0).normal(size=(99, dimensions)))
    assert len(blue_pixels(picture)) == 0
    assert np.count_nonzero(np.all(np.abs(picture - 178.5) < 1, axis=-1)) > 100


def test_histogram_counts_the_points_outside_the_frame_too():
    real = np.random.default_rng(0).normal(size=2000)
    good = pictures.points_picture(real[:1000], real)
    half_lost = pictures.points_picture(np.concatenate([real[:500], np.full(500, 1e6)]), real)
    highest = lambda picture: blue_pixels(picture)[:, 0][blue_pixels(picture)[:, 1] < 330].min()  # noqa: E731
    assert highest(half_lost) > highest(good) + 100  # rows count from the top


def test_picture_of_goes_by_rank():
    images, points = constant_images([0.5], 8), np.random.default_rng(0).normal(size=(9, 2))
    assert np.array_equal(pictures.picture_of(images), pictures.tile(images))
    assert np.array_equal(pictures.picture_of(points, points), pictures.points_picture(points, points))
    assert np.array_equal(pictures.picture_of(None, images), pictures.tile(images))
    with pytest.raises(ValueError, match=r"\(2, 3, 4, 5, 6, 7\)"):
        pictures.picture_of(np.zeros((2, 3, 4, 5, 6, 7)))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_png_gives_back_what_was_saved(tmp_path, shape):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    path = tmp_path / "new" / "folder" / "picture.png"
    pictures.save_png(path, picture)
    assert np.array_equal(np.asarray(Image.open(path)), picture.squeeze())
    assert [file.name for file in path.parent.iterdir()] == ["picture.png"]


def test_png_that_fails_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    pictures.save_png(path, np.zeros((4, 4), "uint8"))
    old = path.read_bytes()

    def half(image, file, **options):
        file.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(OSError, match="disk full"):
        pictures.save_png(path, np.ones((4, 4), "uint8"))
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_two_pictures_next_to_each_other():
    gray, color = np.full((3, 2, 1), 7, "uint8"), np.full((5, 4, 3), 9, "uint8")
    both = pictures.side_by_side(gray, color, gap=1)
    assert both.shape == (5, 7, 3)
    assert (both[:3, :2] == 7).all() and (both[3:, :2] == 255).all()
    assert (both[:, 2] == 255).all() and (both[:, 3:] == 9).all()


def test_an_animation_needs_two_pictures_of_one_size(tmp_path):
    paths = [tmp_path / f"{size}.png" for size in (4, 5, 6)]
    for path, size in zip(paths, (4, 5, 6), strict=True):
        pictures.save_png(path, np.zeros((size, size, 1), "uint8"))
    pictures.save_animation(tmp_path / "none.gif", [])
    pictures.save_animation(tmp_path / "one.gif", paths)
    assert not list(tmp_path.glob("*.gif"))


def test_an_animation_has_at_most_a_hundred_frames_and_the_last(tmp_path):
    paths = [tmp_path / f"{number:03d}.png" for number in range(150)]
    for number, path in enumerate(paths):
        pictures.save_png(path, np.full((4, 4, 1), number, "uint8"))
    pictures.save_animation(tmp_path / "all.gif", paths)
    with Image.open(tmp_path / "all.gif") as animation:
        assert animation.n_frames == 100
        animation.seek(99)
        assert np.asarray(animation.convert("L"))[0, 0] == 149
