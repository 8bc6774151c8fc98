"""What an exported page says comes from the run's settings, and is bounded, since these may come from anywhere."""

import json

import pytest

import kerasgan
import kerasgan_cli
from kerasgan.runs import page_options

SETTINGS = {
    "name": "digits",
    "recipe": {"conditional": True},
    "dataset": {"num_images": 1797, "num_classes": 2, "class_names": ["zero", "one"]},
}


def options(tmp_path, **changes):
    (tmp_path / "settings.json").write_text(json.dumps(SETTINGS | changes))
    return page_options.of_run(tmp_path)


def test_the_page_names_the_data_and_the_classes(tmp_path):
    assert options(tmp_path) == {"title": "Digits", "data": "1,797 images of digits", "class_names": ["zero", "one"]}


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"recipe": {"conditional": False}}, {"title", "data"}),
        ({"dataset": None}, {"title", "data"}),
        ({"name": None, "dataset": {}}, set()),
        ({"dataset": {"num_classes": 3, "class_names": ["a"]}, "recipe": []}, {"title", "data"}),
    ],
)
def test_what_settings_lack_is_left_out(changes, left, tmp_path):
    assert set(options(tmp_path, **changes)) == left


def test_abbreviations_are_capitals(tmp_path):
    found = options(tmp_path, name="stacked_mnist")
    assert (found["title"], found["data"]) == ("Stacked MNIST", "1,797 images of stacked MNIST")


def test_texts_are_bounded(tmp_path):
    assert len(options(tmp_path, name="a" * 10_000)["title"]) <= page_options.LONGEST_TEXT


def test_a_page_is_named_as_its_run(tmp_path, monkeypatch, capsys):
    run = tmp_path / "00001-digits"
    run.mkdir()
    (run / "settings.json").write_text(json.dumps(SETTINGS))
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=4, num_classes=2)
    kerasgan.GAN(*networks, latent_dim=4, num_classes=2).save(run / "gan.keras")
    monkeypatch.chdir(tmp_path)
    assert kerasgan_cli.main(["export", str(run), "--format", "html"]) == 0
    text = (tmp_path / "00001-digits.html").read_text()
    assert "<title>Digits</title>" in text and '"class_names":["zero","one"]' in text
    assert kerasgan_cli.main(["export", str(run), "--out", "other.html", "--title", "Numbers"]) == 0
    assert "<title>Numbers</title>" in (tmp_path / "other.html").read_text()
    capsys.readouterr()
    assert kerasgan_cli.main(["export", str(run)]) == 2
    assert "--out" in capsys.readouterr().err
