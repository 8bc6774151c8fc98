"""Data and arguments of the wrong kind: one ValueError each, with the rule, what was received and the way out."""

import pathlib
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kerasgan

IMAGES = np.zeros((32, 8, 8, 1), "float32")


class Frame:
    """As a data frame is seen from here: no array, but it can be made one."""

    def to_numpy(self):
        return IMAGES


DATA = {
    "list": (list(IMAGES), r"a list. Use np.stack"),
    "nested lists": (IMAGES.tolist(), r"a list. Use np.stack"),
    "tuple": ((IMAGES, IMAGES, IMAGES), r"a tuple. Use np.stack"),
    "empty list": ([], "a list. There are no images in it"),
    "ragged": (tf.ragged.constant([[1.0], [1.0, 2.0]]), r"RaggedTensor. Make it dense"),
    "sparse": (tf.sparse.from_dense(IMAGES[..., 0]), r"SparseTensor. Make it dense"),
    "dict": ({"image": IMAGES}, r"a dict. Pass the array under its key"),
    "empty dict": ({}, r"a dict. Pass the array"),
    "frame": (Frame(), r"a Frame. Use frame.to_numpy"),
    "None": (None, r"None. Pass the images as x"),
    "name": ("digits", r"a str. Load what has that name.*datasets.load"),
    "path": (pathlib.Path("photos"), r"Load what has that name"),
    "bytes": (b"photos", r"a bytes. Load what has that name"),
    "int": (3, "an int. One number is no image"),
    "NumPy scalar": (np.float32(0.5), "a float32. One number is no image"),
    "set": ({1}, "a set. Convert it"),
    "range": (range(3), "a range. Convert it"),
    "function": (len, "Convert it"),
    "class": (np.ndarray, "a type. Convert it"),
    "symbolic": (keras.KerasTensor((None, 8, 8, 1)), "KerasTensor"),
    "variable": (tf.Variable(IMAGES), r"Use its value: np.asarray"),
    "Keras variable": (keras.Variable(IMAGES), r"Use its value: np.asarray"),
    "map": (map(np.asarray, [IMAGES]), "Make it a generator"),
    "iterator": (iter([IMAGES]), "Make it a generator"),
    "objects": (np.array([IMAGES[0], None], dtype=object), "dtype object"),
    "texts": (np.array(["a"]), "dtype <U1"),
    "dates": (IMAGES.astype("M8[s]"), "dtype datetime64"),
    "dataset of dicts": (tf.data.Dataset.from_tensors({"image": IMAGES}), r"dense tensors.*row\['image'\]"),
    "dataset of ragged": (tf.data.Dataset.from_tensors(tf.ragged.constant([[1.0], []])), "dense tensors.*one size"),
}
CALLS = {
    "fit": lambda gan, data: gan.fit(data, verbose=0),
    "evaluate": lambda gan, data: gan.evaluate(data, verbose=0),
    "validation": lambda gan, data: gan.fit(IMAGES, validation_data=data, verbose=0),
}


@pytest.fixture(scope="module")
def gan():
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=4), latent_dim=4)
    gan.compile()
    return gan


@pytest.mark.filterwarnings("ignore:The images use only half")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kind", DATA)
def test_data(gan, kind, call):
    data, message = DATA[kind]
    if kind == "None" and call == "validation":
        return  # there is none then
    with pytest.raises(ValueError, match=f"(?s)Received: .*{message}|{message}") as refused:
        CALLS[call](gan, data)
    assert "\n" not in str(refused.value)


def test_data_that_are_taken(gan):
    for data in (
        IMAGES,
        [IMAGES],
        tf.constant(IMAGES),
        np.ma.masked_array(IMAGES),
        tf.data.Dataset.from_tensors(IMAGES),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert np.isfinite(gan.evaluate(data, verbose=0)[0])


ARGUMENTS = {
    "ema": [3, 0.999, "ema", True, kerasgan.ema.EMA],
    "num_classes": ["3", 3.0, True, 0, -1, [3]],
    "latent_dim": ["4", 4.0, True, None, [4], np.float32(4)],
    "seed": ["a", 1.5, True, [1], np.float32(1), keras.random.SeedGenerator(1)],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ARGUMENTS.items() for value in values])
def test_arguments_of_a_gan(gan, name, value):
    with pytest.raises(ValueError, match=rf"^{name} must be .*Received: {name}="):
        kerasgan.GAN(gan.generator, gan.discriminator, **({"latent_dim": 4} | {name: value}))


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64])
def test_integers_of_numpy(kind, tmp_path):
    options = {"latent_dim": kind(4), "num_classes": kind(3)}
    networks = kerasgan.networks.mlp((8, 8, 1), width=kind(4), **options)
    gan = kerasgan.GAN(*networks, seed=kind(7), **options)
    gan.compile(steps_per_execution=kind(2), run_eagerly=np.bool_(False))
    gan.save(tmp_path / "gan.keras")
    loaded = keras.models.load_model(tmp_path / "gan.keras")
    assert (loaded.latent_dim, loaded.num_classes, loaded.seed, loaded.steps_per_execution) == (4, 3, 7, 2)


COMPILE = {
    "d_optimizer": [None, 3, 1e-3, keras.optimizers.Adam, {}, []],
    "g_optimizer": [None, 3, 1e-3, keras.optimizers.Adam, {}, []],
    "objective": [None, 3, kerasgan.objectives.Hinge, []],
    "penalties": [None, 3, {"r1"}, {"r1": 1}, [3], kerasgan.penalties.R1],
    "updates": [None, 3, kerasgan.updates.Alternating, []],
    "augment": [3, [], kerasgan.augment.DiffAugment],
    "run_eagerly": ["no", 3, None, 1],
    "steps_per_execution": ["2", 0, -1, 1.5, True, None, "auto"],
    "jit_compile": ["yes", 3, 1, []],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in COMPILE.items() for value in values])
def test_arguments_of_compile(name, value, gan):
    fresh = kerasgan.GAN(gan.generator, gan.discriminator, latent_dim=4)
    with pytest.raises(ValueError, match=r"must be .*Received: .*="):
        fresh.compile(**{name: value})
    assert not fresh.compiled
