"""Extractors: one interface for all, a classifier that is trained once, and what each refuses."""

import importlib
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import needs_shared, shared_folder

from kerasgan import datasets, features, metrics
from kerasgan.features.extractor import Extractor

MODULE = importlib.import_module("kerasgan.features.classifier")
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.uniform(-1, 1, (23, 8, 8, 1)).astype("float32")


def two_kinds(n=200):
    """Noisy images, dark with a bright upper half (class 0) or a bright lower half (class 1), and the labels."""
    labels = np.arange(n) % 2
    images = RANDOM.normal(-0.8, 0.1, (n, 8, 8, 1))
    images[labels == 0, :4] += 1.2
    images[labels == 1, 4:] += 1.2
    return np.clip(images, -1, 1).astype("float32"), labels


@pytest.fixture(scope="module")
def source():
    return two_kinds()


@pytest.fixture
def trainings(monkeypatch):
    """Replaces trained networks by untrained ones, and counts the trainings."""
    count = []

    def train(source, options, seed):
        count.append(seed)
        return MODULE.new_network((8, 8, 1), 2, seed), {"dataset": "stub", "accuracy": 0.5}

    monkeypatch.setattr(MODULE, "_train", train)
    return count


# The interface


def test_batches_change_nothing_and_tensors_are_welcome():
    def mean_and_share(images):
        share = (images[:, 0, 0] + 1) / 2
        return tf.reduce_mean(images, axis=(1, 2)), tf.concat([share, 1 - share], axis=1)

    found = Extractor("mean", mean_and_share, batch_size=5)(tf.constant(IMAGES, tf.float16))
    assert found.features.dtype == found.probabilities.dtype == np.float32
    assert found.features.shape == (23, 1) and found.probabilities.shape == (23, 2)
    assert np.allclose(found.features[:, 0], IMAGES.mean(axis=(1, 2, 3)), atol=1e-3)
    assert np.allclose(found.probabilities[:, 0], (IMAGES[:, 0, 0, 0] + 1) / 2, atol=1e-3)


def test_pixels_are_the_values_themselves():
    found = features.pixels()(IMAGES)
    assert np.array_equal(found.features, IMAGES.reshape(23, 64)) and found.probabilities is None
    assert np.array_equal(features.get("pixels")(IMAGES[:, 0, 0]).features, IMAGES[:, 0, 0])


def test_a_keras_model_is_called_in_inference_mode():
    network = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dropout(0.9)], name="mine")
    extractor = features.get(network)
    assert extractor.name == "mine"
    assert np.array_equal(extractor(IMAGES).features, IMAGES.reshape(23, 64))


@pytest.mark.parametrize("bad", [IMAGES[:0], IMAGES.astype("uint8"), np.zeros(3, "float32")])
def test_arrays_that_are_not_images(bad):
    with pytest.raises(ValueError, match="Received"):
        features.pixels()(bad)


def test_extractors_that_return_no_rows():
    with pytest.raises(ValueError, match="pooling"):
        features.model(lambda images: images, name="maps")(IMAGES)
    with pytest.raises(ValueError, match="a Keras model or a function"):
        features.get(3)
    with pytest.raises(ValueError, match="Did you mean 'pixels'"):
        features.get("pixel")
    with pytest.raises(ValueError, match="needs the data set"):
        features.get("classifier")


# Inception, with random weights


def test_pixels_of_large_images_are_the_means_of_squares():
    images = np.random.default_rng(0).uniform(-1, 1, (2, 48, 96, 4)).astype("float32")
    means = images.reshape(2, 16, 3, 32, 3, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(features.pixels()(images).features, means.reshape(2, -1), atol=1e-6)
    assert features.pixels()(np.zeros((1, 65, 64, 1), "float32")).features.shape == (1, 33 * 32)
    assert features.pixels()(np.zeros((1, 2, 2, 5000), "float32")).features.shape == (1, 5000)


def test_inception_refuses_other_channels():
    with pytest.raises(ValueError, match=r"1 or 3 channels\. Received: images of 4"):
        features.inception(weights=None)(np.zeros((1, 8, 8, 4), "float32"))


def test_inception_takes_any_size_and_gray():
    gray = features.inception(weights=None)(IMAGES[:2])
    assert gray.features.shape == (2, 2048) and gray.probabilities is None
    assert np.isfinite(gray.features).all() and not np.array_equal(*gray.features)


def test_inception_computes_in_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        found = features.inception(weights=None)(IMAGES[:2]).features
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert not np.array_equal(found, tf.cast(tf.cast(found, tf.bfloat16), tf.float32))


def test_inception_resizes_and_repeats(monkeypatch):
    seen = []

    class Network:
        def __call__(self, images, training):
            seen.append(images)
            return tf.reshape(images, (2, -1))[:, :5]

    monkeypatch.setattr(keras.applications, "InceptionV3", lambda **options: Network())
    features.inception(weights=None)(np.full((2, 8, 8, 1), 0.25, "float32"))
    assert seen[0].shape == (2, 299, 299, 3)


def test_inception_without_its_weights(monkeypatch):
    def fails(**options):
        raise Exception("URL fetch failure on https://somewhere: no network\nand more")

    monkeypatch.setattr(keras.applications, "InceptionV3", fails)
    with pytest.raises(OSError, match=r"URL fetch failure.*'classifier'") as caught:
        features.inception()
    assert "\n" not in str(caught.value)


# The classifier


def test_a_classifier_learns_and_its_accuracy_is_true(source, tmp_path, monkeypatch):
    """Random labels cannot be learned for held-out images. No global seed is used or set."""
    monkeypatch.setattr(MODULE, "MIN_IMAGES", 1000)
    keras.utils.set_random_seed(5)
    expected = (np.random.rand(), float(keras.random.normal(())))
    keras.utils.set_random_seed(5)
    extractor = features.classifier(source, cache=tmp_path)
    assert (np.random.rand(), float(keras.random.normal(()))) == expected
    images, labels = source
    found = extractor(images)
    assert extractor.accuracy > 0.95
    assert np.mean(found.probabilities.argmax(axis=1) == labels) > 0.95
    assert found.features.shape == (200, 128) and np.allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)
    assert features.classifier((images, RANDOM.permutation(labels)), cache=tmp_path).accuracy < 0.9


