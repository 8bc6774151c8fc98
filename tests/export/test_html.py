"""A page, written: what it holds, what it says, how large it is, and what is refused."""

import json
import re

import keras
import numpy as np
import pytest
from keras import Input, Sequential, layers

import kerasgan
from kerasgan.export.html import page


def discriminator(image_shape):
    return Sequential([Input(image_shape), layers.Flatten(), layers.Dense(1)])


def of_network(*stack, image_shape=(2, 2, 1)):
    generator = Sequential([Input((4,)), *stack, layers.Reshape(image_shape)])
    return kerasgan.GAN(generator, discriminator(image_shape), latent_dim=4)


@pytest.fixture(scope="module")
def gan():
    keras.utils.set_random_seed(0)
    return kerasgan.GAN(*kerasgan.networks.dcgan((8, 8, 1), 4, width=4, depth=1, num_classes=3), 4, num_classes=3)


def description(path):
    return json.loads(re.search(r'id="description">(.*?)</script>', path.read_text(), re.DOTALL)[1])


def test_a_page_says_what_it_is(gan, tmp_path):
    path = tmp_path / "page.html"
    card = gan.export(path, title="Small <b>", data="7 images", class_names="a, b, </script>")
    found = description(path)
    facts = dict(found["facts"])
    assert "<title>Small &lt;b&gt;</title>" in path.read_text() and found["title"] == "Small <b>"
    assert found["class_names"] == ["a", "b", "</script>"]
    assert facts["Trained on"] == "7 images" and facts["Pictures"] == "8 by 8 pixels, gray" and facts["Classes"] == "3"
    assert keras.__version__ in facts["Versions"] and "float16" in facts["Weights"]
    size = float(facts["This file"].removesuffix(" MB"))
    assert size == pytest.approx(path.stat().st_size / 1e6, abs=0.011)
    assert card["precision"] == "float16" and card["levels_apart"] <= 1 and card["check"]["largest_difference"] < 8e-3


def test_sliders_are_the_directions_of_the_model(gan, tmp_path):
    gan.export(tmp_path / "page.html", directions=2)
    found, expected = description(tmp_path / "page.html")["directions"], gan.directions(2)
    assert [name for name, _ in found] == list(expected.names)
    np.testing.assert_allclose([vector for _, vector in found], expected.vectors, atol=1e-6)


def test_a_page_names_no_address(gan, tmp_path):
    gan.export(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "default-src 'none'" in text and "://" not in text


def test_weights_that_float16_cannot_hold_stay_float32(tmp_path):
    """With 2049 rounded to 2048, as in float16, the pixel would be 0."""
    gan = of_network(layers.Dense(2, use_bias=False), layers.Dense(4, activation="tanh", use_bias=False))
    twice, difference = np.eye(4, 1) * [1.0, 1.0], np.outer([2049.0, -2048.0], np.ones(4))
    gan.generator.set_weights([twice, difference])
    z = np.ones((1, 4), "float32")
    assert gan.generate(latents=z)[0, 0, 0, 0] == pytest.approx(np.tanh(1))
    card = gan.export(tmp_path / "page.html")
    assert card["precision"] == "float32" and card["levels_apart"] == 0
    with pytest.raises(ValueError, match="precision='float32'"):
        gan.export(tmp_path / "half.html", precision="float16")
    assert not (tmp_path / "half.html").exists()


def test_what_a_page_holds_is_what_is_checked(gan, tmp_path, monkeypatch):
    parts_of = page.parts_of

    def damaged(text):
        parts = parts_of(text)
        numbers = np.frombuffer(parts.weights, "<f2") * 2
        return page.Parts(parts.program, numbers.tobytes(), parts.kernels, ())

    monkeypatch.setattr(page, "parts_of", damaged)
    with pytest.raises(kerasgan.export.CheckFailed):
        gan.export(tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_large_pages_are_warned_of(tmp_path, monkeypatch):
    monkeypatch.setattr("kerasgan.export.html.LARGE_BYTES", 1000)
    with pytest.warns(UserWarning, match="open slowly"):
        of_network(layers.Dense(4)).export(tmp_path / "page.html")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"class_names": ["a", "b"]}, "one name for each class"),
        ({"directions": [("wide", [1.0, 2.0])]}, "latent_dim=4"),
        ({"runtime": "onnx", "onnxruntime_web": "nowhere"}, "npm install onnxruntime-web"),
        ({"runtime": "other"}, "runtime"),
        ({"what": "discriminator"}, "what"),
    ],
)
def test_what_does_not_fit_is_refused(gan, options, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        gan.export(tmp_path / "page.html", **options)


def test_points_are_refused(tmp_path):
    gan = kerasgan.GAN(*kerasgan.networks.mlp((2,), 4, width=4), 4)
    with pytest.raises(ValueError, match="shows images"):
        gan.export(tmp_path / "page.html")
