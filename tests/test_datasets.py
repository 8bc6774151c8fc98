"""Laws of the data: ranges, shapes, epochs, seeds, slices; what each source gives; what each mistake raises."""

import dataclasses
import os
import pathlib
import socket
import tarfile
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import needs_shared, shared_folder
from PIL import Image

from kerasgan import datasets
from kerasgan.runs import recipes, training
from kerasgan.datasets import load, load_arrays, pipeline, stacked


def numbered_images(num_images=100):
    """Returns uint8 images (num_images, 2, 2, 1) whose pixels all hold the image's number."""
    return np.broadcast_to(np.arange(num_images, dtype="uint8")[:, None, None, None], (num_images, 2, 2, 1)).copy()


def numbers(dataset):
    """Returns the numbers of the images of one epoch, in order."""
    pixels = np.concatenate([batch[:, 0, 0, 0] for batch in dataset.as_numpy_iterator()])
    return np.round((pixels + 1) * 127.5).astype(int).tolist()


def epoch(dataset):
    return np.concatenate(list(dataset.as_numpy_iterator()))


def save(folder, name, image, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(256, size=(height, width, channels), dtype="uint8")


@pytest.fixture
def mnist_folder(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_folder() / "datasets" / "tensorflow_datasets"))


@pytest.fixture
def photo_folder(tmp_path):
    """Two classes of five photos, in many formats and sizes."""
    save(tmp_path, "cat/a.png", Image.fromarray(noise(40, 70)))
    save(tmp_path, "cat/b.jpg", Image.fromarray(noise(300, 200)))
    save(tmp_path, "cat/deeper/c.gif", Image.fromarray(noise(20, 20)))
    save(tmp_path, "dog/d.PNG", Image.fromarray(noise(31, 17, 4), "RGBA"))
    save(tmp_path, "dog/e.jpeg", Image.fromarray(noise(64, 64)[..., 0]))
    return tmp_path


# The contract that every source keeps


def check_contract(dataset, info, batch_size):
    images, labels = next(iter(dataset))
    assert dataset.element_spec[0] == tf.TensorSpec((batch_size, *info.image_shape), tf.float32)
    assert dataset.element_spec[1] == tf.TensorSpec((batch_size,), tf.int32)
    assert images.shape == (batch_size, *info.image_shape)
    assert 0 <= labels.numpy().min() and labels.numpy().max() < info.num_classes
    assert info.class_names is None or len(info.class_names) == info.num_classes
    assert dataset.cardinality().numpy() == info.num_images // batch_size
    assert dataset.options().autotune.enabled is False
    assert dataset.options().deterministic is True
    if len(info.image_shape) == 3:
        assert -1.0 <= images.numpy().min() < -0.5 and 0.5 < images.numpy().max() <= 1.0


@pytest.mark.parametrize("source", ["digits", "ring", "grid"])
def test_named_sources_keep_the_contract(source):
    check_contract(*load(source, 100, labels=True), 100)


@needs_shared
def test_tfds_keeps_the_contract(mnist_folder):
    check_contract(*load("mnist", 50, split="test[:5%]", labels=True), 50)


def test_a_folder_keeps_the_contract(photo_folder):
    check_contract(*load(photo_folder, 2, labels=True), 2)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_arrays_keep_the_contract(dtype):
    images = noise(4, 4 * 10).reshape(10, 4, 4, 3)
    images = images if dtype == "uint8" else images / 127.5 - 1
    check_contract(*load((images, np.arange(10) % 3), 5, labels=True), 5)


def test_without_labels_batches_are_plain_tensors():
    dataset, info = load("digits", 10)
    assert dataset.element_spec == tf.TensorSpec((10, 8, 8, 1), tf.float32)
    assert info.num_classes == 10


# Epochs, order, seeds


def test_an_epoch_holds_each_image_once():
    dataset, _ = load(numbered_images(100), 10)
    assert sorted(numbers(dataset)) == list(range(100))


