"""A small classifier for data sets such as MNIST, trained here and cached."""

import hashlib
import json
import math
import os
import pathlib
import re
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from kerasgan import datasets, files, keras_internals
from kerasgan.validation import model_files, scalars

from .extractor import Extractor, inference

VERSION = 1
"""Part of the names of cached files: a change of network or training must raise it."""

WIDTH = 128
BATCH_SIZE = 128
MIN_IMAGES = 120_000
"""Images of the whole training, counted with repetition: two passes over MNIST."""

NOTE = "kerasgan.json"


def classifier(
    source: Any,
    *,
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    seed: int = 0,
    cache: str | os.PathLike[str] | None = None,
) -> Extractor:
    """Returns a small convolutional classifier, trained on a data set's labels, as an `Extractor` with probabilities.

    The features are the 128 values of the penultimate layer, after SiLU: unlike with ReLU no unit is zero over the
    whole set, so that the covariance of the features has full rank. It is trained on the split "train" and its
    `accuracy` measured on "test"; a set without that split is divided into nine tenths and the rest. On MNIST two
    passes take about 30 seconds on two cores and classify 99.1 % of the test images correctly. For the same seed it is
    the same classifier on machines of one kind, up to the order in which threads add. No global seed is used.

    A trained classifier is kept as a `.keras` file, used again by later calls, and trained again where the file cannot
    be read. Figures of classifiers of other data sets, sizes or seeds are not comparable.

    Args:
        source: a labeled data set, as `kerasgan.datasets.load` takes it: `"mnist"`, `"digits"`, a folder with a
            sub-folder for each class, (images, labels) ...
        image_size: as for `load`; the size of the images to be evaluated.
        channels: as for `load`; the channels of the images to be evaluated.
        seed: fixes the weights and the order of the images.
        cache: folder for trained classifiers; None for KERASGAN_CACHE, or else ~/.cache/kerasgan.

    Raises:
        ValueError: if the source cannot be loaded, has no labels, or holds points.
    """
    seed = scalars.whole_number("seed", seed, 0)
    folder = files.expanded(cache or os.environ.get("KERASGAN_CACHE") or "~/.cache/kerasgan")
    options = {"image_size": image_size, "channels": channels}
    file = folder / _file_name(source, options, seed)
    cached = _read(file)
    network, note = cached or _train(source, options, seed)
    if cached is None:
        _write(file, network, note)
    features_and_logits = inference(network)

    def features(images):
        found, logits = features_and_logits(images)
        return found, keras.ops.softmax(logits)

    name = f"classifier ({note['dataset']})"
    settings = {"version": VERSION, "seed": seed, "trained_on": note["dataset"], "image_size": image_size}
    return Extractor(name, features, tuple(network.input_shape[1:]), note["accuracy"], settings=settings)


def _file_name(source, options, seed):
    """Returns a name that differs between any two classifiers."""
    digest = hashlib.sha256(repr((source if isinstance(source, str) else None, options, seed)).encode())
    named = isinstance(source, str) and not os.path.exists(os.path.expanduser(source))
    if not named:  # folders, files and arrays are identified by their content
        digest.update(_fingerprint(source))
    slug = re.sub(r"[^A-Za-z0-9]+", "-", source).strip("-") if named else "own-images"
    return f"classifier-v{VERSION}-{slug}-seed{seed}-{digest.hexdigest()[:12]}.keras"


def _fingerprint(source):
    """Returns bytes that change with a folder's files or an array's values."""
    if isinstance(source, str | os.PathLike):
        path = pathlib.Path(os.path.expanduser(source))
        files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
        return repr([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]).encode()
    parts = [np.asarray(part) for part in (source if isinstance(source, tuple) else (source,))]
    return b"".join(repr((part.shape, part.dtype)).encode() + part.tobytes() for part in parts)


def _train(source, options, seed):
    """Returns a trained network from images to (features, logits), and a note: data set, accuracy."""
    train, held_out = ("train", "test") if datasets.has_test_split(source) else ("train[:90%]", "train[90%:]")
    images, labels, info = datasets.load_arrays(source, split=held_out, **options)
    if labels is None or len(info.image_shape) != 3:
        raise ValueError(
            f"A classifier learns from labeled images. Received: source={info.name!r}, with values of shape "
            f"{info.image_shape} and num_classes={info.num_classes}. Use the features 'pixels' for points, and "
            "'inception' for images without labels."
        )
    batch_size = min(BATCH_SIZE, len(images))
    batches, info = datasets.load(source, batch_size, split=train, labels=True, seed=seed, **options)
    network = new_network(info.image_shape, info.num_classes, seed)
    fit(network, batches)
    accuracy = _accuracy(network, images, labels)
    return network, {"dataset": info.name, "accuracy": accuracy, "held_out_images": len(images)}


