"""Exports take every kind of condition, and images of sizes that training never saw."""

import base64
import functools

import clients
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import kerasgan
from kerasgan import conditions
from kerasgan.export import FORMATS, CheckFailed, network
from kerasgan.export import onnx as onnx_format

RANDOM = np.random.default_rng(0)
UNSEEN = [(48, 24), (24, 40)]
LATENTS = RANDOM.normal(size=(2, 4)).astype("float32")

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")
FORMATS_RUN = [pytest.param(each, marks=pytest.mark.slow if each == "openvino" else ()) for each in clients.RUN]
"""OpenVINO's converter takes seconds, and that of ONNX for layers with many operations."""


def filled(gan):
    """Weights as those of a trained model, with which an image that is empty cannot pass."""
    random = np.random.default_rng(0)
    for weight in gan.weights:
        if weight.dtype == "float32" and weight.shape:
            weight.assign(weight + np.abs(random.normal(0, 0.1, weight.shape)))
    return gan


def of_condition(condition, latent_dim):
    """A pair for images of 4x4 pixels, whose condition is as wide as it is."""
    z, given, judged = keras.Input((latent_dim,)), condition.input(), condition.input()
    told = layers.Concatenate()([z, given]) if latent_dim else given
    images = layers.Reshape((4, 4, 1))(layers.Dense(16, activation="tanh")(told))
    image = keras.Input((4, 4, 1))
    logits = layers.Dense(1)(layers.Concatenate()([layers.Flatten()(image), judged]))
    generator = keras.Model([z, given] if latent_dim else given, images)
    discriminator = keras.Model([image, judged], logits)
    return filled(kerasgan.GAN(generator, discriminator, latent_dim, condition=condition))


@functools.cache
def make(kind):
    keras.utils.set_random_seed(0)
    if kind == "labels":
        return of_condition(conditions.Labels(3, (0.9, 0.5, 0.1)), latent_dim=4)
    if kind == "vector":
        return of_condition(conditions.Vector(2, mean=(5.0, 30.0), std=(1.0, 9.0)), latent_dim=0)
    if kind == "pairs":  # with latents, of images that are not square
        condition = conditions.Image((32, 24, 1))
        generator = kerasgan.networks.unet((32, 24, 3), condition, latent_dim=4, width=4)
        discriminator = kerasgan.networks.patchgan((32, 24, 3), condition, width=4)
        return filled(kerasgan.GAN(generator, discriminator, latent_dim=4, condition=condition))
    translators = [kerasgan.networks.translator((16, 16, 1), width=2, blocks=1) for _ in range(2)]
    discriminators = [kerasgan.networks.patchgan((16, 16, 1), width=2) for _ in range(2)]
    return filled(kerasgan.CycleGAN(*translators, *discriminators, image_size=(16, 16)))


def noise(size, channels=1):
    return np.random.default_rng(1).uniform(-1, 1, (2, *size, channels)).astype("float32")


def decoded(array):
    return np.frombuffer(base64.b64decode(array["base64"]), array["dtype"]).reshape(array["shape"])


# What clients get


@pytest.mark.parametrize("format", FORMATS_RUN)
@pytest.mark.parametrize("kind", ["labels", "vector"])
def test_labels_and_numbers_go_in_as_the_condition(kind, format, tmp_path):
    gan, path = make(kind), tmp_path / f"gan{FORMATS[format].suffix}"
    gan.export(path, format)
    given = np.array([[0, 1, 3], [-2, 0, 1]] if kind == "labels" else [[6.5, 20], [-3, 50]], "float32")
    inputs = {"condition": given} | ({"z": LATENTS} if gan.latent_dim else {})
    taken = given.clip(0, 1) if kind == "labels" else given
    expected = gan.generate(latents=LATENTS if gan.latent_dim else None, condition=taken)
    assert np.abs(expected[0] - expected[1]).max() > 0.1  # the condition does something
    np.testing.assert_allclose(clients.RUN[format](str(path), "images", inputs), expected, atol=1e-5)