def test_what_fills_no_batch_is_left_out():
    dataset, info = load(numbered_images(100), 30, shuffle=False)
    assert numbers(dataset) == list(range(90))
    assert info.num_images == 100


def test_every_epoch_has_an_order_of_its_own():
    dataset, _ = load(numbered_images(100), 10)
    orders = [numbers(dataset) for _ in range(3)]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert list(range(100)) not in orders


def test_a_seed_fixes_the_order_of_all_epochs():
    first, again, other = (load(numbered_images(100), 10, seed=seed)[0] for seed in (3, 3, 4))
    orders = [[numbers(dataset) for _ in range(2)] for dataset in (first, again, other)]
    assert orders[0] == orders[1]
    assert orders[0][0] != orders[2][0]


def test_the_order_follows_from_seed_and_pass_alone():
    keras.utils.set_random_seed(1)
    orders = [numbers(load(numbered_images(100), 10, seed=3)[0].repeat(2))]
    keras.utils.set_random_seed(2)
    dataset, _ = load(numbered_images(100), 10, seed=3)
    orders.append(numbers(dataset) + numbers(dataset))
    assert orders[0] == orders[1]


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("skip_batches", [0, 1, 7, 10, 23, 30, 61])
def test_a_first_step_continues_where_others_stopped(passes, skip_batches):
    """Each iteration from there on is what was left of it, and the next ones are whole."""
    whole, _ = load(numbered_images(100), 10, seed=3, passes=passes)
    later, _ = load(numbered_images(100), 10, seed=3, passes=passes, skip_batches=skip_batches)
    epochs = [numbers(whole) for _ in range(9)]
    done, given = divmod(skip_batches, 10 * passes)
    assert numbers(later) == epochs[done][10 * given :]
    assert numbers(later) == epochs[done + 1]
    assert int(later.cardinality()) == int(whole.cardinality()) == 10 * passes


def test_passes_are_the_epochs_one_after_another():
    one, _ = load(numbered_images(100), 10, seed=3)
    two, _ = load(numbered_images(100), 10, seed=3, passes=2)
    assert numbers(one) + numbers(one) == numbers(two)


def test_labels_are_skipped_with_their_images():
    source = numbered_images(100), np.arange(100)
    dataset, _ = load(source, 10, labels=True, skip_batches=7)
    seen = [(np.round((images[:, 0, 0, 0] + 1) * 127.5), labels) for images, labels in dataset.as_numpy_iterator()]
    assert len(seen) == 3 and all(np.array_equal(*pair) for pair in seen)


def test_only_the_same_data_have_the_same_fingerprint():
    images, labels = numbered_images(20), np.arange(20)
    marks = [
        load(source, 2)[1].fingerprint
        for source in (images, images.copy(), images[::-1], (images, labels), images[:19])
    ]
    assert marks[0] == marks[1] and len(set(marks)) == 4
    assert load("ring", seed=1)[1].fingerprint != load("ring", seed=2)[1].fingerprint


def test_labels_stay_with_their_images():
    source = numbered_images(100), np.arange(100)
    dataset, info = load(source, 10, labels=True)
    for images, labels in dataset.as_numpy_iterator():
        np.testing.assert_allclose((images[:, 1, 1, 0] + 1) * 127.5, labels, atol=1e-4)
    assert info.num_classes == 100


def test_unshuffled_data_keep_their_order_in_every_epoch():
    dataset, _ = load(numbered_images(100), 10, shuffle=False)
    assert numbers(dataset) == numbers(dataset) == list(range(100))


def test_pixels_0_and_255_become_the_ends_of_the_range():
    images = np.array([0, 51, 255], "uint8").reshape(3, 1, 1)
    np.testing.assert_allclose(epoch(load(images, 3, shuffle=False)[0]).ravel(), [-1.0, -0.6, 1.0], atol=1e-6)


# Mirroring


