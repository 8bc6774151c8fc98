"""`kerasgan evaluate`: the table of a finished run, and the samples it writes for other tools."""

import dataclasses
import importlib
import json

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgan_cli
from kerasgan import datasets, features, metrics, pictures
from kerasgan.runs import compare, evaluate, progress, recipes, report, run_folder


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
    arguments = arguments if "--seeds" in arguments else (*arguments, "--seeds", 1)
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
    others = datasets.load_arrays("digits", 200, seed=3)[0].reshape(200, -1)[100:]
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["floor"]["fid"] == pytest.approx(metrics.frechet_distance(real, others))
    assert found["floor"]["coverage"] == metrics.density_coverage(real, others)[1]
    assert found["fid"] == pytest.approx(metrics.frechet_distance(real, generated))
    assert found["js"] is None


def test_no_more_samples_than_real_images(make_run, capsys):
    printed = evaluated(capsys, make_run(), "--features", "pixels", "--split", "train[:50]")
    assert "25 generated against 25 real" in printed and "digits (train[:50])" in printed


def test_mixtures_are_evaluated_by_their_modes(make_run, tmp_path, capsys):
    run = make_run("ring", (2,), network="mlp")
    printed = evaluated(capsys, run, "--n", 500, "--json", tmp_path / "a.json")
    figures = json.loads((tmp_path / "a.json").read_text())
    assert f"{figures['modes']} of 8" in printed and "precision" not in printed
    assert "Frechet" in evaluated(capsys, run, "--n", 500, "--features", "pixels")


def test_each_figure_has_a_floor_deviations_and_all_to_make_it_again(make_run, tmp_path, capsys):
    run = make_run()
    printed = evaluated(capsys, run, "--n", 60, "--seeds", 3, "--json", tmp_path / "a.json")
    figures = json.loads((tmp_path / "a.json").read_text())
    names = {"fid", "fid_infinity", "kid", "precision", "recall", "density", "coverage", "js", "score"}
    assert names == set(figures["floor"]) == set(figures["deviation_over_latents"])
    assert names == set(figures["deviation_over_networks"])
    assert figures["deviation_over_latents"]["fid"] > 0 < figures["deviation_over_networks"]["fid"]
    assert figures["floor"]["fid"] < figures["fid"]
    header, rows = printed.splitlines()[2], printed.splitlines()[4:]
    assert all(each in header for each in ("over latents", "over networks", "real images"))
    assert any(f"{figures['floor']['fid']:.4g}" in row for row in rows if row.startswith("| FID"))
    assert [each["seed"] for each in figures["feature_networks"]] == [0, 1, 2]
    assert {"version", "accuracy", "trained_on"} < set(figures["feature_networks"][0])
    assert {"kerasgan", "keras", "numpy", "python"} < set(figures["versions"])
    assert figures["latent_seeds"] == [0, 1, 2] and figures["num_seeds"] == 3
    assert figures["real"] == figures["generated"] == 60 and figures["width"] == 128


def test_the_deviations_are_those_of_latents_and_of_networks(make_run, tmp_path, capsys):
    run = make_run()
    options = ("--n", 60, "--seeds", 2, "--json", tmp_path / "a.json")
    evaluated(capsys, run, *options)
    figures = json.loads((tmp_path / "a.json").read_text())
    gan, real = keras.models.load_model(run / run_folder.MODEL), datasets.load_arrays("digits", 60)[0]
    networks = [features.classifier("digits", seed=seed) for seed in range(2)]
    generated = [gan.generate(60, seed=seed) for seed in range(2)]

    def fid(network, samples):
        return metrics.frechet_distance(network(real).features, network(samples).features)

    first = fid(networks[0], generated[0])
    over_latents = np.std([first, fid(networks[0], generated[1])], ddof=1)
    over_networks = np.std([first, fid(networks[1], generated[0])], ddof=1)
    assert figures["deviation_over_latents"]["fid"] == pytest.approx(over_latents, rel=1e-3)
    assert figures["deviation_over_networks"]["fid"] == pytest.approx(over_networks, rel=1e-3)


@pytest.mark.parametrize("n, few", [(50, True), (600, False)])
def test_figures_of_few_images_are_marked(make_run, tmp_path, capsys, n, few):
    """A Frechet distance of 146 and a coverage of 1.00 were printed for 50 images without a word."""
    printed = evaluated(capsys, make_run(), "--n", n, "--features", "pixels", "--json", tmp_path / "a.json")
    notes = json.loads((tmp_path / "a.json").read_text())["notes"]
    assert ("too few images: 50" in printed) == few
    for metric in ("fid", "fid_infinity", "precision", "recall", "density", "coverage"):
        assert (metric in notes) == few
    assert "kid" in notes and "1,000" in notes["kid"]


