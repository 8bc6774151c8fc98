"""Laws of data and samples: for any arguments, the documented result, or a refusal that says what was received."""

import functools

import keras
import laws
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from laws import ANYTHING, HUGE, NUMBERS, SPECIAL, arrays, labeled, rarely, refusal, usual

import kerasgan
from kerasgan import datasets
from kerasgan.datasets import source as sources

LAWS = laws.Laws()

SOURCES = rarely(ANYTHING | st.text(max_size=300), arrays() | arrays().flatmap(labeled))
SIZES = usual(None, st.one_of(st.integers(-1, 20), HUGE, st.tuples(NUMBERS, NUMBERS), SPECIAL))
SPLIT_TEXTS = st.from_regex(r"\A ?train(\[-?[0-9]{0,2}%?:-?[0-9]{0,2}%?\])?\Z") | st.text(
    "train[]:%-+0123456789", max_size=16
)
SPLITS = usual("train", SPLIT_TEXTS | ANYTHING)


# Data


@LAWS.law(
    250,
    {"source": np.broadcast_to(np.uint8(0), (2**40, 8, 8)), "options": {}},
    {"source": np.broadcast_to(np.float32(0), (2**40, 2)), "options": {}},
    {"source": np.linspace(-3, 1, 8).reshape(2, 2, 2), "options": {"batch_size": 1}},
    {"source": np.linspace(-1, 3, 8).reshape(2, 2, 2), "options": {"batch_size": 1}},
    {"source": np.full((3, 2), 1e300), "options": {"batch_size": 1}},
    {"source": np.full((3, 2), 1e38), "options": {"batch_size": 1}},
    {"source": np.zeros((1, 1, 1), "u1"), "options": {"batch_size": 1, "image_size": (1, 2**31)}},
    {"source": "~nobody-of-that-name", "options": {}},
    {"source": "x" * 5000, "options": {}},
    {"source": "/" + "x" * 5000, "options": {}},
    {"source": "a\0b", "options": {}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "seed": 2**64}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "passes": 2**62}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "skip_batches": 2**70}},
    {"source": np.zeros((3, 2), "f4"), "options": {"batch_size": 1, "split": "train[:" + "9" * 5000 + "]"}},
    source=SOURCES,
    options=st.fixed_dictionaries(
        {"batch_size": usual(1, ANYTHING)},
        optional={
            "image_size": SIZES,
            "channels": usual(None),
            "split": SPLITS,
            "labels": rarely(ANYTHING, st.booleans()),
            "shuffle": st.booleans(),
            "seed": usual(0),
            "passes": usual(1),
            "skip_batches": usual(0),
        },
    ),
)
def load_gives_batches_or_a_refusal(source, options):
    loaded, message = refusal(lambda: datasets.load(source, **options))
    if message:
        return message
    batches, info = loaded
    batch = next(iter(batches))
    images, labels = batch if options.get("labels") else (batch, np.zeros(options["batch_size"], "int32"))
    images, labels = np.asarray(images), np.asarray(labels)
    assert images.dtype == np.float32 and images.shape == (options["batch_size"], *info.image_shape)
    assert np.isfinite(images).all() and np.isfinite(info.scale)
    assert len(info.image_shape) == 1 or np.abs(images).max() <= 1
    assert labels.dtype == np.int32 and labels.shape == images.shape[:1]
    assert labels.min() >= 0 and labels.max() < (info.num_classes or 1)
    return None


@LAWS.law(
    25,
    num_images=st.integers(1, 12),
    batch_size=st.integers(1, 12),
    passes=st.integers(1, 3),
    seed=st.integers(0, 2**31 - 1),
    shuffle=st.booleans(),
    number=st.integers(0, 3),
    skip=st.integers(0, 20),
    length=st.integers(1, 20),
)
def every_epoch_is_a_part_of_the_same_batches(num_images, batch_size, passes, seed, shuffle, number, skip, length):
    points = np.arange(num_images, dtype="float32")
    options = {"passes": passes, "seed": seed, "shuffle": shuffle}
    batches, message = refusal(lambda: datasets.load(points, batch_size, **options)[0])
    if message:
        assert batch_size > num_images
        return message

    def read(batches, number=0, skip=0):
        return [each.tolist() for each in batches.epoch(number, skip).as_numpy_iterator()]

    per_pass = num_images // batch_size
    size = len(batches)
    assert size == passes * per_pass
    everything = read(batches.with_epochs_of(max((number + 2) * size, (number + 1) * length)))
    epoch = everything[number * size : (number + 1) * size]
    assert read(batches, number) == epoch and read(batches, number, skip % size) == epoch[skip % size :]
    assert read(batches.repeat(2)) == everything[: 2 * size]
    assert read(batches.with_epochs_of(length), number) == everything[number * length : (number + 1) * length]
    assert read(batches.take(length), number) == epoch[:length]
    for start in range(0, len(everything) - per_pass + 1, per_pass):  # no image is twice in a pass
        assert len(np.unique(everything[start : start + per_pass])) == per_pass * batch_size
    return None


