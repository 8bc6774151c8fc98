"""The Evaluate callback in real fits of tiny GANs: what later callbacks find, and that training stays the same."""

import csv
import math

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kerasgan
from kerasgan import evaluation, features, metrics
from kerasgan.callbacks import Evaluate

QUICK = {"subsets": 2}


def evaluate(real, extractor="pixels", **options):
    return Evaluate(real, extractor, options=QUICK, **options)


def fit(gan, images, *callbacks, epochs=3):
    return gan.fit(images, batch_size=32, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)).history


def halves(images):
    """Classifies by which half of the picture is brighter."""
    sums = images.numpy().reshape(len(images), 2, -1).sum(axis=2)
    shares = np.exp(sums - sums.max(axis=1, keepdims=True))
    return images.numpy().reshape(len(images), -1), shares / shares.sum(axis=1, keepdims=True)


def test_the_history_holds_the_values_of_evaluate(make_gan, images):
    watch = evaluate(images, metrics=("fid", "kid", "recall", "js"), extractor=features.model(halves))
    gan = make_gan()
    history = fit(gan, images, watch)
    assert len(history["val_fid"]) == len(history["val_js"]) == 3 and "val_precision" not in history
    chosen = images[np.random.default_rng(0).permutation(64)]
    found = evaluation.evaluate(chosen, gan.generate(64, seed=0), features.model(halves), subsets=2)
    last = [history[f"val_{name}"][-1] for name in ("fid", "kid", "recall", "js")]
    assert last == pytest.approx([found.fid, found.kid, found.recall, found.js])
    assert watch.latest.fid == last[0]


def test_the_worse_generator_has_the_higher_fid(make_gan, images):
    """An untrained generator against one whose images are all black."""
    gan = make_gan()
    untrained = fit(gan, images, evaluate(images), epochs=1)["val_fid"][0]
    for weight in gan.generator.weights:
        weight.assign(np.zeros(weight.shape))
    gan.generator.weights[-1].assign(np.full(64, -50.0))  # the last bias, before tanh
    black = fit(gan, images, evaluate(images), epochs=1)
    assert black["val_fid"][0] > untrained and black["val_recall"] == [0.0]


def test_training_is_the_same_without_it(make_gan, images):
    plain, watched = make_gan(), make_gan()
    fit(plain, images)
    fit(watched, images, evaluate(images))
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), watched.get_weights(), strict=True))
    assert np.array_equal(plain.seed_generator.state, watched.seed_generator.state)


def test_later_callbacks_find_the_values(make_gan, images, tmp_path):
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_fid", mode="min", save_best_only=True)
    stop = keras.callbacks.EarlyStopping("val_kid", mode="min", patience=1, min_delta=100.0)
    gan = make_gan()
    history = fit(gan, images, evaluate(images), keep, stop, keras.callbacks.CSVLogger(tmp_path / "log.csv"), epochs=9)
    assert len(history["val_fid"]) == 2
    assert keep.best == pytest.approx(min(history["val_fid"]))
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [float(row["val_fid"]) for row in rows] == pytest.approx(history["val_fid"])
    best = keras.models.load_model(tmp_path / "best.keras")
    chosen = images[np.random.default_rng(0).permutation(64)]
    again = evaluation.evaluate(chosen, best.generate(64, seed=0), "pixels", ["fid"])
    assert again.fid == pytest.approx(keep.best, rel=1e-4)


def test_between_evaluations_the_last_values_are_repeated(make_gan, images, tmp_path):
    history = fit(make_gan(), images, evaluate(images, every_epochs=3, log_dir=tmp_path, metrics=["fid"]), epochs=7)
    fid = history["val_fid"]
    assert fid[0] == fid[1] != fid[2] and fid[2] == fid[3] == fid[4] != fid[5] == fid[6]
    events = EventAccumulator(str(tmp_path / "evaluation")).Reload()
    assert [event.step for event in events.Tensors("samples_evaluation/fid")] == [2, 6, 12]