def test_real_images_that_were_trained_on_are_named(make_run, capsys):
    assert "those that the run was trained on" in evaluated(capsys, make_run(), "--n", 20, "--features", "pixels")


def test_copies_are_found_in_a_finished_run(make_run, tmp_path, capsys, monkeypatch):
    """A run whose samples are training images with some noise."""
    run = make_run()
    images = datasets.load_arrays("digits")[0]
    noise = np.random.default_rng(0).normal(0, 0.05, images.shape)
    copies = [(images + noise)[:100].astype("float32")]
    options = ("--n", 100, "--features", "pixels", "--json", tmp_path / "a.json")
    assert "COPIES" not in evaluated(capsys, run, *options)
    assert json.loads((tmp_path / "a.json").read_text())["copies"]["suspicious"] is False
    monkeypatch.setattr("kerasgan.runs.report.samples", lambda gan, real, seeds: copies)
    printed = evaluated(capsys, run, *options)
    assert "COPIES" in printed and "| copies of training images" in printed
    assert json.loads((tmp_path / "a.json").read_text())["copies"]["suspicious"] is True


@pytest.mark.parametrize("flip", [True, False])
def test_mirrored_copies_are_found_where_training_mirrors(make_run, tmp_path, capsys, monkeypatch, flip):
    run = make_run(flip=flip)
    mirrored = [datasets.load_arrays("digits", 100)[0][:, :, ::-1] + np.float32(0.01)]
    monkeypatch.setattr("kerasgan.runs.report.samples", lambda gan, real, seeds: mirrored)
    assert ("COPIES" in evaluated(capsys, run, "--n", 100, "--features", "pixels")) == flip


def test_test_images_are_the_held_out_ones(make_run, tmp_path, capsys, monkeypatch):
    """For a set with a test split; halves of the digits stand for its splits."""
    images, labels, info = datasets.load_arrays("digits")
    load = {"train": slice(0, 900), "test": slice(900, 1797)}

    def load_arrays(source, n=None, *, split="train", **others):
        return images[load[split]][:n], labels[load[split]][:n], info

    monkeypatch.setattr(datasets, "load_arrays", load_arrays)
    monkeypatch.setattr(datasets, "has_test_split", lambda source: True)
    training = [images[:300] + np.random.default_rng(0).normal(0, 0.3, images[:300].shape).astype("float32")]
    monkeypatch.setattr("kerasgan.runs.report.samples", lambda gan, real, seeds: training)
    options = ("--n", 300, "--features", "pixels", "--json", tmp_path / "a.json")
    printed = evaluated(capsys, make_run(), *options)
    figures = json.loads((tmp_path / "a.json").read_text())
    assert figures["split"] == "test" and figures["held_out"] is True
    assert "was trained on" not in printed and "COPIES" in printed
    assert figures["copies"]["expected"] == pytest.approx(900 / 1200) and figures["copies"]["share"] > 0.95
    assert figures["floor"]["fid"] == pytest.approx(
        metrics.frechet_distance(*(images[a:b].reshape(300, -1) for a, b in ((900, 1200), (1200, 1500)))), rel=1e-4
    )