@pytest.mark.parametrize("format", FORMATS_RUN)
def test_images_of_two_sizes_that_training_never_saw(format, tmp_path):
    gan, path = make("pairs"), tmp_path / f"gan{FORMATS[format].suffix}"
    card = gan.export(path, format)
    assert card["sizes"] == {"free": True, "multiple_of": 4, "training": [32, 24]}
    assert card["check"]["sizes"] == [[32, 24], [36, 32]] and card["check"]["largest_difference"] <= 1e-5
    for size in UNSEEN:
        found = clients.RUN[format](str(path), "translated", {"images": noise(size), "z": LATENTS})
        expected = gan.generate(latents=LATENTS, condition=noise(size))
        assert found.shape == (2, *size, 3) and expected.std() > 0.02
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("what", ["both", "discriminator"])
def test_a_discriminator_of_one_size_beside_a_generator_of_all(what, tmp_path):
    condition = conditions.Image((16, 16, 1))
    generator = kerasgan.networks.unet((16, 16, 1), condition, width=2)
    images, given = keras.Input((16, 16, 1)), condition.input()
    told = layers.Flatten()(layers.Concatenate()([images, layers.Reshape((16, 16, 1))(given)]))
    discriminator = keras.Model([images, given], layers.Dense(1)(told))
    gan = filled(kerasgan.GAN(generator, discriminator, latent_dim=0, condition=condition))
    found = gan.export(tmp_path / "saved", what=what)["check"]
    assert found["sizes"] == ([[16, 16], [20, 24]] if what == "both" else [[16, 16]])


