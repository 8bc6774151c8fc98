"""What is written has passed its check; what is refused leaves everything as it was; the card says what was found."""

import base64
import hashlib
import importlib.util
import json
import pathlib
import zipfile

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

import kerasgan
from kerasgan import backend
from kerasgan.export import CheckFailed, place
from kerasgan.export import onnx as onnx_format

SERVING = pathlib.Path(__file__).parents[2] / "examples" / "serving" / "seeded_latents.py"


@pytest.fixture(scope="module")
def gan():
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=8, num_classes=3)
    return kerasgan.GAN(*networks, latent_dim=4, num_classes=3)


@pytest.fixture(scope="module")
def exported(gan, tmp_path_factory):
    """The card and the path of an ONNX file."""
    path = tmp_path_factory.mktemp("exported") / "gan.onnx"
    return gan.export(path), path


def names(folder):
    return sorted(each.name for each in folder.iterdir())


# The check


def test_a_file_that_fails_its_check_is_not_left_and_an_earlier_one_is(gan, tmp_path, monkeypatch):
    (tmp_path / "gan.onnx").write_text("before")
    run = onnx_format.run
    monkeypatch.setattr(onnx_format, "run", lambda *given: [2e-5 + each for each in run(*given)])
    with pytest.raises(
        CheckFailed, match=r"to 1e-05. Received: outputs that differ by 2e-05 in onnxruntime.*--no-check"
    ):
        gan.export(tmp_path / "gan.onnx")
    assert names(tmp_path) == ["gan.onnx"] and (tmp_path / "gan.onnx").read_text() == "before"
    card = gan.export(tmp_path / "gan.onnx", check=False)
    assert card["check"] is None and onnx.load(tmp_path / "gan.onnx").graph.node


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_outputs_that_are_no_numbers_fail_the_check(gan, tmp_path, monkeypatch, wrong):
    monkeypatch.setattr(onnx_format, "run", lambda path, exported, inputs, card: [np.full((4, 8, 8, 1), wrong)])
    with pytest.raises(CheckFailed, match="differ by inf"):
        gan.export(tmp_path / "gan.onnx")


def test_an_error_of_the_runtime_is_one_sentence(gan, tmp_path, monkeypatch):
    def fail(*given):
        raise RuntimeError("no operation Erfc\nmore")

    monkeypatch.setattr(onnx_format, "run", fail)
    with pytest.raises(CheckFailed, match=r"a generator with which onnxruntime .* \(no operation Erfc\); nothing was"):
        gan.export(tmp_path / "gan.onnx")
    assert not names(tmp_path)


# The card


def test_the_card_describes_what_goes_in_and_out(exported):
    card, path = exported
    assert json.loads(path.with_name("gan.onnx.kerasgan.json").read_text()) == card
    assert card["card_version"] == 4 and card["format"] == "onnx" and card["what"] == "generator"
    z, labels = card["inputs"]
    assert z == {"name": "z", "dtype": "float32", "shape": ["batch", 4], "distribution": "standard normal"}
    assert labels["range"] == [0, 2] and labels["out_of_range"] == "clipped"
    assert card["outputs"][0]["shape"] == ["batch", 8, 8, 1] and card["outputs"][0]["range"] == [-1.0, 1.0]
    assert {"keras", "tensorflow"} <= set(card["versions"])


def test_the_test_vector_is_that_of_generate(exported, gan):
    vector = exported[0]["test"]
    images = np.frombuffer(base64.b64decode(vector["images"]["base64"]), "<f4").reshape(vector["images"]["shape"])
    np.testing.assert_allclose(images, gan.generate(vector["n"], seed=vector["seed"]), atol=1e-6)
    given = np.array(vector["z"], "float32"), np.array(vector["labels"])
    np.testing.assert_allclose(images, gan.generate(latents=given[0], labels=given[1]), atol=1e-6)


def test_the_checksum_is_that_of_the_file(exported):
    card, path = exported
    content = path.read_bytes()
    assert card["files"] == {"gan.onnx": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}


def test_onnx_and_litert_carry_their_card(exported, gan, tmp_path):
    card, path = exported
    carried = json.loads({each.key: each.value for each in onnx.load(path).metadata_props}["kerasgan"])
    assert carried == {name: value for name, value in card.items() if name != "files"}
    card = gan.export(tmp_path / "gan.tflite")
    with zipfile.ZipFile(tmp_path / "gan.tflite") as archive:
        assert json.loads(archive.read("kerasgan.json"))["check"] == card["check"]


