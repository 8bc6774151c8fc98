"""Exports agree with the model, and need neither Keras nor kerasgan."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import datasets
from kerasgan.export import network
from kerasgan.runs import recipes

WITHOUT_KERAS = """
import sys
sys.modules.update({name: None for name in ("keras", "kerasgan", "tf_keras")})
import numpy as np
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
samples = model.signatures["generate"](n=tf.constant(5), seed=tf.constant(7))["images"].numpy()
for name in ("keras", "kerasgan"):
    try:
        __import__(name)
        raise SystemExit(f"{name} can be imported")
    except ImportError:
        pass
np.save(sys.argv[2], samples)
"""


@pytest.fixture(params=["mlp", "dcgan"])
def exported(request, make_gan, images, tmp_path):
    gan = make_gan(network=getattr(kerasgan.networks, request.param), width=8)
    gan.fit(images, verbose=0)
    gan.export(tmp_path / "saved_model")
    return gan, tmp_path / "saved_model"


@pytest.mark.parametrize("exported", ["dcgan"], indirect=True)
def test_draws_the_same_samples_where_keras_cannot_be_imported(exported, tmp_path):
    gan, folder = exported
    out = tmp_path / "samples.npy"
    subprocess.run([sys.executable, "-c", WITHOUT_KERAS, str(folder), str(out)], check=True)
    assert np.allclose(np.load(out), gan.generate(5, seed=7), atol=1e-5)


def test_endpoints_agree_with_the_model_at_any_batch_size(exported, images):
    gan, folder = exported
    signatures = tf.saved_model.load(str(folder)).signatures
    assert set(signatures) == {"serving_default", "generate", "discriminate"}
    for n in (1, 3, 17):
        latents = np.random.default_rng(n).normal(size=(n, 4)).astype("float32")
        served = signatures["serving_default"](z=tf.constant(latents))["images"]
        assert np.allclose(served, gan.generate(latents=latents), atol=1e-5)
        drawn = signatures["generate"](n=tf.constant(n), seed=tf.constant(n))["images"]
        assert np.allclose(drawn, gan.generate(n, seed=n), atol=1e-5)
        logits = signatures["discriminate"](images=tf.constant(images[:n]))["logits"]
        assert np.allclose(logits, gan.discriminator(images[:n])[:, 0], atol=1e-5)


def test_a_model_that_is_not_compiled_is_exported(tmp_path):
    """For example one that was loaded with `compile=False`."""
    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4)
    gan.export(tmp_path)
    images = tf.zeros((2, 8, 8, 1))
    logits = tf.saved_model.load(tmp_path).signatures["discriminate"](images=images)["logits"]
    assert np.allclose(logits, discriminator(images)[:, 0], atol=1e-5)


def test_the_card_says_what_goes_in_and_out(exported):
    _, folder = exported
    card = json.loads((folder / "kerasgan.json").read_text())
    assert card["latent_shape"] == [4]
    assert card["image_shape"] == [8, 8, 1]
    assert card["pixel_range"] == [-1.0, 1.0]


def test_exporting_does_not_change_the_model(make_gan, images, tmp_path):
    gan, twin = make_gan(), make_gan()
    gan.export(tmp_path / "saved_model")
    for each in (gan, twin):
        each.fit(images, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(gan.weights, twin.weights, strict=True))


def test_the_averaged_generator_is_exported_if_there_is_one():
    generator, discriminator = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8)
    gan = kerasgan.GAN(generator, discriminator, latent_dim=4, ema=kerasgan.ema.EMA(100))
    assert network.exported(gan, "generator", in_policy=False).network is gan.averaged_generator


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
def test_other_formats_of_a_mixed_network_compute_in_float32(tmp_path):
    """LiteRT's own interpreter runs no bfloat16."""
    recipe = recipes.Recipe("", "digits", network="mlp", latent_dim=4, precision="mixed_bfloat16")
    gan = recipes.build(recipe, datasets.load("digits")[1], seed=0)
    gan.export(tmp_path / "gan.tflite", format="litert")
    interpreter = tf.lite.Interpreter(str(tmp_path / "gan.tflite"))
    interpreter.allocate_tensors()
    latents = np.random.default_rng(0).normal(size=(1, 4)).astype("float32")
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], latents)
    interpreter.invoke()
    image = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    difference = np.abs(image - gan.generate(latents=latents)).max()
    assert 0 < difference < 0.03  # bfloat16 keeps 8 bits
    assert gan.generator.layers[0].compute_dtype == "bfloat16"


def test_a_saved_model_of_a_mixed_network_draws_the_same_in_float32(tmp_path):
    recipe = recipes.Recipe("", "digits", network="mlp", latent_dim=4, precision="mixed_bfloat16")
    gan = recipes.build(recipe, datasets.load("digits")[1], seed=0)
    gan.export(tmp_path)
    drawn = tf.saved_model.load(tmp_path).signatures["generate"](n=tf.constant(3), seed=tf.constant(1))["images"]
    assert drawn.dtype == tf.float32 and gan.generate(3, seed=1).dtype == np.float32
    np.testing.assert_allclose(drawn, gan.generate(3, seed=1), atol=0.01)


def test_a_saved_model_has_no_options(make_gan, tmp_path):
    with pytest.raises(ValueError, match="opset"):
        make_gan().export(tmp_path / "saved", opset=1)
