"""Laws of loading: ranges, shapes, slices, arrays; what each mistake raises."""

import dataclasses
import pathlib
import warnings

import numpy as np
import pytest
from dataset_helpers import first_batch, noise, numbered_images, numbers, values
from helpers import needs_shared

from kerasgan.datasets import batches as batches_module
from kerasgan.datasets import load, load_arrays
from kerasgan.runs import plans, recipes, training

# The contract that every source keeps


def check_contract(batches, info, batch_size):
    images, labels = first_batch(batches)
    assert images.shape == (batch_size, *info.image_shape) and images.dtype == np.float32
    assert labels.shape == (batch_size,) and labels.dtype == np.int32
    assert (batches.batch_size, batches.image_shape) == (batch_size, info.image_shape)
    assert 0 <= labels.min() and labels.max() < info.num_classes
    assert info.class_names is None or len(info.class_names) == info.num_classes
    assert len(batches) == len(list(batches)) == info.num_images // batch_size
    if len(info.image_shape) == 3:
        assert -1.0 <= images.min() < -0.5 and 0.5 < images.max() <= 1.0


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


def test_without_labels_batches_are_images_alone():
    batches, info = load("digits", 10)
    assert next(iter(batches)).shape == (10, 8, 8, 1)
    assert info.num_classes == 10


def test_only_the_same_data_have_the_same_fingerprint():
    images, labels = numbered_images(20), np.arange(20)
    fingerprints = [
        load(source, 2)[1].fingerprint
        for source in (images, images.copy(), images[::-1], (images, labels), images[:19])
    ]
    assert fingerprints[0] == fingerprints[1] and len(set(fingerprints)) == 4
    assert load("ring", seed=1)[1].fingerprint != load("ring", seed=2)[1].fingerprint


def test_pixels_0_and_255_become_the_ends_of_the_range():
    images = np.array([0, 51, 255], "uint8").reshape(3, 1, 1)
    np.testing.assert_allclose(values(load(images, 3, shuffle=False)[0]).ravel(), [-1.0, -0.6, 1.0], atol=1e-6)


# Mirroring


def test_only_photos_are_mirrored_by_default():
    assert {name for name, recipe in recipes.RECIPES.items() if recipe.flip} == {"photos", "pix2pix", "cyclegan"}
    images = noise(4, 4 * 20).reshape(20, 4, 4, 3)
    plain, mirrored = (values(load(images, 20, shuffle=False, **options)[0]) for options in ({}, {"flip": True}))
    assert np.array_equal(plain, load_arrays(images)[0]) and not np.array_equal(plain, mirrored)


def test_a_run_mirrors_as_its_recipe_says_and_goes_on_so(photo_folder):
    recipe = dataclasses.replace(recipes.get("photos"), source=str(photo_folder), batch_size=1, image_size=8)
    for flip in (True, False):
        plan = plans.Plan("photos", dataclasses.replace(recipe, flip=flip), 4, False, guard="off")
        found, info = training._load(plan, skip_batches=3)
        direct, same_info = load(photo_folder, 1, image_size=8, seed=4, flip=flip)  # too few to hold any out
        assert found.skip_batches == 3
        for number in range(3):
            assert np.array_equal(values(found.epoch(number)), values(direct.epoch(number)))
        assert info == same_info == load(photo_folder, 1, image_size=8, flip=not flip)[1]


# Splits


@pytest.mark.parametrize(
    ("left", "right", "size"), [("[:90%]", "[90%:]", 90), ("[:33]", "[33:]", 33), ("[:-7]", "[-7:]", 93)]
)
def test_slices_are_disjoint_complete_and_mixed(left, right, size):
    parts = [load(numbered_images(), 1, split=f"train{part}", seed=seed) for seed, part in enumerate((left, right))]
    first, second = (numbers(batches) for batches, _ in parts)
    assert len(first) == parts[0][1].num_images == size
    assert sorted(first + second) == list(range(100))
    assert min(second) < 90


