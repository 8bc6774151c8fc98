"""`kerasgan evaluate`: the table of a finished run, and the samples it writes for other tools."""

import importlib
import json

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgan_cli
from kerasgan import datasets, features, metrics, pictures
from kerasgan.runs import evaluate, run_folder


@pytest.fixture
def make_run(make_gan, tmp_path, monkeypatch):
    """Makes a run's folder with an untrained model. Classifiers train only a little, and are kept only for the test."""
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.import_module("kerasgan.features.classifier"), "MIN_IMAGES", 3000)

    def make(source="digits", image_shape=(8, 8, 1), **recipe):
        run = run_folder.create(tmp_path / "logs", "run")
        make_gan(image_shape).save(run / run_folder.MODEL)
        run_folder.write_settings(run, {"recipe": {"title": "", "source": str(source), **recipe}, "seed": 0})
        return run

    return make


def evaluated(capsys, *arguments):
    code = kerasgan_cli.main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    return printed.out


def refused(capsys, *arguments):
    try:
        code = kerasgan_cli.main(["evaluate", *map(str, arguments)])
    except SystemExit as stopped:  # argparse's own way
        code = stopped.code
    printed = capsys.readouterr()
    assert code == 2 and "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


def test_the_same_command_gives_the_same_table(make_run, tmp_path, capsys):
    run = make_run()
    first = evaluated(capsys, run, "--n", 100, "--json", tmp_path / "a.json")
    again = evaluated(capsys, run, "--n", 100, "--json", tmp_path / "b.json")
    assert first.replace("a.json", "b.json") == again
    assert "100 generated against 100 real, classifier (digits) features" in first
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures == json.loads((tmp_path / "b.json").read_text())
    assert figures["dataset"] == "digits" and figures["split"] == "train" and figures["seed"] == 0
    assert figures["precision"] == 0.0 and figures["js"] > 0.1 and figures["classifier_accuracy"] > 0.5
    assert "| precision " in first and f"{figures['fid']:.4g}" in first
    evaluated(capsys, run, "--n", 100, "--seed", 1, "--json", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["fid"] != figures["fid"]


def test_the_figures_are_those_of_the_samples(make_run, tmp_path, capsys):
    run = make_run()
    evaluated(capsys, run, "--n", 100, "--features", "pixels", "--seed", 3, "--json", tmp_path / "a.json")
    generated = keras.models.load_model(run / run_folder.MODEL).generate(100, seed=3).reshape(100, -1)
    real = datasets.load_arrays("digits", 100, seed=3)[0].reshape(100, -1)
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["fid"] == pytest.approx(metrics.frechet_distance(real, generated))
    assert found["js"] is None


def test_no_more_samples_than_real_images(make_run, capsys):
    printed = evaluated(capsys, make_run(), "--features", "pixels", "--split", "train[:50]")
    assert "50 generated against 50 real" in printed and "digits (train[:50])" in printed


def test_mixtures_are_evaluated_by_their_modes(make_run, tmp_path, capsys):
    run = make_run("ring", (2,), network="mlp")
    printed = evaluated(capsys, run, "--n", 500, "--json", tmp_path / "a.json")
    figures = json.loads((tmp_path / "a.json").read_text())
    assert f"{figures['modes']} of 8" in printed and "precision" not in printed
    assert "Frechet" in evaluated(capsys, run, "--n", 500, "--features", "pixels")


def test_mode_coverage_without_a_good_point_is_still_json():
    table, figures = evaluate._modes("grid", np.full((10, 2), 100.0))
    assert figures["modes"] == 0 and figures["reverse_kl"] is None and "inf" in table
    json.dumps(figures, allow_nan=False)


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_read_back(tmp_path, channels):
    samples = np.random.default_rng(0).uniform(-1.1, 1.1, (12, 8, 6, channels)).astype("float32")
    expected = pictures.to_uint8(samples)
    evaluate.write_samples(tmp_path / "all.npz", samples)
    assert np.array_equal(np.load(tmp_path / "all.npz")["samples"], expected)
    evaluate.write_samples(tmp_path / "new" / "folder", samples)
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == [f"{number:05d}.png" for number in range(12)]
    read = np.stack([np.asarray(Image.open(file)).reshape(8, 6, channels) for file in files])
    assert np.array_equal(read, expected)


def test_the_samples_written_are_those_evaluated(make_run, tmp_path, capsys):
    run = make_run()
    options = ("--n", 20, "--features", "pixels", "--seed", 5)
    evaluated(capsys, run, *options, "--samples", tmp_path / "samples")
    evaluated(capsys, run, *options, "--samples", tmp_path / "samples.npz")
    stored = np.load(tmp_path / "samples.npz")["samples"]
    assert stored.shape == (20, 8, 8, 1) and stored.dtype == np.uint8
    assert np.array_equal(np.asarray(Image.open(tmp_path / "samples" / "00007.png")), stored[7, ..., 0])


def test_points_keep_their_values(tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    evaluate.write_samples(tmp_path / "points.npz", points)
    assert np.array_equal(np.load(tmp_path / "points.npz")["samples"], points)
    with pytest.raises(ValueError, match=r"\.npz"):
        evaluate.write_samples(tmp_path / "points", points)


def test_refusals(make_run, tmp_path, capsys):
    run = make_run()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "old.png").write_text("")
    assert "RUN must be" in refused(capsys, tmp_path)
    assert "new or empty" in refused(capsys, run, "--samples", tmp_path / "full")
    assert "new or empty" in refused(capsys, run, "--samples", run / "settings.json")
    assert "invalid choice" in refused(capsys, run, "--features", "pixel")
    assert "no split but 'train'" in refused(capsys, run, "--split", "test")
    assert "whole number" in refused(capsys, run, "--n", 0)
    assert "whole number" in refused(capsys, run, "--seed", -1)
    assert "at least" in refused(capsys, run, "--n", 3, "--features", "pixels")
    assert "labeled images" in refused(capsys, make_run("bell", (1,)), "--features", "classifier")


def test_data_that_have_changed_or_gone(make_run, tmp_path, capsys):
    assert "must be what the run was trained on" in refused(capsys, make_run("digits", (4, 4, 1)))
    assert "A folder must exist" in refused(capsys, make_run(tmp_path / "gone"))
    broken = make_run()
    (broken / "settings.json").write_text("{}")
    assert "must hold a recipe" in refused(capsys, broken)


def test_a_recipes_image_size_holds_for_the_real_images_and_the_classifier(make_run, capsys):
    run = make_run("digits", (6, 6, 1), image_size=6)
    assert "classifier (digits)" in evaluated(capsys, run, "--n", 100)


def test_default_features():
    def info(shape, num_classes):
        return datasets.DatasetInfo("any", shape, num_classes, 10, None)

    assert evaluate._default_features(info((8, 8, 3), 10)) == "classifier"
    assert evaluate._default_features(info((8, 8, 3), None)) == "inception"
    assert evaluate._default_features(info((1,), None)) == evaluate._default_features(info((2,), 8)) == "pixels"


def test_the_command_line_knows_all_features():
    parser = kerasgan_cli.parser()
    for name in features.NAMES:
        assert parser.parse_args(["evaluate", "run", "--features", name]).features == name