def test_conditional_runs_have_a_distance_of_each_class(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    recipe = recipes.Recipe("", "digits", network="mlp", network_options={"width": 16}, conditional=True, latent_dim=4)
    _, _, info = datasets.load_arrays("digits", 400)
    run = run_folder.create(tmp_path / "logs", "run")
    gan = recipes.build(recipe, info, 0)
    gan.save(run / run_folder.MODEL)
    run_folder.write_settings(run, {"recipe": dataclasses.asdict(recipe), "seed": 0})
    printed = evaluated(capsys, run, "--n", 200, "--features", "pixels", "--json", tmp_path / "a.json")
    classes = json.loads((tmp_path / "a.json").read_text())["classes"]
    real, labels, _ = datasets.load_arrays("digits", 400)
    real, others, labels, other_labels = real[:200], real[200:], labels[:200], labels[200:]
    generated = gan.generate(200, seed=0, labels=labels)
    assert [each["class"] for each in classes] == list(range(10)) and "| class " in printed
    for number, found in enumerate(classes):
        sets = real[labels == number], generated[labels == number], others[other_labels == number]
        flat = [each.reshape(len(each), -1) for each in sets]
        assert found["images"] == len(flat[0]) and "too few images" in found["note"]
        assert found["fid"] == pytest.approx(metrics.frechet_distance(flat[0], flat[1]), rel=1e-4)
        assert found["floor"] == pytest.approx(metrics.frechet_distance(flat[0], flat[2]), rel=1e-4)


def test_mode_coverage_without_a_good_point_is_still_json():
    table, figures = evaluate._modes("grid", np.full((10, 2), 100.0))
    assert figures["modes"] == 0 and figures["reverse_kl"] is None and "inf" in table
    assert figures["js"] == pytest.approx(np.log(2)) and "PacGAN" in table
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


def test_the_highest_seed_has_several_sets_of_samples(make_run, tmp_path, capsys):
    options = ("--n", 20, "--features", "pixels", "--seed", 2**31 - 1, "--seeds", 2, "--json", tmp_path / "a.json")
    evaluated(capsys, make_run(), *options)
    assert json.loads((tmp_path / "a.json").read_text())["latent_seeds"] == [2**31 - 1, 0]


def test_points_keep_their_values(tmp_path):
    points = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    evaluate.write_samples(tmp_path / "points.npz", points)
    assert np.array_equal(np.load(tmp_path / "points.npz")["samples"], points)
    with pytest.raises(ValueError, match=r"\.npz"):
        evaluate.write_samples(tmp_path / "points", points)
    with pytest.raises(ValueError, match=r"of 1, 3 or 4 channels.*\(8, 8, 5\).*samples.npz"):
        evaluate.write_samples(tmp_path / "bands", np.zeros((2, 8, 8, 5), "float32"))


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


def test_the_figures_are_kept_in_the_run_and_compared(make_run, tmp_path, capsys):
    run = make_run()
    (run / run_folder.HISTORY).write_text("epoch,step,seconds,loss\n1,10,2.5,1.0\n")
    evaluated(capsys, run, "--n", 100, "--features", "pixels", "--json", tmp_path / "a.json")
    figures = json.loads((run / run_folder.EVALUATION).read_text())
    assert figures == json.loads((tmp_path / "a.json").read_text()) and figures["step"] == 10
    table = compare.compare([run])
    assert f"{figures['fid']:.4g}" in table and "100 on pixels" in table
    assert "floor" not in table and "num_seeds" not in table  # of all that is kept, the figures alone


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_figures_that_cannot_be_kept_are_warned_of(make_run, tmp_path, capsys, kind):
    run, victim = make_run(), tmp_path / "victim"
    victim.write_text("as it was")
    file = run / run_folder.EVALUATION
    file.symlink_to(victim) if kind == "link" else file.mkdir()
    with pytest.warns(UserWarning, match="kept in the run.*Received.*--json"):
        evaluate.evaluate(run, 100, "pixels", num_seeds=1)
    assert victim.read_text() == "as it was"


def test_a_long_evaluation_is_not_silent(make_run, capsys, monkeypatch):
    usual = progress.saying
    monkeypatch.setattr(progress, "saying", lambda what: usual(what, every_seconds=0.01))
    assert kerasgan_cli.main(["evaluate", str(make_run()), "--n", "100", "--features", "pixels", "--seeds", "1"]) == 0
    assert "Still evaluating" in capsys.readouterr().err


def test_a_part_that_the_recipe_holds_out_shows_copies(make_run, capsys, monkeypatch):
    """Samples that resemble training images, but nearly equal none: only held-out images show that they are copies."""
    run = make_run(held_out=0.2)
    training = datasets.load_arrays("digits", split="train[:80%]")[0]
    noise = np.random.default_rng(0).normal(0, 0.35, training.shape)
    monkeypatch.setattr("kerasgan.runs.report.samples", lambda gan, real, seeds: [(training + noise).astype("float32")])
    assert "COPIES" in evaluated(capsys, run, "--features", "pixels")
    held_out = datasets.load_arrays("digits", split="train[80%:]")[0]
    others = np.concatenate([held_out, training[: len(held_out) * 4]])  # as many of each as there are
    noise = np.random.default_rng(1).normal(0, 0.35, others.shape)
    monkeypatch.setattr("kerasgan.runs.report.samples", lambda gan, real, seeds: [(others + noise).astype("float32")])
    assert "COPIES" not in evaluated(capsys, run, "--features", "pixels")


def test_the_distance_to_the_truth_needs_no_features(monkeypatch):
    def fails(*arguments):
        raise OSError("Inception's weights are not there.")

    monkeypatch.setattr("kerasgan.runs.report.report", fails)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 3)).astype("float32")
    info = datasets.load_arrays(images)[2]
    real = report.RealImages(images, None, images, None, info, "train", False, conditions=images[..., :1])
    recipe = recipes.get("pix2pix")
    with pytest.warns(UserWarning, match="Only the distance to the truth is given. Inception's weights are not there."):
        table, figures = evaluate._figures(recipe, real, [images + 0.25], None, 0)
    assert figures == {"generated": 4, "extractor": "no features", "l1": pytest.approx(0.25)} and "0.25" in table
    with pytest.raises(OSError, match="Inception"):  # it was asked for, or there is no truth
        evaluate._figures(recipe, real, [images], "inception", 0)
    with pytest.raises(OSError, match="Inception"):
        evaluate._figures(recipe, dataclasses.replace(real, conditions=None), [images], None, 0)