@pytest.mark.parametrize("format", FORMATS_RUN)
def test_the_logits_of_all_patches_of_an_image_with_its_condition(format, tmp_path):
    gan, path = make("pairs"), tmp_path / f"gan{FORMATS[format].suffix}"
    card = gan.export(path, format, what="discriminator")
    assert card["outputs"][0]["shape"] == ["batch", "rows", "columns", 1]
    images, condition = noise(UNSEEN[0], 3), noise(UNSEEN[0])
    found = clients.RUN[format](str(path), "logits", {"images": images, "condition": condition})
    expected = np.array(gan.discriminator([images, condition]))
    assert found.shape == expected.shape == (2, 12, 6, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize(
    "format", ["litert", *(pytest.param(each, marks=pytest.mark.slow) for each in ("onnx", "openvino"))]
)
@pytest.mark.parametrize(("what", "to"), [(None, "b"), ("generator_ba", "a")])
def test_a_file_has_one_translator_of_a_cycle(what, to, format, tmp_path):
    gan, path = make("cycle"), tmp_path / f"gan{FORMATS[format].suffix}"
    assert gan.export(path, format, what=what)["what"] == f"generator_{'ab' if to == 'b' else 'ba'}"
    for size in UNSEEN:
        found = clients.RUN[format](str(path), "translated", {"images": noise(size)})
        np.testing.assert_allclose(found, gan.translate(noise(size), to=to), atol=1e-5)


def test_a_keras_file_keeps_the_sizes_free(tmp_path):
    for kind in ("pairs", "cycle"):
        gan = make(kind)
        gan.save(tmp_path / "gan.keras")
        loaded = keras.models.load_model(tmp_path / "gan.keras")
        for size in UNSEEN:
            np.testing.assert_allclose(loaded.translate(noise(size)), gan.translate(noise(size)), atol=1e-6)


# Endpoints of a SavedModel


@pytest.fixture(scope="module")
def saved_cycle(tmp_path_factory):
    """A CycleGAN, its SavedModel and the card."""
    path, gan = tmp_path_factory.mktemp("cycle") / "saved", make("cycle")
    return gan, path, gan.export(path)


def test_a_saved_model_of_a_cycle_translates_both_ways_and_evaluates_both_domains(saved_cycle):
    gan, path, card = saved_cycle
    signatures = tf.saved_model.load(path).signatures
    names = {"translate_to_a", "translate_to_b", "discriminate_a", "discriminate_b", "serving_default"}
    assert set(signatures) == set(card["endpoints"]) == set(card["signatures"]) == names
    images = noise(UNSEEN[1])
    for to in "ab":
        translated = signatures[f"translate_to_{to}"](images=images)["translated"]
        np.testing.assert_allclose(translated, gan.translate(images, to=to), atol=1e-5)
        logits = signatures[f"discriminate_{to}"](images=images)["logits"]
        np.testing.assert_allclose(logits, gan.part(f"discriminator_{to}")(images), atol=1e-5)


def test_generate_draws_latents_for_conditions_that_are_given(tmp_path):
    """The same as `gan.generate(condition=..., seed=...)`."""
    for kind, name, given in (
        ("labels", "condition", np.eye(3, dtype="float32")),
        ("pairs", "images", noise((24, 40))),
    ):
        gan, path = make(kind), tmp_path / kind
        gan.export(path, what="generator")
        generate = tf.saved_model.load(path).signatures["generate"]
        (drawn,) = generate(**{name: tf.constant(given), "seed": tf.constant(7)}).values()
        np.testing.assert_allclose(drawn, gan.generate(condition=given, seed=7), atol=1e-5)


def test_without_latents_there_is_nothing_to_draw(tmp_path):
    assert make("vector").export(tmp_path / "saved")["endpoints"] == ["serving_default", "discriminate"]


# The card and the check


def test_the_card_says_what_the_condition_is(tmp_path):
    labels, vector, pairs = (make(kind).export(tmp_path / f"{kind}.onnx") for kind in ("labels", "vector", "pairs"))
    assert labels["condition"]["frequencies"] == [0.9, 0.5, 0.1] and labels["condition"]["kind"] == "labels"
    assert labels["inputs"][1] == {
        "name": "condition",
        "dtype": "float32",
        "shape": ["batch", 3],
        "range": [0.0, 1.0],
        "out_of_range": "clipped",
    }
    assert vector["condition"]["mean"] == [5, 30] and vector["condition"]["std"] == [1, 9]
    assert vector["latent_shape"] == [0] and vector["inputs"][0]["range"] is None and vector["sizes"] is None
    assert pairs["condition"] == {
        "kind": "image",
        "shape": [32, 24, 1],
        "dtype": "float32",
        "range": [-1.0, 1.0],
        "out_of_range": "taken as it is",
    }
    assert [each["shape"] for each in pairs["inputs"]] == [["batch", 4], ["batch", "height", "width", 1]]
    session = clients.onnxruntime.InferenceSession(tmp_path / "pairs.onnx")
    assert {each.name: each.shape for each in session.get_inputs()}["images"] == ["batch", "height", "width", 1]


def test_the_test_vectors_of_a_cycle_are_those_of_each_endpoint(saved_cycle):
    gan, _, card = saved_cycle
    vector = card["test"]
    for to, arrays in (("b", vector), ("a", vector["translate_to_a"])):
        translated = gan.translate(decoded(arrays["images"]), to=to)
        np.testing.assert_allclose(decoded(arrays["translated"]), translated, atol=1e-6)
        judged = decoded(vector[f"discriminate_{to}"]["images"])
        np.testing.assert_allclose(judged, translated, atol=1e-6)


def test_an_export_that_is_wrong_at_another_size_fails_its_check(tmp_path, monkeypatch):
    run = onnx_format.run

    def wrong(path, exported, inputs, card):
        off = 0.0 if inputs["images"].shape[1:3] == (32, 24) else 0.5
        return [each + off for each in run(path, exported, inputs, card)]

    monkeypatch.setattr(onnx_format, "run", wrong)
    with pytest.raises(CheckFailed, match=r"differ by 0\.5"):
        make("pairs").export(tmp_path / "gan.onnx")


def test_a_difference_of_rounding_passes_where_the_network_itself_rounds_as_much(tmp_path, monkeypatch):
    gan, run = make("labels"), onnx_format.run
    monkeypatch.setattr(onnx_format, "run", lambda *given: [each + 2e-5 for each in run(*given)])
    with pytest.raises(CheckFailed, match="to 1e-05"):
        gan.export(tmp_path / "gan.onnx")  # it rounds by less than 1e-6
    monkeypatch.setattr(network.Exported, "rounding", lambda *given: 8e-6)
    check = gan.export(tmp_path / "gan.onnx")["check"]
    assert check["rounding"] == 8e-6 and check["tolerance"] == pytest.approx(2.4e-5)


def test_the_rounding_is_the_distance_to_float64():
    """Of 1 + 2**-30, minus 1, times 2**20, float32 keeps nothing."""
    z = keras.Input((1,))
    x = layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")(z)
    x = layers.Dense(1, kernel_initializer="ones", bias_initializer=keras.initializers.Constant(-1.0))(x)
    x = layers.Dense(1, kernel_initializer=keras.initializers.Constant(2.0**20))(x)
    model = keras.Model(z, x)
    subject = network.Exported(None, "generator", "serving_default", model, (port("z", 1),), port("images", 1), (1,))
    inputs = {"z": np.full((1, 1), 2.0**-30, "float32")}
    assert subject.expected(inputs) == 0
    assert subject.rounding(inputs, subject.expected(inputs)) == 2.0**-10


def port(name, width):
    return network.Tensor(name, "float32", (width,))


@pytest.mark.parametrize("halvings", [0, 1, 3])
def test_the_multiple_is_that_of_all_halvings(halvings):
    condition = conditions.Image((40, 24, 1))
    given = x = keras.Input((None, None, 1))
    for _ in range(halvings):
        x = layers.Conv2D(2, 3, strides=2, padding="same")(x)
    for _ in range(halvings):
        x = layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x)
    generator = keras.Model(given, layers.Conv2D(1, 1, activation="tanh")(x))
    discriminator = kerasgan.networks.patchgan((40, 24, 1), width=2)  # of the image alone
    gan = kerasgan.GAN(generator, discriminator, latent_dim=0, condition=condition)
    both = network.exported(gan, "both", in_policy=False)
    assert [each.multiple for each in both.all] == [2**halvings, 1]
    assert [each.name for each in both.others[0].inputs] == ["images"]