def test_a_classifier_is_trained_once(source, trainings, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    first = features.classifier(source)
    (file,) = (tmp_path / "cache").iterdir()
    written = file.stat().st_mtime_ns
    again = features.classifier(source)
    assert len(trainings) == 1 and file.stat().st_mtime_ns == written
    assert again.accuracy == first.accuracy and again.name == first.name
    assert np.array_equal(first(source[0]).features, again(source[0]).features)


def test_other_seeds_and_images_get_classifiers_of_their_own(source, trainings, tmp_path):
    for other, seed in ((source, 0), (source, 1), (two_kinds(), 0)):
        features.classifier(other, seed=seed, cache=tmp_path)
    assert len(trainings) == 3 == len(list(tmp_path.iterdir()))


def flipped(content):
    """One byte in the middle, which is a weight's."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-100], lambda content: b""])
def test_a_damaged_file_is_replaced_by_a_new_training(source, trainings, tmp_path, damage):
    before = features.classifier(source, cache=tmp_path)(source[0])
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    after = features.classifier(source, cache=tmp_path)(source[0])
    assert len(trainings) == 2
    assert np.array_equal(before.features, after.features)
    features.classifier(source, cache=tmp_path)
    assert len(trainings) == 2 and len(list(tmp_path.iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_warned_of(source, trainings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="KERASGAN_CACHE"):
        assert features.classifier(source, cache=tmp_path / "file").accuracy == 0.5


@pytest.mark.parametrize("bad", ["ring", IMAGES])
def test_sources_without_labeled_images(bad, tmp_path):
    with pytest.raises(ValueError, match="labeled images"):
        features.classifier(bad, cache=tmp_path)


def test_images_of_another_shape_than_the_classifiers(source, trainings, tmp_path):
    with pytest.raises(ValueError, match=r"takes images of shape \(8, 8, 1\)"):
        features.classifier(source, cache=tmp_path)(np.zeros((2, 9, 8, 1), "float32"))


# Arrays of images, for evaluation


def test_load_arrays_draws_without_repetition_and_keeps_labels_with_their_images():
    source = (np.arange(100, dtype="uint8").reshape(100, 1, 1, 1), np.arange(100))
    images, labels, info = datasets.load_arrays(source, 60, seed=1)
    assert images.shape == (60, 1, 1, 1) and len(set(labels)) == 60 and info.num_images == 100
    assert np.array_equal(np.rint((images[:, 0, 0, 0] + 1) * 127.5), labels)
    assert np.array_equal(labels, datasets.load_arrays(source, 60, seed=1)[1])
    assert not np.array_equal(labels, datasets.load_arrays(source, 60, seed=2)[1])
    assert np.array_equal(datasets.load_arrays(source)[1], np.arange(100))
    assert len(datasets.load_arrays(source, 1000)[0]) == 100


@needs_shared
def test_which_sources_have_a_test_split(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_folder() / "datasets" / "tensorflow_datasets"))
    assert datasets.has_test_split("mnist")
    others = ("digits", "ring", tmp_path, str(tmp_path), "./gone", "no/folder", IMAGES)
    assert not any(map(datasets.has_test_split, others))


@pytest.mark.slow
@needs_shared
def test_the_classifier_of_mnist(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(shared_folder() / "datasets" / "tensorflow_datasets"))
    extractor = features.classifier("mnist", cache=tmp_path)
    images, labels, _ = datasets.load_arrays("mnist", split="test")
    found = extractor(images)
    accuracy = np.mean(found.probabilities.argmax(axis=1) == labels)
    assert accuracy == extractor.accuracy >= 0.985
    halves = found.features[::2], found.features[1::2]
    assert np.linalg.matrix_rank(metrics.moments(found.features)[1]) == 128
    negatives = extractor(-images).features
    assert metrics.frechet_distance(*halves) < metrics.frechet_distance(found.features, negatives) / 20


def test_a_classifier_of_a_file_is_that_of_its_content(tmp_path):
    """It is kept under a name of its own for each file, and for each content."""
    names = set()
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, images=np.zeros((2, 8, 8, 1), "uint8"))
        names |= {MODULE._file_name(kind(tmp_path / name), {}, 0) for kind in (str, pathlib.Path)}
    np.savez(tmp_path / "b.npz", images=np.zeros((3, 8, 8, 1), "uint8"))
    names.add(MODULE._file_name(str(tmp_path / "b.npz"), {}, 0))
    assert len(names) == 5