def sided_images(num_images=400):
    """Returns uint8 images (num_images, 1, 3, 1): 0, the image's number in two digits of base 20, each below 200."""
    numbers = np.arange(num_images)
    columns = np.stack([0 * numbers, 10 + numbers // 20, 10 + numbers % 20], axis=1)
    return columns.astype("uint8")[:, None, :, None]


def sides(batches):
    """Returns the numbers of `sided_images` and which of them are mirrored, in order."""
    pixels = np.round((np.concatenate(batches)[:, 0, :, 0] + 1) * 127.5).astype(int)
    mirrored = pixels[:, 2] == 0
    pixels[mirrored] = pixels[mirrored, ::-1]
    assert (pixels[:, 0] == 0).all()
    return (pixels[:, 1:] - 10) @ [20, 1], mirrored


def test_about_half_of_the_images_are_mirrored_in_every_pass_anew():
    flipped, plain = (load(sided_images(), 10, flip=flip, seed=5)[0] for flip in (True, False))
    seen = []
    for _ in range(3):
        names, mirrored = sides(list(flipped.as_numpy_iterator()))
        same_names, none = sides(list(plain.as_numpy_iterator()))
        assert names.tolist() == same_names.tolist() and not none.any()  # the order is that of images as they are
        assert abs(mirrored.mean() - 0.5) < 0.1  # four standard errors
        by_image = np.empty(400)
        by_image[names] = mirrored
        seen += [by_image, mirrored]
    # 0.2 is four standard errors of a correlation of 400 pairs that have none.
    correlations = np.corrcoef([*seen, np.arange(400), names])[np.triu_indices(8, 1)]
    assert np.abs(correlations).max() < 0.2


@pytest.mark.parametrize("skip_batches", [0, 7, 40, 47, 95])
@pytest.mark.parametrize("passes", [1, 2])
def test_what_is_mirrored_follows_from_seed_pass_and_place(skip_batches, passes):
    keras.utils.set_random_seed(skip_batches)
    whole, _ = load(sided_images(), 10, flip=True, seed=5)
    later, _ = load(sided_images(), 10, flip=True, seed=5, passes=passes, skip_batches=skip_batches)
    other, _ = load(sided_images(), 10, flip=True, seed=6)
    steps = [batch for _ in range(6) for batch in whole.as_numpy_iterator()]
    rest = [batch for _ in range(2) for batch in later.as_numpy_iterator()]
    assert len(rest) >= 40
    assert all(np.array_equal(one, same) for one, same in zip(steps[skip_batches:], rest, strict=False))
    assert (sides(list(other.as_numpy_iterator()))[1] != sides(steps[:40])[1]).mean() > 0.4


def test_floats_and_labels_are_mirrored_with_their_images():
    images = np.linspace(-1, 1, 100 * 4 * 3, dtype="float32").reshape(100, 2, 2, 3)
    for batch, labels in load((images, np.arange(100)), 10, flip=True, labels=True)[0].as_numpy_iterator():
        for image, label in zip(batch, labels, strict=True):
            assert np.array_equal(image, images[label]) or np.array_equal(image, images[label][:, ::-1])


def test_only_photos_are_mirrored_unless_it_is_asked_for():
    assert {name for name, recipe in recipes.RECIPES.items() if recipe.flip} == {"photos"}
    names, mirrored = sides(list(load(sided_images(), 400)[0].as_numpy_iterator()))
    assert sorted(names) == list(range(400)) and not mirrored.any()


def test_a_run_mirrors_as_its_recipe_says_and_goes_on_so(photo_folder):
    recipe = dataclasses.replace(recipes.get("photos"), source=str(photo_folder), batch_size=1, image_size=8)
    for flip in (True, False):
        plan = training.Plan("photos", dataclasses.replace(recipe, flip=flip), 4, False, guard="off")
        found, info = training._load(plan, skip_batches=3)
        direct, same_info = load(photo_folder, 1, image_size=8, seed=4, flip=flip, skip_batches=3)
        for _ in range(3):
            assert np.array_equal(epoch(found), epoch(direct))
        assert info == same_info == load(photo_folder, 1, image_size=8, flip=not flip)[1]


# Splits


@pytest.mark.parametrize(
    ("left", "right", "size"), [("[:90%]", "[90%:]", 90), ("[:33]", "[33:]", 33), ("[:-7]", "[-7:]", 93)]
)
def test_slices_are_disjoint_complete_and_mixed(left, right, size):
    parts = [load(numbered_images(), 1, split=f"train{part}", seed=seed) for seed, part in enumerate((left, right))]
    first, second = (numbers(dataset) for dataset, _ in parts)
    assert len(first) == parts[0][1].num_images == size
    assert sorted(first + second) == list(range(100))
    assert min(second) < 90


def test_a_slice_keeps_storage_order_and_labels():
    dataset, _ = load((numbered_images(), np.arange(100)), 1, split="train[20%:40%]", labels=True, shuffle=False)
    labels = [int(label[0]) for _, label in dataset]
    assert len(labels) == 20
    assert labels == sorted(labels) == numbers(dataset.map(lambda images, _: images))


def test_slices_of_a_folder_share_class_names(photo_folder):
    infos = [load(photo_folder, 1, split=split)[1] for split in ("train[:3]", "train[3:]")]
    assert [info.num_images for info in infos] == [3, 2]
    assert infos[0].class_names == infos[1].class_names == ("cat", "dog")


# Digits and TensorFlow Datasets


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    dataset, info = load("digits", 1797, labels=True, shuffle=False)
    images, labels = next(dataset.as_numpy_iterator())
    np.testing.assert_allclose((images[..., 0] + 1) * 8, load_digits().images, atol=0.5 * 16 / 255)
    np.testing.assert_array_equal(labels, load_digits().target)
    assert (info.image_shape, info.num_images, info.class_names) == ((8, 8, 1), 1797, tuple("0123456789"))


@needs_shared
def test_mnist_equals_what_tfds_gives(mnist_folder):
    import tensorflow_datasets as tfds

    images, labels = next(load("mnist", 10_000, split="test", labels=True, shuffle=False)[0].as_numpy_iterator())
    raw = tfds.load("mnist", split="test", batch_size=-1, download=False, data_dir=os.environ["TFDS_DATA_DIR"])
    np.testing.assert_array_equal(np.round((images + 1) * 127.5).astype("uint8"), raw["image"].numpy())
    np.testing.assert_array_equal(labels, raw["label"].numpy())


@needs_shared
def test_mnist_has_its_known_class_counts(mnist_folder):
    dataset, info = load("mnist", 60_000, labels=True)
    _, labels = next(dataset.as_numpy_iterator())
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(labels).tolist() == counts
    assert (info.num_images, info.image_shape, info.num_classes) == (60_000, (28, 28, 1), 10)


@needs_shared
def test_tfds_images_can_be_resized_and_coloured(mnist_folder):
    small = epoch(load("mnist", 100, split="test[:100]", image_size=14, channels=3, shuffle=False)[0])
    full = epoch(load("mnist", 100, split="test[:100]", shuffle=False)[0])
    by_hand = full.reshape(100, 14, 2, 14, 2).mean(axis=(2, 4))
    assert small.shape == (100, 14, 14, 3)
    np.testing.assert_allclose(small, np.repeat(by_hand[..., None], 3, axis=-1), atol=0.51 / 127.5)


@needs_shared
@pytest.mark.parametrize("split", ["validation", "train[:200%]", "train[:0]", "train["])
def test_a_split_that_tfds_lacks_raises(mnist_folder, split):
    with pytest.raises(ValueError, match=r"Received: split=.*test, train"):
        load("mnist", split=split)


def test_a_set_that_cannot_be_fetched_says_how_to_help(monkeypatch, tmp_path):
    def refuse(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"Received: source='fashion_mnist'.*cannot be reached.*TFDS_DATA_DIR"):
        load("fashion_mnist")


@pytest.mark.parametrize(
    ("source", "options", "match"),
    [
        ("minst", {}, r"Received: dataset='minst'. Did you mean 'mnist'"),
        ("digit", {}, r"Received: dataset='digit'. Did you mean 'digits'"),
        ("imdb_reviews", {}, r"image feature. Received: source='imdb_reviews'"),
        ("oxford_flowers102", {}, r"Received: source='oxford_flowers102', image_size=None"),
        ("mnist:9.9.9", {}, r"Received: source='mnist:9.9.9'"),
    ],
)
def test_names_that_tfds_cannot_serve_raise(monkeypatch, tmp_path, source, options, match):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=match):
        load(source, **options)


def test_a_prepared_set_of_varying_sizes_and_no_labels(monkeypatch, tmp_path):
    import tensorflow_datasets as tfds

    rows = [{"image": np.full((height, 20, 3), 40 * i, "uint8"), "n": i} for i, height in enumerate((10, 20, 37, 50))]
    tfds.dataset_builders.store_as_tfds_dataset(
        "own_set",
        version="1.0.0",
        features=tfds.features.FeaturesDict({"image": tfds.features.Image(), "n": np.int64}),
        split_datasets={"train": list(enumerate(rows))},
        data_dir=tmp_path,
    )
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    dataset, info = load("own_set", 4, image_size=(8, 12), channels=1)
    assert (info.image_shape, info.num_images, info.num_classes) == ((8, 12, 1), 4, None)
    assert sorted(np.round((epoch(dataset)[:, 4, 6, 0] + 1) * 127.5).astype(int)) == [0, 40, 80, 120]
    with pytest.raises(ValueError, match="image_size=None"):
        load("own_set", 4)
    with pytest.raises(ValueError, match="Received: labels=True"):
        load("own_set", 4, image_size=8, labels=True)


# Change of size


def test_the_centre_is_cropped_before_resizing():
    images = np.zeros((1, 4, 8, 1), "uint8")
    images[:, :, 2:6] = 200
    assert (pipeline.fit_array(images, (2, 2), None) == 200).all()
    assert pipeline.fit_array(images, (2, 4), None)[0, :, :, 0].tolist() == [[0, 200, 200, 0]] * 2


def test_shrinking_does_not_alias():
    stripes = np.tile(np.array([255, 0, 0, 255], "uint8"), (1, 64, 16))[..., None]  # taking only the middle gives 0
    assert abs(pipeline.fit_array(stripes, (16, 16), None).astype(int) - 127.5).max() <= 0.5


def test_floats_are_resized_as_floats():
    images = np.array([-1.0, 0.5, 0.5, 0.5], "float32").reshape(1, 2, 2, 1)
    np.testing.assert_allclose(pipeline.fit_array(images, (1, 1), None), [[[[0.125]]]], atol=1e-6)


# Photos


def test_photos_of_all_kinds_are_read(photo_folder):
    dataset, info = load(photo_folder, 5, image_size=(16, 24), labels=True, shuffle=False)
    _, labels = next(iter(dataset))
    assert labels.numpy().tolist() == [0, 0, 0, 1, 1]
    assert (info.image_shape, info.class_names, info.num_classes) == ((16, 24, 3), ("cat", "dog"), 2)
    assert (info.num_images, info.skipped, info.name) == (5, (), photo_folder.name)


def test_a_photo_of_the_right_size_is_not_touched(tmp_path):
    pixels = noise(32, 32)
    save(tmp_path, "a.png", Image.fromarray(pixels))
    dataset, info = load(tmp_path, 1, image_size=32)
    np.testing.assert_allclose((epoch(dataset)[0] + 1) * 127.5, pixels, atol=1e-3)
    assert info.num_classes is None and info.class_names is None


def test_exif_orientation_is_applied(tmp_path):
    pixels = np.zeros((40, 40, 3), "uint8")
    pixels[:20] = 255  # the top half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees: white comes to the right
    save(tmp_path, "a.jpg", Image.fromarray(pixels), exif=exif)
    image = epoch(load(tmp_path, 1, image_size=40)[0])[0]
    assert image[:, :18].max() < -0.9 and image[:, 22:].min() > 0.9


def test_transparency_is_laid_over_white(tmp_path):
    pixels = np.zeros((8, 8, 4), "uint8")
    pixels[:4, :, 3] = 255
    save(tmp_path, "a.png", Image.fromarray(pixels))
    image = epoch(load(tmp_path, 1, image_size=8)[0])[0]
    assert (image[:4] == -1).all() and (image[4:] == 1).all()


def test_sixteen_bits_become_eight(tmp_path):
    save(tmp_path, "a.png", Image.fromarray(np.full((8, 8), 0x80FF, "uint16")))
    image = epoch(load(tmp_path, 1, image_size=8, channels=1)[0])
    np.testing.assert_allclose((image + 1) * 127.5, 0x80, atol=1e-3)


def test_gray_photos_are_luminance(tmp_path):
    save(tmp_path, "a.png", Image.new("RGB", (9, 9), (255, 0, 0)))
    image = epoch(load(tmp_path, 1, image_size=9, channels=1)[0])
    assert image.shape == (1, 9, 9, 1)
    np.testing.assert_allclose((image + 1) / 2, 0.299, atol=0.003)


def test_a_large_jpeg_keeps_its_picture(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 900).astype("uint8")[None, :, None], (600, 900, 3))
    save(tmp_path, "a.jpg", Image.fromarray(np.ascontiguousarray(ramp)), quality=95)
    row = (epoch(load(tmp_path, 1, image_size=20)[0])[0].mean(axis=(0, 2)) + 1) * 127.5
    np.testing.assert_allclose(row, 255 * (150 + 30 * (np.arange(20) + 0.5)) / 900, atol=3)


