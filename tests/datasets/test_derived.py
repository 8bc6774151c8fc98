"""Laws of conditions that are made from images, and of those from tables."""

import itertools

import numpy as np
import pytest
from dataset_helpers import noise, save, values
from PIL import Image

from kerasgan import conditions
from kerasgan.datasets import derived, load, load_arrays, source


def test_gray_is_the_luma_that_pillow_has():
    image = noise(20, 30)
    expected = np.asarray(Image.fromarray(image).convert("L")).astype(int)
    assert np.abs(derived.gray(image)[..., 0].astype(int) - expected).max() <= 1  # Pillow rounds otherwise


def test_a_small_image_has_the_means_of_blocks():
    image = np.zeros((8, 4, 1), "uint8")
    image[0, 0], image[4:, :] = 160, 7
    assert derived.small(image)[..., 0].tolist() == [[10] * 4] * 4 + [[7] * 4] * 4


def test_a_mask_hides_a_rectangle_and_says_where():
    image = noise(32, 48)
    found = set()
    for number in range(30):
        masked = derived.mask(image, np.random.default_rng(number))
        hidden = masked[..., 3] == 255
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        assert hidden.sum() == len(rows) * len(columns) and set(np.unique(masked[..., 3])) == {0, 255}
        assert 8 <= len(rows) <= 16 and 12 <= len(columns) <= 24
        assert (masked[hidden, :3] == 128).all() and np.array_equal(masked[~hidden, :3], image[~hidden])
        found.add((rows[0], columns[0]))
    assert len(found) > 20


def test_edges_are_the_outline_of_a_disk():
    y, x = np.mgrid[:40, :40] - 19.5
    distance = np.hypot(x, y)
    image = np.where(distance < 12, 200, 40).astype("uint8")[..., None]
    for each in (image, image.repeat(3, axis=-1), 255 - image):
        lines = derived.edges(each)[..., 0]
        assert set(np.unique(lines)) == {0, 255}
        assert np.abs(distance[lines == 0] - 12).max() < 1.5
        angles = np.round(np.arctan2(y, x)[lines == 0] / np.pi * 12).astype(int) % 24
        assert set(angles) == set(range(24))  # it is closed
        assert (lines == 0).sum() < 2 * np.pi * 12 * 1.3  # and thin


def test_what_is_flat_has_no_edges_and_a_little_noise_moves_none():
    assert (derived.edges(np.full((16, 16, 3), 90, "uint8")) == 255).all()
    soft = (90 + 10 * np.random.default_rng(0).random((32, 32, 1))).astype("uint8")
    assert (derived.edges(soft) == 255).all()
    square = np.full((32, 32, 1), 60, "uint8")
    square[8:24, 8:24] = 180
    noisy = (square + np.random.default_rng(0).integers(-6, 7, square.shape)).astype("uint8")
    clean, moved = ((derived.edges(each) == 0)[..., 0] for each in (square, noisy))
    near = np.pad(clean, 1)
    near = sum(near[1 + y : 33 + y, 1 + x : 33 + x] for y in (-1, 0, 1) for x in (-1, 0, 1)) > 0
    assert moved[near].sum() == moved.sum() > 0.9 * clean.sum()


SHAPES = {"edges": 1, "gray": 1, "small": 3, "mask": 4}


@pytest.mark.parametrize("name", SHAPES)
def test_a_folder_of_photos_is_enough(photo_folder, tmp_path, monkeypatch, name):
    """In memory as from the cache, and each condition that of its image as it is loaded."""
    options = {"image_size": 16, "condition_from": name, "seed": 5, "shuffle": False}
    batches, info = load(photo_folder, 5, **options)
    images, found = (np.round((np.asarray(part) + 1) * 127.5).astype("uint8") for part in next(iter(batches)))
    assert info.condition == conditions.Image((16, 16, SHAPES[name])) and info.image_shape == (16, 16, 3)
    assert batches.condition_shape == info.condition.shape and batches.condition_range == (-1.0, 1.0)
    if name == "mask":
        assert len({each[..., 3].tobytes() for each in found}) > 1
        assert not np.array_equal(next(iter(load(photo_folder, 5, **{**options, "seed": 6})[0]))[1], found)
    else:
        np.testing.assert_array_equal(found, np.stack([derived.FUNCTIONS[name](image) for image in images]))
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    for part, same in zip(next(iter(load(photo_folder, 5, **options)[0])), next(iter(batches)), strict=True):
        np.testing.assert_array_equal(part, same)