def test_networks_that_are_built_for_one_size_have_it_in_their_card(tmp_path):
    condition = conditions.Image((8, 8, 1))
    generator = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3, padding="same", activation="tanh")])
    discriminator = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1)])
    gan = kerasgan.GAN(generator, discriminator, latent_dim=0, condition=condition)
    card = gan.export(tmp_path / "gan.onnx")
    assert card["sizes"] == {"free": False, "multiple_of": None, "training": [8, 8]}
    assert card["inputs"][0]["shape"] == ["batch", 8, 8, 1] and card["check"]["sizes"] == [[8, 8]]


# What is refused


@pytest.mark.parametrize(
    ("kind", "path", "what", "message"),
    [
        ("vector", "gan.html", None, r"from latents, and from classes. Received: condition=Vector\(size=2.*onnx"),
        ("pairs", "gan.html", None, r"Received: condition=Image\(image_shape=\(32, 24, 1\)\) with latent_dim=4"),
        ("cycle", "gan.html", "generator_ab", "Received: a CycleGAN"),
        ("cycle", "gan.onnx", "generator", "ONNX of a CycleGAN is written with what one of generator_ab, generator_ba"),
        ("pairs", "gan.onnx", "generator_ab", "of a GAN of one generator is written with what one of generator, disc"),
    ],
)
def test_what_a_gan_does_not_have_is_refused(kind, path, what, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        make(kind).export(tmp_path / path, what=what)
    assert not list(tmp_path.iterdir())


def test_a_network_of_mixed_precision_in_float32_rounds_nothing():
    """The sequential model in `mlp` has an input of 16 bits, which the copy must not keep."""
    found = {}
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            found[policy] = kerasgan.networks.mlp((8, 8, 1), 3, width=4, condition=kerasgan.conditions.Labels(2))[0]
        finally:
            keras.config.set_dtype_policy("float32")
    exact, mixed = found["float32"], found["mixed_bfloat16"]
    mixed.set_weights(exact.get_weights())
    inputs = [np.random.default_rng(0).normal(size=(4, 3)).astype("float32"), np.ones((4, 2), "float32")]
    copied = network.in_float32(mixed)
    np.testing.assert_array_equal(copied(inputs), exact(inputs))
    assert np.abs(mixed(inputs) - exact(inputs)).max() > 1e-6