@LAWS.law(
    400,
    {"split": "train[:" + "9" * 5000 + "]", "num_images": 5},
    split=SPLITS,
    num_images=st.integers(1, 200),
)
def a_split_names_some_of_the_images_or_is_refused(split, num_images):
    indices, message = refusal(lambda: sources.split_indices(split, num_images))
    if message:
        return message
    assert len(indices) > 0 and np.array_equal(indices, np.unique(indices))
    assert indices[0] >= 0 and indices[-1] < num_images
    return None


@LAWS.law(100, cut=st.integers(1, 99), num_images=st.integers(2, 300), percent=st.booleans())
def two_parts_of_a_split_make_the_whole(cut, num_images, percent):
    end = f"{cut}%" if percent else f"{cut % num_images}"
    splits = (f"train[:{end}]", f"train[{end}:]")
    parts = [refusal(lambda split=split: sources.split_indices(split, num_images)) for split in splits]
    together = np.concatenate([[] if message else indices for indices, message in parts])
    assert np.array_equal(np.sort(together), np.arange(num_images))
    return parts[0][1] or parts[1][1]


# Samples


@functools.cache
def gan(num_classes):
    keras.utils.set_random_seed(0)
    networks = kerasgan.networks.mlp((2, 2, 1), latent_dim=3, width=4, depth=1, num_classes=num_classes)
    return kerasgan.GAN(*networks, latent_dim=3, num_classes=num_classes, seed=0)


LATENTS = st.one_of(hnp.arrays("f4", st.tuples(st.integers(0, 5), st.sampled_from([3, 3, 3, 2]))), arrays(), ANYTHING)
CLASSES = st.one_of(
    st.integers(-1, 4), hnp.arrays("i4", st.integers(0, 5), elements=st.integers(0, 3)), arrays(), ANYTHING
)


@LAWS.law(
    300,
    {"num_classes": None, "options": {"n": 5, "batch_size": -1}},
    {"num_classes": None, "options": {"n": 5, "batch_size": 0}},
    {"num_classes": None, "options": {"n": 2**40}},
    {"num_classes": None, "options": {"n": 10**30}},
    {"num_classes": 4, "options": {"n": 5, "seed": "5"}},
    {"num_classes": 4, "options": {"n": 5, "seed": 2.7}},
    {"num_classes": 4, "options": {"n": 5, "seed": 2**40}},
    {"num_classes": 4, "options": {"n": 5, "seed": -1}},
    {"num_classes": 4, "options": {"n": 5, "labels": 10**30}},
    {"num_classes": None, "options": {"latents": [[1, 2, 3], [4]]}},
    {"num_classes": None, "options": {"latents": np.full((2, 3), 1e300)}},
    {"num_classes": None, "options": {"latents": np.full((2, 3), np.nan)}},
    num_classes=st.sampled_from([None, 4]),
    options=st.fixed_dictionaries(
        {},
        optional={
            "n": usual(4),
            "seed": usual(3),
            "latents": usual(None, LATENTS),
            "labels": usual(None, CLASSES),
            "batch_size": usual(2),
        },
    ),
)
def generate_returns_the_samples_or_a_refusal(num_classes, options):
    drawn, message = refusal(lambda: gan(num_classes).generate(**options))
    if message:
        return message
    given_ = [len(options[name]) for name in ("latents", "labels") if np.ndim(options.get(name)) > 0]
    count = options["n"] if options.get("n") is not None else given_[0]
    assert drawn.shape == (count, 2, 2, 1) and drawn.dtype == np.float32
    assert np.isfinite(drawn).all() and np.abs(drawn).max(initial=0) <= 1
    assert options.get("latents") is None or np.isfinite(options["latents"]).all()  # a ReLU may hide it
    if isinstance(options.get("seed"), int | np.integer):
        assert np.array_equal(drawn, gan(num_classes).generate(**options))
        whole = gan(num_classes).generate(**options | {"batch_size": 256})
        assert np.allclose(drawn, whole, atol=1e-6)
    return None


@pytest.mark.parametrize("name", LAWS)
def test_law(name):
    LAWS.check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_law_on_many_more(name):
    LAWS.check_many(name)