def test_a_function_makes_the_condition_and_is_known_by_what_it_does(photo_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", 0.0)
    for factor in (1, 2):  # functions of one name, which do not share a file of the cache
        images, found, info = load_arrays(
            photo_folder, image_size=8, condition_from=lambda image, f=factor: image[..., :2] // f
        )
        assert info.condition == conditions.Image((8, 8, 2))
        np.testing.assert_array_equal(np.round((found + 1) * 127.5), np.round((images + 1) * 127.5)[..., :2] // factor)


def test_condition_and_image_are_cropped_and_mirrored_alike(photo_folder):
    options = {"image_size": (9, 8), "crop_from": 16, "flip": True, "condition_from": lambda image: 255 - image}
    batches, info = load(photo_folder, 5, **options)
    assert info.image_shape == info.condition.shape == (9, 8, 3)
    seen = set()
    for epoch in range(3):
        images, found = next(iter(batches.epoch(epoch)))
        np.testing.assert_allclose(found, -np.asarray(images), atol=1e-6)
        seen |= {each.tobytes() for each in np.asarray(images)}
    assert len(seen) > 10


def broken(image):
    if image.mean() < 1:
        raise ZeroDivisionError("black")
    return image


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"condition_from": "edge"}, "Did you mean 'edges'"),
        ({"condition_from": 3}, "a name or a function of one image. Received: condition_from=3"),
        ({"condition_from": lambda image: image[..., 0]}, r"\(8, 8, k\).*Received: shape \(8, 8\) of dtype uint8"),
        ({"condition_from": lambda image: image / 255.0}, "of dtype float64"),
        ({"condition_from": broken}, "2 of 5 images.*number 0, with: ZeroDivisionError: black"),
        ({"condition_from": "gray", "channels": 1}, "needs images in color"),
        ({"condition_from": "small", "image_size": 6}, "multiples of 4. Received: images of 6x6"),
        ({"condition_from": "gray", "labels": True}, "one kind of condition. Received: labels=True and condition_from"),
        ({"labels": "some/folder"}, "labels must be True or False.*load_pairs"),
        ({"conditions": np.ones(5)}, "The conditions of a folder are a CSV file"),
        ({"conditions": "nothing.csv"}, "must be an array or a CSV file"),
    ],
)
def test_what_makes_no_condition_is_refused(tmp_path, options, match):
    for number in range(5):
        save(tmp_path, f"a/{number}.png", Image.fromarray(noise(8, 8, seed=number) * (number > 1)))
    with pytest.raises(ValueError, match=match):
        load(tmp_path, 2, **{"image_size": 8, **options})


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ((noise(4, 4)[None], noise(4, 4)[None]), "load_pairs"),
        ((noise(4, 4)[None], "photos"), "load_pairs"),
    ],
)
def test_images_are_no_labels(given, match):
    with pytest.raises(ValueError, match=f"one integer for each image.*{match}"):
        load(given, 1, labels=True)


def test_floats_have_no_condition_of_their_own():
    with pytest.raises(ValueError, match=r"for uint8 images.*dtype float32"):
        load(np.zeros((3, 8, 8, 3), "float32") - 1, 1, condition_from="edges")


# Tables