def new_network(image_shape: Sequence[int], num_classes: int, seed: int) -> keras.Model:
    """Returns three convolutions and a dense layer; each initializer has a seed, so that no global one is used."""
    seeds = iter(np.random.default_rng(seed).integers(2**31, size=5))

    def options(activation="silu"):
        weights = keras.initializers.HeNormal(seed=int(next(seeds)))
        return {"activation": activation, "kernel_initializer": weights, "dtype": "float32"}

    images = keras.Input(image_shape, dtype="float32")
    maps = keras.layers.Conv2D(16, 3, padding="same", **options())(images)
    maps = keras.layers.Conv2D(32, 3, 2, padding="same", **options())(maps)
    maps = keras.layers.Conv2D(64, 3, 2, padding="same", **options())(maps)
    features = keras.layers.Dense(WIDTH, **options())(keras.layers.Flatten(dtype="float32")(maps))
    logits = keras.layers.Dense(num_classes, **options(None))(features)
    return keras.Model(images, [features, logits])


def fit(network: keras.Model, batches: Any, loss: Any = None, most_passes: int | None = None) -> None:
    """Trains a network on batches of pairs (images, labels), by their cross-entropy or another loss.

    Args:
        network: from images to (features, logits).
        batches: the batches, of one epoch.
        loss: a loss of Keras; None for the cross-entropy of classes.
        most_passes: the most epochs; None for as many as `MIN_IMAGES` take, however few images there are.
    """
    passes = max(2, math.ceil(MIN_IMAGES / (len(batches) * batches.batch_size)))
    passes = passes if most_passes is None else min(passes, most_passes)
    batches = batches.repeat(passes)
    rate = keras.optimizers.schedules.CosineDecay(2e-3, len(batches))
    classifier = keras.Model(network.input, network.outputs[1])
    classifier.compile(keras.optimizers.Adam(rate), loss or _cross_entropy())
    classifier.fit(keras_internals.EpochAdapter(batches), verbose=0)


def _cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _accuracy(network, images, labels):
    features_and_logits = inference(network)
    logits = Extractor("logits", lambda batch: features_and_logits(batch)[1])(images).features
    return float(np.mean(logits.argmax(axis=1) == labels))


def _read(file):
    """Returns a cached classifier and its note, or None where there is none that can be read."""
    if not file.is_file():
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            note = json.loads(archive.read(NOTE))
        model_files.check(file)
        network = keras.models.load_model(file, compile=False, safe_mode=True)
        return (network, note) if {"dataset", "accuracy"} <= set(note) and len(network.outputs) == 2 else None
    except Exception:  # a damaged file can make Keras raise anything; the classifier is trained again
        return None


def _write(file, network, note):
    """Caches a classifier; where that is not possible it warns, and goes on without."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with files.written_whole(file, durable=False) as unfinished:
            network.save(unfinished)
            with zipfile.ZipFile(unfinished, "a") as archive:
                archive.writestr(NOTE, json.dumps(note))
    except OSError as error:
        warnings.warn(
            f"The classifier could not be cached, and will be trained again next time ({error}). Set KERASGAN_CACHE to "
            "a folder that can be written.",
            stacklevel=3,
        )


def accuracy_after_training(
    images: np.ndarray, labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray, seed: int = 0
) -> float:
    """Returns the share of test images that the network of `classifier`, trained on other images, classifies correctly.

    It is trained as `classifier` trains it, over as many images, and not kept.

    Args:
        images: float32 (n, height, width, channels) in [-1, 1].
        labels: int (n,), counted from 0.
        test_images: float32 (m, height, width, channels).
        test_labels: int (m,).
        seed: fixes the weights and the order of the images.
    """
    batches, info = datasets.load((images, labels), min(BATCH_SIZE, len(images)), labels=True, seed=seed)
    network = new_network(info.image_shape, int(max(labels.max(), test_labels.max())) + 1, seed)
    fit(network, batches)
    return _accuracy(network, test_images, test_labels)