def test_a_slice_keeps_storage_order_and_labels():
    batches, _ = load((numbered_images(), np.arange(100)), 1, split="train[20%:40%]", labels=True, shuffle=False)
    labels = [int(label[0]) for _, label in batches]
    assert len(labels) == 20
    assert labels == sorted(labels) == numbers(batches.map(lambda images, _: images))


def test_slices_of_a_folder_share_class_names(photo_folder):
    infos = [load(photo_folder, 1, split=split)[1] for split in ("train[:3]", "train[3:]")]
    assert [info.num_images for info in infos] == [3, 2]
    assert infos[0].class_names == infos[1].class_names == ("cat", "dog")


# Change of size


def test_the_center_is_cropped_before_resizing():
    images = np.zeros((1, 4, 8, 1), "uint8")
    images[:, :, 2:6] = 200
    assert (batches_module.resize_array(images, (2, 2), None) == 200).all()
    assert batches_module.resize_array(images, (2, 4), None)[0, :, :, 0].tolist() == [[0, 200, 200, 0]] * 2


def test_shrinking_does_not_alias():
    stripes = np.tile(np.array([255, 0, 0, 255], "uint8"), (1, 64, 16))[..., None]  # taking only the middle gives 0
    assert abs(batches_module.resize_array(stripes, (16, 16), None).astype(int) - 127.5).max() <= 0.5


def test_floats_are_resized_as_floats():
    images = np.array([-1.0, 0.5, 0.5, 0.5], "float32").reshape(1, 2, 2, 1)
    np.testing.assert_allclose(batches_module.resize_array(images, (1, 1), None), [[[[0.125]]]], atol=1e-6)


# Arrays and mistakes


def test_float_images_pass_unchanged():
    images = np.random.default_rng(0).uniform(-1, 1, (6, 3, 3)).astype("float32")
    np.testing.assert_array_equal(values(load(images, 6, shuffle=False)[0]), images[..., None])


@pytest.mark.parametrize(
    ("labels", "match"), [([1, 2, 3], "from 1 to 3, of which 3 are used"), ([0, 2, 2], "2 are used")]
)
def test_classes_without_images_are_warned_of(labels, match):
    with pytest.warns(UserWarning, match=match) as caught:
        _, info = load((np.zeros((3, 4, 4, 1), "uint8"), np.array(labels)), 1, labels=True)
    assert info.num_classes == max(labels) + 1 and caught[0].filename == __file__


def test_labels_beyond_int32_are_refused():
    with pytest.raises(ValueError, match="below 2"):
        load((np.zeros((2, 4, 4, 1), "uint8"), np.array([0, 2**40])), 1, labels=True)


def test_labels_with_a_last_axis_of_one_are_taken():
    batches, info = load((numbered_images(4), np.array([[2], [0], [1], [2]])), 4, labels=True, shuffle=False)
    assert first_batch(batches)[1].tolist() == [2, 0, 1, 2]
    assert info.num_classes == 3


def test_floats_that_look_like_0_to_1_warn():
    images = np.linspace(0, 1, 80).reshape(5, 4, 4)
    with pytest.warns(UserWarning, match=r"Received: values from 0 to 1.*images \* 2 - 1") as caught:
        load(images, 5)
    assert caught[0].filename == __file__
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
        ("digits", {"batch_size": True}, "Received: batch_size=True"),
        ("digits", {"seed": -1}, "Received: seed=-1"),
        ("digits", {"passes": 0}, "Received: passes=0"),
        ("digits", {"skip_batches": -1}, "Received: skip_batches=-1"),
        ("digits", {"image_size": 0}, "Received: image_size=0"),
        ("digits", {"image_size": (8, 8, 1)}, r"Received: image_size=\(8, 8, 1\)"),
        ("digits", {"image_size": (8, 1.5)}, "Received: image_size=1.5"),
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
        (".", {"channels": 2}, "Received: channels=2"),
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