def test_files_that_cannot_be_read_are_skipped_and_named(photo_folder):
    (photo_folder / "cat" / "broken.jpg").write_bytes((photo_folder / "cat" / "b.jpg").read_bytes()[:3000])
    (photo_folder / "dog" / "really_text.png").write_text("not an image")
    (photo_folder / "dog" / "notes.txt").write_text("passed over: no image by its extension")
    (photo_folder / ".hidden").mkdir()
    (photo_folder / ".hidden" / "cache.jpg").write_text("passed over: hidden")
    with pytest.warns(UserWarning, match=r"^Skipped 2 of 7 images that could not be read: ") as caught:
        dataset, info = load(photo_folder, 5, labels=True, shuffle=False)
    assert len(caught) == 1
    assert info.skipped == ("cat/broken.jpg", "dog/really_text.png")
    assert all(name in str(caught[0].message) for name in info.skipped)
    assert next(iter(dataset))[1].numpy().tolist() == [0, 0, 0, 1, 1]
    assert info.num_images == 5


def test_a_decompression_bomb_is_skipped(photo_folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200 * 300 // 2 - 1)
    save(photo_folder, "dog/large_but_allowed.png", Image.fromarray(noise(200, 200)))  # Pillow would warn of it
    with pytest.warns(UserWarning, match="Skipped 1 of 6") as caught:
        _, info = load(photo_folder, 1)
    assert (info.skipped, len(caught)) == (("cat/b.jpg",), 1)


def test_photos_outside_the_class_folders_leave_no_labels(photo_folder):
    save(photo_folder, "loose.png", Image.new("L", (5, 5)))
    _, info = load(str(photo_folder), 6)
    assert (info.num_images, info.num_classes, info.class_names) == (6, None, None)
    with pytest.raises(ValueError, match="Received: labels=True"):
        load(photo_folder, 6, labels=True)


def test_a_folder_without_readable_photos_raises(tmp_path):
    with pytest.raises(ValueError, match=r"Received: source=.*has none"):
        load(tmp_path)
    (tmp_path / "a.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"Received: source=.*a\.png, fails with: UnidentifiedImageError"):
        load(tmp_path)


@needs_shared
@pytest.mark.slow
def test_a_folder_of_cifar10_is_read_whole(tmp_path):
    with tarfile.open(shared_folder() / "datasets" / "cifar10-jpg-test.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    dataset, info = load(tmp_path / "test", 10_000, image_size=32, labels=True)
    _, labels = next(dataset.as_numpy_iterator())
    assert np.bincount(labels).tolist() == [1000] * 10
    assert info.class_names[:3] == ("airplane", "automobile", "bird")


# Points


@pytest.mark.parametrize(
    ("name", "centres", "sigma"),
    [("ring", datasets.ring_centres(), datasets.RING_SIGMA), ("grid", datasets.grid_centres(), datasets.GRID_SIGMA)],
)
def test_mixtures_have_their_modes_and_spread(name, centres, sigma):
    dataset, info = load(name, 50_000, labels=True)
    points, labels = next(dataset.as_numpy_iterator())
    residuals = points - centres[labels]
    counts = np.bincount(labels, minlength=len(centres))
    assert (info.num_classes, info.image_shape) == (len(centres), (2,))
    assert abs(counts - 50_000 / len(centres)).max() < 5 * np.sqrt(50_000 / len(centres))
    np.testing.assert_allclose(residuals.std(axis=0), sigma, rtol=0.02)
    np.testing.assert_allclose(residuals.mean(axis=0), 0.0, atol=0.025 * sigma)
    high_quality = (np.linalg.norm(residuals, axis=1) < 3 * sigma).mean()
    assert 0.9865 < high_quality < 0.9915  # 1 - exp(-9/2) = 0.98889


def test_centres_are_those_of_the_literature():
    ring, grid = datasets.ring_centres(), datasets.grid_centres()
    assert ring.dtype == grid.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(ring, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(ring[[0, 1, 2]], [[1, 0], [0.5**0.5, 0.5**0.5], [0, 1]], atol=1e-6)
    assert sorted(map(tuple, grid.tolist())) == [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]


def test_the_bell_has_its_mean_and_sigma():
    dataset, info = load("bell", 50_000)
    points = epoch(dataset)
    assert points.shape == (50_000, 1) and info.num_classes is None
    assert abs(points.mean() - datasets.BELL_MEAN) < 0.012
    assert abs(points.std() - datasets.BELL_SIGMA) < 0.008


def test_points_follow_the_seed():
    first, again, other = (epoch(load("ring", 50_000, shuffle=False, seed=seed)[0]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.99


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 5)])
def test_point_arrays_have_no_range(shape):
    points = np.linspace(-50, 50, np.prod(shape)).reshape(shape)
    dataset, info = load(points, 20, shuffle=False)
    np.testing.assert_allclose(epoch(dataset), points.reshape(20, -1), rtol=1e-6)
    assert info.image_shape == points.reshape(20, -1).shape[1:]


# Arrays and mistakes


def test_float_images_pass_unchanged():
    images = np.random.default_rng(0).uniform(-1, 1, (6, 3, 3)).astype("float32")
    np.testing.assert_array_equal(epoch(load(images, 6, shuffle=False)[0]), images[..., None])


def test_labels_with_a_last_axis_of_one_are_taken():
    dataset, info = load((numbered_images(4), np.array([[2], [0], [1], [2]])), 4, labels=True, shuffle=False)
    assert next(iter(dataset))[1].numpy().tolist() == [2, 0, 1, 2]
    assert info.num_classes == 3


def test_floats_that_look_like_0_to_1_warn():
    images = np.linspace(0, 1, 80).reshape(5, 4, 4)
    with pytest.warns(UserWarning, match=r"Received: values from 0 to 1.*images \* 2 - 1"):
        load(images, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(images * 2 - 1, 5)


FLOATS = np.linspace(-1, 1, 80).reshape(5, 4, 4)


@pytest.mark.parametrize(
    ("source", "options", "match"),
    [
        ("digits", {"batch_size": 0}, "Received: batch_size=0"),
        ("digits", {"batch_size": 1.5}, "Received: batch_size=1.5"),
        ("digits", {"batch_size": 1798}, "Received: batch_size=1798 for 1797"),
        ("digits", {"seed": -1}, "Received: seed=-1"),
        ("digits", {"skip_batches": -1}, "Received: skip_batches=-1"),
        ("digits", {"image_size": 0}, "Received: image_size=0"),
        ("digits", {"image_size": (8, 8, 1)}, "Received: image_size="),
        ("digits", {"channels": 2}, "Received: channels=2"),
        ("digits", {"split": "test"}, "Received: split='test'"),
        ("digits", {"split": "train[:101%]"}, "Received: split="),
        ("digits", {"split": "train[:5000]"}, "Received: split="),
        ("digits", {"split": "train[50%:50%]"}, "Received: split="),
        ("digits", {"split": None}, "Received: split=None"),
        ("ring", {"image_size": 8}, "Received: image_size="),
        ("ring", {"channels": 1}, "Received: image_size=None, channels=1"),
        ("bell", {"labels": True}, "Received: labels=True"),
        ("ring", {"flip": True}, "Points cannot be mirrored. Received: flip=True for 'ring'"),
        ("./nowhere", {}, r"Received: source='./nowhere', which does not exist"),
        ("nowhere/photos", {}, "Received: source='nowhere/photos', which does not exist"),
        (pathlib.Path("nowhere"), {}, "Received: source='nowhere', which does not exist"),
        (pathlib.Path(__file__), {}, "which is a file"),
        (".", {"channels": 4}, "Received: channels=4"),
        ("", {}, "Received: source=''"),
        (None, {}, "Received: source=<NoneType>"),
        ([[1.0]], {}, "Received: source=<list>"),
        (FLOATS, {"labels": True, "batch_size": 5}, "Received: labels=True"),
        (FLOATS * 1.01, {}, r"Received: values from -1.01 to 1.01.*127.5 - 1"),
        (np.where(FLOATS < 0, np.nan, FLOATS), {}, "Received: 40 NaN"),
        (np.array([1.0, np.inf]), {}, "Received: 1 NaN or infinite"),
        (np.zeros((0, 4, 4, 1), "uint8"), {}, r"Received: an array of shape=\(0, 4, 4, 1\)"),
        (np.float32(3.0), {}, r"Received: an array of shape=\(\)"),
        (np.zeros((2, 3, 32, 32), "uint8"), {}, r"Received: an array of shape=\(2, 3, 32, 32\).*moveaxis"),
        (np.zeros((2, 4, 4), "int64"), {}, "Received: dtype=int64"),
        (np.zeros((9, 2), "uint8"), {}, "Received: dtype=uint8"),
        ((FLOATS,), {}, "Received: source=<tuple of 1>"),
        ((FLOATS, np.arange(4)), {}, r"Received: labels of shape=\(4,\)"),
        ((FLOATS, np.eye(5, dtype=int)), {}, r"Received: labels of shape=\(5, 5\).*argmax"),
        ((FLOATS, np.arange(5.0)), {}, "Received: labels of .*float64"),
        ((FLOATS, np.arange(5) - 1), {}, "Received: labels from -1 to 3"),
    ],
)
def test_mistakes_raise_and_say_what_was_received(source, options, match):
    with pytest.raises(ValueError, match=match):
        load(source, **options)


@needs_shared
def test_stacked_mnist_writes_its_labels(mnist_folder):
    """Each colour is a digit of MNIST, and the label the number they write."""
    images, labels, info = load_arrays("stacked_mnist", split="test[:300]")
    assert images.shape == (300, 28, 28, 3) and info.num_classes == 1000
    digits, names, _ = load_arrays("mnist", split="test")
    known = {digit.tobytes(): name for digit, name in zip(digits[..., 0], names, strict=True)}
    for image, label in zip(images, labels, strict=True):
        written = [known[np.ascontiguousarray(image[..., colour]).tobytes()] for colour in range(3)]
        assert label == 100 * written[0] + 10 * written[1] + written[2]


@needs_shared
def test_stacked_mnist_is_always_the_same_and_covers_every_class(mnist_folder):
    labels, again = (stacked.read_stacked("test", ()).labels for _ in range(2))
    assert len(labels) == 26_000 and len(np.unique(labels)) == 1000
    assert np.array_equal(labels, again)
    with pytest.raises(ValueError, match="'train' and 'test'"):
        load("stacked_mnist", split="validation")