def test_features_of_real_images_are_extracted_once_and_can_be_shared(make_gan, images):
    sizes = []

    def counts(batch):
        sizes.append(len(batch))
        return batch.numpy().reshape(len(batch), -1)

    fit(make_gan(), images, evaluate(images, counts, n=20), epochs=2)
    assert sizes == [20, 20, 20]
    real = evaluation.extract_real(images, counts)
    fit(make_gan(), images, evaluate(real, None), epochs=1)
    assert sizes[3:] == [64, 64]


@pytest.mark.parametrize("shared", [False, True])
def test_samples_have_the_labels_of_the_real_images(shared):
    """With three quarters in class 0, where equal shares would count against the generator."""
    images = np.zeros((64, 8, 8, 1), "float32")
    labels = np.repeat([0, 1], [48, 16])
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, num_classes=2)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=2)
    gan.compile()
    asked = []
    real = evaluation.extract_real(images, "pixels", labels) if shared else images
    watch = evaluate(real, labels=None if shared else labels, metrics=["recall"])
    generate = gan.generate

    def spy(n, **options):
        asked.append(options.get("labels"))
        return generate(n, **options)

    gan.generate = spy
    gan.fit(images, labels, batch_size=32, epochs=1, verbose=0, callbacks=[watch])
    assert np.array_equal(np.sort(asked[-1]), labels)
    chosen = labels if shared else labels[np.random.default_rng(0).permutation(64)]
    assert np.array_equal(asked[-1], chosen)


def test_copies_are_logged(make_gan, images):
    gan = make_gan()
    watch = evaluate(images[32:], training_images=images[:32], metrics=["copies"])
    history = fit(gan, images[:32], watch)
    order = np.random.default_rng(0).permutation(32)
    sets = gan.generate(32, seed=0), images[:32], images[32:][order]
    expected = metrics.copying(*(each.reshape(32, -1) for each in sets)).excess
    assert len(history["val_copies"]) == 3 and history["val_copies"][-1] == pytest.approx(expected)


def test_few_real_images_are_warned_of(make_gan, images):
    with pytest.warns(UserWarning, match="few real images for fid, recall: too few images: 64, where at least 256"):
        fit(make_gan(), images, evaluate(images, metrics=["fid", "recall"]), epochs=1)


def test_samples_that_are_not_finite_are_the_worst(make_gan, images):
    gan = make_gan(g_optimizer=keras.optimizers.SGD(math.nan))
    callback = evaluate(images, metrics=["fid", "kid", "precision", "recall", "copies"], training_images=images)
    history = fit(gan, images, callback, epochs=1)
    assert history["val_fid"] == history["val_kid"] == [math.inf]
    assert history["val_precision"] == history["val_recall"] == [0.0] and history["val_copies"] == [1.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda images: evaluate(images, metrics=["fidd"]),
        lambda images: evaluate(images, metrics=[]),
        lambda images: evaluate(images, every_epochs=0),
        lambda images: evaluate(images, n=2),
        lambda images: evaluate(images[:3]),
        lambda images: evaluate(images, metrics=["copies"]),
        lambda images: evaluate(images, labels=[0, 1]),
    ],
)
def test_settings_out_of_range(images, call):
    with pytest.raises(ValueError, match="Received"):
        call(images)


@pytest.mark.parametrize(
    "callback, message",
    [
        (lambda images: evaluate(images[:, :4]), "the same shape"),
        (lambda images: evaluate(images, metrics="js"), "an extractor that classifies"),
        (lambda images: evaluate(images, None), "a Keras model or a function"),
    ],
)
def test_refusals_before_training(make_gan, images, callback, message):
    gan = make_gan()
    before = gan.get_weights()
    with pytest.raises(ValueError, match=message):
        fit(gan, images, callback(images))
    assert all(np.array_equal(a, b) for a, b in zip(before, gan.get_weights(), strict=True))