def test_openvino_is_told_to_compute_in_float32(gan, tmp_path):
    card = gan.export(tmp_path / "gan.xml", what="discriminator")
    assert card["compile_with"] == {"INFERENCE_PRECISION_HINT": "f32"}
    assert names(tmp_path) == ["gan.bin", "gan.xml", "gan.xml.kerasgan.json"] and set(card["files"]) == {
        "gan.bin",
        "gan.xml",
    }


# SavedModels


def test_a_saved_model_holds_each_weight_once(gan, tmp_path):
    gan.export(tmp_path / "saved")
    kept = tf.train.list_variables(str(tmp_path / "saved" / "variables" / "variables"))
    weights = sum(int(np.prod(shape)) for name, shape in kept if "_CHECKPOINTABLE_OBJECT_GRAPH" not in name)
    assert weights == gan.generator.count_params() + gan.discriminator.count_params()


@pytest.mark.parametrize(
    ("what", "endpoints"),
    [
        ("generator", {"serving_default", "generate"}),
        ("discriminator", {"serving_default", "discriminate"}),
    ],
)
def test_a_saved_model_of_one_network(gan, tmp_path, what, endpoints):
    gan.export(tmp_path / "saved", what=what)
    assert set(tf.saved_model.load(str(tmp_path / "saved")).signatures) == endpoints


# What is refused


def test_a_missing_package_is_answered_with_the_line_that_installs_it(gan, tmp_path, monkeypatch):
    monkeypatch.setattr(place.importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else name)
    with pytest.raises(ImportError, match=r'without tf2onnx. Install them: pip install "kerasgan\[onnx\]"'):
        gan.export(tmp_path / "gan.onnx")


def test_what_is_in_the_way_is_answered_with_a_sentence(gan, tmp_path):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(ValueError, match="must be a folder"):
        gan.export(tmp_path / "file")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("kept")
    with pytest.raises(ValueError, match=r"which holds 'thesis.tex'. Choose another path"):
        gan.export(tmp_path / "mine")
    for part in ("assets", "variables"):
        (tmp_path / "mine" / part).mkdir()
    (tmp_path / "mine" / "thesis.tex").rename(tmp_path / "mine" / "assets" / "thesis.tex")
    with pytest.raises(ValueError, match=r"which holds 'assets'. Choose another path"):
        gan.export(tmp_path / "mine")
    assert (tmp_path / "mine" / "assets" / "thesis.tex").read_text() == "kept"
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ValueError, match="must be a file"):
        gan.export(tmp_path / "folder.onnx")
    assert names(tmp_path) == ["file", "folder.onnx", "mine"]


def test_a_link_to_a_file_of_another_suffix_is_refused(gan, tmp_path):
    (tmp_path / "l.onnx").symlink_to(tmp_path / "model")
    with pytest.raises(ValueError, match=r"ends in \.onnx. Received: .*l\.onnx', a link to"):
        gan.export(tmp_path / "l.onnx")


def test_a_second_file_replaces_only_that_of_the_same_export(tmp_path):
    (tmp_path / "model.bin").write_text("kept")
    with pytest.raises(ValueError, match=r"second file of the same name, model\.bin"):
        place.checked_path(tmp_path / "model.xml", "openvino")
    (tmp_path / "model.xml").write_text("")
    assert place.checked_path(tmp_path / "model.xml", "openvino").name == "model.xml"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onnx"}, "ends in .onnx. Received: .*saved' with format='onnx'"),
        ({"format": "onx"}, "Did you mean 'onnx'"),
        ({"precision": "int8"}, "precision one of float32"),
        ({"what": "critic"}, "what one of both, generator, discriminator"),
        ({"opset": 1}, "no option of that name. Received: opset=1"),
    ],
)
def test_what_a_format_does_not_have_is_refused(gan, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        gan.export(tmp_path / "saved", **options)
    assert not names(tmp_path)


# Seeds


def test_a_client_draws_the_latents_and_labels_of_a_seed(exported, gan, tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("seeded_latents", SERVING)
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    for n, latent_dim, seed in [(4, 4, 0), (3, 5, 7), (1, 1, 2**31 - 3), (300, 64, 123), (2, 2, 2**31 - 1)]:
        drawn = keras.random.normal((n, latent_dim), seed=seed)
        np.testing.assert_allclose(client.latents(n, latent_dim, seed), drawn, atol=1e-5)
        np.testing.assert_array_equal(client.labels(n, 10, seed), backend.draw_labels(n, seed, 10))
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(client.main(str(exported[1]), 5, 3), gan.generate(5, seed=3), atol=1e-5)