IMAGES = np.broadcast_to(np.arange(12, dtype="uint8")[:, None, None, None], (12, 2, 2, 1))


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (np.arange(24).reshape(12, 2) % 3 % 2, conditions.Labels),
        ((np.arange(24).reshape(12, 2) % 3 % 2).astype(bool), conditions.Labels),
        (np.arange(24).reshape(12, 2) % 3, conditions.Vector),
        (np.linspace(-3, 40, 12), conditions.Vector),
    ],
)
def test_rows_of_a_table_stay_with_their_images(table, kind):
    batches, info = load(IMAGES, 4, conditions=table)
    rows = np.reshape(table, (12, -1)).astype("float32")
    assert info.condition == kind.from_data(rows) and batches.condition_shape == (rows.shape[1],)
    assert batches.condition_range == (rows.min(), rows.max())
    for images, found in batches.epoch(1):
        np.testing.assert_array_equal(found, rows[np.round((np.asarray(images)[:, 0, 0, 0] + 1) * 127.5).astype(int)])
    parts = [load_arrays(IMAGES, conditions=table, split=split) for split in ("train[:5]", "train[5:]")]
    assert [len(part[1]) for part in parts] == [5, 7] and parts[0][2].condition == parts[1][2].condition
    assert len({info.fingerprint, *(part[2].fingerprint for part in parts), load(IMAGES, 4)[1].fingerprint}) == 4


def test_minus_one_is_a_label_that_is_not_there():
    table = np.where(np.arange(12)[:, None] % 3, 1, -1)
    found = load_arrays(IMAGES, conditions=table)[1]
    np.testing.assert_array_equal(found, (table + 1) / 2)


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (np.arange(12), r"load\(\(images, labels\), labels=True\).*values\[:, None\]"),
        (np.ones((12, 2, 2, 1)), "load_pairs"),
        (np.ones((11, 2)), "one row of conditions for each image.*shape \\(11, 2\\).*12 images"),
        (np.full((12, 2), np.nan), "must be finite"),
        (np.array([["a"]] * 12), "must be numbers"),
        (np.full((12, 1), 3.0), "Every number must vary"),
    ],
)
def test_tables_that_do_not_fit_are_refused(table, match):
    with pytest.raises(ValueError, match=match):
        load(IMAGES, 4, conditions=table)


def test_a_csv_file_has_the_labels_of_a_folder(photo_folder, tmp_path):
    names = ["dog/d.PNG", "cat/a.png", "cat/b", "dog/e.jpeg", "gone.png"]  # and none of cat/deeper/c.gif
    lines = ["name,hat,scarf", *(f"{name},{int(n % 2)},{int(n > 1)}" for n, name in enumerate(names))]
    (tmp_path / "table.csv").write_text("\n".join(lines))
    with pytest.warns(UserWarning, match="1 files without a row.*1 rows without a file: cat/deeper/c.gif, gone.png"):
        images, found, info = load_arrays(photo_folder, conditions=tmp_path / "table.csv", image_size=8)
    assert found.tolist() == [[1, 0], [0, 1], [0, 0], [1, 1]]  # in the order of the files
    assert info.condition == conditions.Labels.from_data(found) and info.condition_names == ("hat", "scarf")
    assert info.num_images == len(images) == 4 and info.skipped == ("cat/deeper/c.gif", "gone.png")
    batches, _ = load(photo_folder, 2, conditions=str(tmp_path / "table.csv"), image_size=8, split="train[:50%]")
    rows = {image.tobytes(): row.tolist() for image, row in zip(images, found, strict=True)}
    for image, row in itertools.chain.from_iterable(zip(*map(np.asarray, each), strict=True) for each in batches):
        assert rows[image.tobytes()] == row.tolist()
    assert values(batches.map(lambda images, rows: images)).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "names the columns"),
        ("name,age\n", "names the columns"),
        ("name,age\ncat/a.png,old\n", "line 2: .*'old'"),
        ("name,age\ncat/a.png,\n", "finite numbers"),
        ("name,age\ncat/a.png,1,2\n", "finite numbers"),
        ("name,age\ncat/a.png,1\ncat/a.png,2\n", "'cat/a.png' twice"),
        ("name,age\nother.png,1\n", "names of files below the folder.*'other.png'"),
    ],
)
def test_csv_files_that_do_not_fit_are_refused(photo_folder, tmp_path, text, match):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(ValueError, match=match):
        load(photo_folder, 1, conditions=tmp_path / "table.csv")


def test_images_of_another_range_are_refused():
    """Conditions would be scaled by the range of the images."""
    with pytest.raises(ValueError, match=r"Received: condition_from with value_range=\(0.*, 200"):
        load(np.zeros((4, 8, 8, 3), "uint8"), 2, value_range=(0, 200), condition_from="edges")
