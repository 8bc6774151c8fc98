"""Named sets of images: scikit-learn's digits, TensorFlow Datasets, stacked MNIST."""

import os
import socket

import numpy as np
import pytest
from dataset_helpers import first_batch, values
from helpers import needs_shared

from kerasgan.datasets import facts_of_set, load, load_arrays, stacked_mnist

# Digits and TensorFlow Datasets


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    batches, info = load("digits", 1797, labels=True, shuffle=False)
    images, labels = first_batch(batches)
    np.testing.assert_allclose((images[..., 0] + 1) * 8, load_digits().images, atol=0.5 * 16 / 255)
    np.testing.assert_array_equal(labels, load_digits().target)
    assert (info.image_shape, info.num_images, info.class_names) == ((8, 8, 1), 1797, tuple("0123456789"))


@needs_shared
def test_mnist_equals_what_tfds_gives(mnist_folder):
    import tensorflow_datasets as tfds

    images, labels = first_batch(load("mnist", 10_000, split="test", labels=True, shuffle=False)[0])
    expected = tfds.load("mnist", split="test", batch_size=-1, download=False, data_dir=os.environ["TFDS_DATA_DIR"])
    np.testing.assert_array_equal(np.round((images + 1) * 127.5).astype("uint8"), expected["image"].numpy())
    np.testing.assert_array_equal(labels, expected["label"].numpy())


@needs_shared
def test_mnist_has_its_known_class_counts(mnist_folder):
    batches, info = load("mnist", 60_000, labels=True)
    _, labels = first_batch(batches)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(labels).tolist() == counts
    assert (info.num_images, info.image_shape, info.num_classes) == (60_000, (28, 28, 1), 10)


@needs_shared
def test_facts_of_a_set(mnist_folder):
    assert facts_of_set("mnist") == ((28, 28, 1), 60_000)
    with pytest.raises(ValueError, match=r"Received: dataset='minst'. Did you mean 'mnist'"):
        facts_of_set("minst")


@needs_shared
def test_tfds_images_can_be_resized_and_colored(mnist_folder):
    small = values(load("mnist", 100, split="test[:100]", image_size=14, channels=3, shuffle=False)[0])
    full = values(load("mnist", 100, split="test[:100]", shuffle=False)[0])
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
    batches, info = load("own_set", 4, image_size=(8, 12), channels=1)
    assert (info.image_shape, info.num_images, info.num_classes) == ((8, 12, 1), 4, None)
    assert sorted(np.round((values(batches)[:, 4, 6, 0] + 1) * 127.5).astype(int)) == [0, 40, 80, 120]
    with pytest.raises(ValueError, match="image_size=None"):
        load("own_set", 4)
    with pytest.raises(ValueError, match="Received: labels=True"):
        load("own_set", 4, image_size=8, labels=True)


# Stacked MNIST


@needs_shared
def test_stacked_mnist_writes_its_labels(mnist_folder):
    """Each color is a digit of MNIST, and the label the number of these three digits."""
    images, labels, info = load_arrays("stacked_mnist", split="test[:300]")
    assert images.shape == (300, 28, 28, 3) and info.num_classes == 1000
    digits, names, _ = load_arrays("mnist", split="test")
    known = {digit.tobytes(): name for digit, name in zip(digits[..., 0], names, strict=True)}
    for image, label in zip(images, labels, strict=True):
        written = [known[np.ascontiguousarray(image[..., color]).tobytes()] for color in range(3)]
        assert label == 100 * written[0] + 10 * written[1] + written[2]


@needs_shared
def test_stacked_mnist_is_always_the_same_and_covers_every_class(mnist_folder):
    labels, again = (stacked_mnist.read_stacked("test", ()).labels for _ in range(2))
    assert len(labels) == 26_000 and len(np.unique(labels)) == 1000
    assert np.array_equal(labels, again)
    with pytest.raises(ValueError, match="'train' and 'test'"):
        load("stacked_mnist", split="validation")
