"""Data of `fit` that nothing is known of before they are read: images of half the range, and data that never end."""

import itertools
import threading
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan.validation import images as image_checks
from kerasgan.validation import lengths

SIDE = 2
HALF = np.random.default_rng(0).uniform(0, 1, (64, SIDE, SIDE, 1)).astype("float32")
WHOLE = 2 * HALF - 1
LABELS = np.arange(64, dtype="int32") % 3


class Numbered(keras.utils.PyDataset):
    def __init__(self, images, **options):
        super().__init__(**options)
        self.images = images

    @property
    def num_batches(self):
        return len(self.images) // 16

    def __getitem__(self, index):
        return (self.images[index * 16 : index * 16 + 16],)


def dataset(images, batch_size=16):
    return tf.data.Dataset.from_tensor_slices(images).batch(batch_size)


def mapped(images):
    """Batches of images, to which a function was mapped that makes them what they are."""
    batches, _ = kerasgan.datasets.load(2 * images - 1 if images.min() >= 0 else images, 16, shuffle=False)
    return batches.map(lambda each: each / 2 + 0.5) if images.min() >= 0 else batches.map(lambda each: each * 1.0)


def generator(images, batch_size=16):
    return ((images[at : at + batch_size],) for at in range(0, len(images), batch_size))


def generated_dataset(images):
    spec = tf.TensorSpec((None, SIDE, SIDE, 1), "float32")
    return tf.data.Dataset.from_generator(lambda: (batch for (batch,) in generator(images)), output_signature=spec)


SOURCES = {
    "dataset": dataset,
    "small batches": lambda images: dataset(images, 3),
    "unknown length": generated_dataset,
    "mapped batches": mapped,
    "generator": generator,
    "PyDataset": Numbered,
    "PyDataset of threads": lambda images: Numbered(images, workers=2),
}


@pytest.fixture
def gan(make_gan):
    return make_gan((SIDE, SIDE, 1), width=2, d_optimizer=keras.optimizers.SGD(), g_optimizer=keras.optimizers.SGD())


def warnings_of(call):
    """Returns the texts of the warnings of images of half the range."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught if "half of" in str(each.message)]


@pytest.mark.parametrize("source", SOURCES)
def test_images_of_half_the_range_are_warned_of_once_and_trained_on(gan, source):
    found = warnings_of(lambda: gan.fit(SOURCES[source](HALF), epochs=1 if source == "generator" else 3, verbose=0))
    assert len(found) == 1 and "`2 * images - 1`" in found[0], found
    assert int(gan.g_optimizer.iterations) >= 4
    assert warnings_of(lambda: gan.fit(SOURCES[source](WHOLE), verbose=0)) == []


@pytest.mark.parametrize("source", ["dataset", "generator", "PyDataset"])
def test_validation_images_of_half_the_range_are_warned_of(gan, source):
    options = {"epochs": 1 if source == "generator" else 2, "verbose": 0}
    found = warnings_of(lambda: gan.fit(WHOLE, validation_data=SOURCES[source](HALF), **options))
    assert len(found) == 1
    assert len(warnings_of(lambda: gan.evaluate(SOURCES[source](HALF), verbose=0))) == 1


def test_the_text_is_that_of_arrays(gan):
    (of_array,) = warnings_of(lambda: gan.fit(HALF, verbose=0))
    (of_dataset,) = warnings_of(lambda: gan.fit(dataset(HALF, 64), verbose=0))
    assert of_dataset == of_array


def test_only_the_first_images_decide(gan):
    """Images below 0 that come later do not matter, nor do bright ones that come after images below 0."""
    late, early = np.concatenate([HALF, WHOLE]), np.concatenate([WHOLE, HALF])
    assert len(warnings_of(lambda: gan.fit(dataset(late), verbose=0))) == 1
    assert warnings_of(lambda: gan.fit(dataset(early), epochs=2, verbose=0)) == []


def test_points_have_no_half_of_a_range(make_gan):
    points = np.random.default_rng(0).uniform(0, 1, (64, 2)).astype("float32")
    assert warnings_of(lambda: make_gan((2,), width=2).fit(dataset(points), verbose=0)) == []


def test_labels_do_not_count(make_gan):
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.mlp((SIDE, SIDE, 1), latent_dim=2, width=2, num_classes=3)
    gan = kerasgan.GAN(*networks, latent_dim=2, num_classes=3)
    gan.compile()
    assert warnings_of(lambda: gan.fit(dataset((WHOLE, LABELS)), verbose=0)) == []
    assert len(warnings_of(lambda: gan.fit(dataset((HALF, LABELS)), verbose=0))) == 1


def test_only_the_first_batches_of_an_epoch_call_python(monkeypatch):
    seen = []
    data = kerasgan.backend.tensorflow.data.with_report(dataset(HALF, 1), lambda *values: seen.append(values))
    for _ in range(2):
        kept = np.concatenate([np.asarray(batch) for batch in data])
        assert np.array_equal(kept, HALF)
    assert len(seen) == 2 * image_checks.FIRST_BATCHES
    assert seen[0] == (HALF[0].min(), HALF[0].max(), 1)


def test_nothing_is_read_apart_from_training(gan):
    """Reading a first batch before training would change the order of shuffled data, and lose data that come once."""
    reads = []
    data = tf.data.Dataset.from_tensor_slices(HALF)
    data = data.map(lambda image: tf.numpy_function(lambda each: (reads.append(1), each)[1], [image], tf.float32))
    data = data.map(lambda image: tf.ensure_shape(image, (SIDE, SIDE, 1))).batch(16)
    assert len(warnings_of(lambda: gan.fit(data, epochs=2, verbose=0))) == 1
    assert len(reads) == 2 * 64


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda x: 255 * x, r"must lie in \[-1, 1\].*127.5 - 1"),
        (lambda x: np.where(x > 0.5, np.nan, x), "must be finite"),
    ],
)
@pytest.mark.parametrize("source", ["generator", "PyDataset"])
@pytest.mark.parametrize("late", [False, True])
def test_batches_of_python_are_refused_like_others(gan, source, damage, message, late):
    """In one line, without the traceback of TensorFlow's thread; the first batches are read by Keras, the later not."""
    images = damage(HALF)
    images = np.concatenate([WHOLE, WHOLE, images]) if late else images
    with pytest.raises(ValueError, match=message) as caught:
        gan.fit(SOURCES[source](images.astype("float32")), verbose=0)
    assert "\n" not in str(caught.value)


# Data that never end


class Endless(Numbered):
    @property
    def num_batches(self):
        return None

    def __getitem__(self, index):
        return (self.images[:16],)


ENDLESS = {
    "repeated": lambda: dataset(WHOLE).repeat(),
    "repeated, then batched": lambda: tf.data.Dataset.from_tensor_slices(WHOLE).repeat().batch(16),
    "counter": lambda: tf.data.Dataset.counter().map(lambda number: tf.zeros((16, SIDE, SIDE, 1))),
    "epoch of batches": lambda: kerasgan.datasets.load(WHOLE, 16)[0].epoch(0).repeat(),
    "PyDataset": lambda: Endless(WHOLE),
}


@pytest.mark.parametrize("source", ENDLESS)
def test_data_that_never_end_are_refused_before_training(gan, source):
    before = gan.get_weights()
    with pytest.raises(ValueError, match=r"never end.*Received: steps_per_epoch=None.*Pass steps_per_epoch="):
        gan.fit(ENDLESS[source](), verbose=0)
    with pytest.raises(ValueError, match=r"never end.*Received: validation_steps=None.*Pass validation_steps="):
        gan.fit(WHOLE, validation_data=ENDLESS[source](), verbose=0)
    with pytest.raises(ValueError, match=r"never end.*Received: steps=None.*Pass steps="):
        gan.evaluate(ENDLESS[source](), verbose=0)
    assert all(np.array_equal(one, other) for one, other in zip(before, gan.get_weights(), strict=True))


def test_with_a_bound_they_are_trained_on(gan):
    gan.fit(
        ENDLESS["repeated"](), steps_per_epoch=3, validation_data=dataset(WHOLE).repeat(), validation_steps=2, verbose=0
    )
    assert int(gan.g_optimizer.iterations) == 3
    assert gan.evaluate(ENDLESS["repeated"](), steps=2, verbose=0)
    gan.fit(dataset(WHOLE).repeat(2), verbose=0)
    assert int(gan.g_optimizer.iterations) == 3 + 8


class Over(Exception):
    """Enough was seen."""


class StopAfter(keras.callbacks.Callback):
    """Ends the training after a warning, or some steps."""

    def __init__(self, is_over):
        super().__init__()
        self.is_over = is_over

    def on_train_batch_end(self, batch, logs=None):
        if self.is_over() or batch > 5000:
            raise Over


def endless_generator():
    return ((WHOLE[:16],) for _ in itertools.count())


def filtered():
    return dataset(WHOLE).repeat().filter(lambda batch: True)


@pytest.mark.parametrize("source", [endless_generator, filtered])
def test_data_of_unknown_length_that_go_on_and_on_are_warned_of(gan, source, monkeypatch):
    monkeypatch.setattr(lengths, "NOTICE_SECONDS", 0.2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(Over):
            gan.fit(source(), verbose=0, callbacks=[StopAfter(lambda: notices(caught))])
    assert len(notices(caught)) == 1 and "pass steps_per_epoch=" in notices(caught)[0]
    assert not any(isinstance(each, threading.Timer) for each in threading.enumerate())


def notices(caught):
    return [str(each.message) for each in caught if "length is not known" in str(each.message)]


def test_validation_data_of_unknown_length_are_warned_of(gan, monkeypatch):
    monkeypatch.setattr(lengths, "NOTICE_SECONDS", 0.05)
    slow = generated_dataset(WHOLE).map(lambda batch: tf.numpy_function(slowly, [batch], tf.float32))
    slow = slow.map(lambda batch: tf.ensure_shape(batch, (None, SIDE, SIDE, 1)))
    with pytest.warns(UserWarning, match=r"length is not known.*validation_steps="):
        gan.fit(WHOLE, validation_data=slow, verbose=0)
    with pytest.warns(UserWarning, match=r"length is not known.*pass steps="):
        gan.evaluate(slow, verbose=0)


def slowly(batch):
    threading.Event().wait(0.1)
    return batch


@pytest.mark.parametrize("source", [dataset, mapped, lambda images: images, Numbered])
def test_data_of_known_length_may_take_their_time(gan, source, monkeypatch):
    monkeypatch.setattr(lengths, "NOTICE_SECONDS", 0.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gan.fit(source(WHOLE), validation_data=source(WHOLE), epochs=2, verbose=0)
        gan.fit(endless_generator(), steps_per_epoch=2, epochs=2, verbose=0)
    assert notices(caught) == []


def test_a_notice_ends_with_its_data():
    notice = lengths.LengthNotice("steps")
    with notice:
        assert any(isinstance(each, threading.Timer) for each in threading.enumerate())
    for each in threading.enumerate():
        if isinstance(each, threading.Timer):
            each.join(5.0)
            assert not each.is_alive()
