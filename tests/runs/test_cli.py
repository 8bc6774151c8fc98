"""The command line, as a user meets it."""

import contextlib
import dataclasses
import io
import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers import needs_shared, shared_folder
from PIL import Image

import kerasgan_cli
from kerasgan import callbacks, datasets, features
from kerasgan.runs import jobs, plans, recipes, run_folder


def train(*arguments):
    return kerasgan_cli.main(["train", "--epochs", "1", *map(str, arguments)])


def refused(capsys, *arguments):
    """Runs a command that must be refused, and returns its one line."""
    try:
        code = kerasgan_cli.main([str(argument) for argument in arguments])
    except SystemExit as stopped:  # argparse's own way
        code = stopped.code
    printed = capsys.readouterr()
    assert code == 2
    assert "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


SMALL = {"title": "", "source": "bell", "network": "mlp", "network_options": {"width": 8}, "latent_dim": 1}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of a few seconds, and what was printed."""
    log_dir = tmp_path_factory.mktemp("logs")
    settings = log_dir.with_suffix(".json")
    settings.write_text(json.dumps({"name": "bell", "recipe": SMALL | {"batch_size": 5000}}))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert train("--settings", settings, "--log-dir", log_dir) == 0
    return log_dir / "00001-bell", printed.getvalue()


@pytest.fixture
def run(finished):
    return finished[0]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["recipes"], ["--version"], ["no command"]])
def test_answers_without_tensorflow(arguments):
    code = f"""
import sys
from kerasgan_cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
raise SystemExit(any(name in sys.modules for name in ("tensorflow", "keras", "numpy", "kerasgan")))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_the_parser_knows_every_choice():
    """The choices are written out in the entry module, which imports nothing."""
    assert set(kerasgan_cli.FEATURES) == set(features.NAMES)
    assert kerasgan_cli.GUARDS == plans.GUARDS and kerasgan_cli.STRATEGIES == jobs.STRATEGIES


def test_a_run_leaves_everything(run):
    names = {path.name for path in run.iterdir()}
    assert {"settings.json", "gan.keras", "samples.png", "saved_model", "train", "images"} <= names
    assert (run / "saved_model" / "kerasgan.json").exists()
    assert min(Image.open(run / "samples.png").size) >= 200


def test_train_says_where_everything_is(finished):
    for part in ("samples.png", "saved_model", "tensorboard --host localhost --logdir", "kerasgan sample"):
        assert part in finished[1]


def test_settings_are_enough_to_run_again(run, tmp_path):
    settings = json.loads((run / "settings.json").read_text())
    assert settings["recipe"]["epochs"] == 1 and settings["seed"] == 0
    assert settings["versions"]["tensorflow"].startswith("2.")
    assert kerasgan_cli.main(["train", "--settings", str(run / "settings.json"), "--log-dir", str(tmp_path)]) == 0
    again = next(tmp_path.iterdir())
    first, second = (json.loads((each / "settings.json").read_text()) for each in (run, again))
    assert first == second
    assert np.array_equal(Image.open(run / "samples.png"), Image.open(again / "samples.png"))


def test_sample_is_repeatable(run, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert kerasgan_cli.main(["sample", str(run), "--seed", str(seed), "--out", str(tmp_path / f"{name}.png")]) == 0
    a, b, c = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in "abc")
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_export(run, tmp_path, capsys):
    assert kerasgan_cli.main(["export", str(run), "--out", str(tmp_path / "model")]) == 0
    assert (tmp_path / "model" / "saved_model.pb").exists()
    assert "checked in tensorflow" in capsys.readouterr().out


def test_the_end_of_the_path_says_the_format(run, tmp_path, capsys):
    out = tmp_path / "small.onnx"
    options = ["--precision", "float16", "--what", "discriminator", "--no-check"]
    assert kerasgan_cli.main(["export", str(run), "--out", str(out), *options]) == 0
    assert out.is_file() and "checked" not in capsys.readouterr().out
    card = json.loads(out.with_name("small.onnx.kerasgan.json").read_text())
    assert (card["format"], card["precision"], card["what"]) == ("onnx", "float16", "discriminator")


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    assert train("digits", "--log-dir", tmp_path / "logs", "--dry-run") == 0
    assert "Dry run" in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_recipes_lists_all(capsys):
    assert kerasgan_cli.main(["recipes"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in recipes.RECIPES)


def photo_folder(folder, sizes):
    rng = np.random.default_rng(0)
    for number, size in enumerate(sizes):
        path = folder / f"{number % 2}" / f"{number}.{('png', 'jpg')[number % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype="uint8")).save(path)
    return folder


def test_the_guard_of_a_run_says_what_goes_wrong(tmp_path, capsys):
    settings = tmp_path / "settings.json"
    recipe = dataclasses.replace(recipes.get("bell"), epochs=2, learning_rate=100.0)
    settings.write_text(json.dumps({"recipe": dataclasses.asdict(recipe), "guard": "rollback"}))
    assert train("--settings", settings, "--guard", "stop", "--log-dir", tmp_path) == 2  # its weights are NaN
    assert "weights that are NaN or infinite" in capsys.readouterr().err
    run = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert json.loads((run / "settings.json").read_text())["guard"] == "stop"
    assert "training stops" in (run / "guard.log").read_text() and not run_folder.is_finished(run)


@pytest.mark.slow
def test_a_conditional_run_draws_class_by_class(tmp_path):
    settings = tmp_path / "settings.json"
    recipe = dataclasses.replace(recipes.get("digits"), passes_per_epoch=1, conditional=True, augment="ada")
    settings.write_text(json.dumps({"recipe": dataclasses.asdict(recipe)}))
    assert train("--settings", settings, "--log-dir", tmp_path) == 0
    run = next(path for path in tmp_path.iterdir() if path.is_dir())
    assert json.loads((run / "settings.json").read_text())["recipe"]["conditional"] is True
    grids = list((run / "images").glob("samples-*.png"))
    assert Image.open(grids[0]).size[1] > Image.open(grids[0]).size[0] / 2  # ten rows of six, and real ones beside
    assert (
        kerasgan_cli.main(["sample", str(run), "--label", "3", "--n", "4", "--out", str(tmp_path / "threes.png")]) == 0
    )


def test_a_conditional_run_needs_labels(tmp_path, capsys):
    said = refused(capsys, "train", "bell", "--conditional", "--log-dir", tmp_path / "logs")
    assert "labels" in said and not (tmp_path / "logs").exists()


def test_samples_of_an_unknown_class(run, capsys):
    assert "Received: --label 3 for a run that was trained without" in refused(capsys, "sample", run, "--label", 3)


@pytest.mark.slow
def test_a_folder_of_photos(tmp_path, capsys):
    photos = photo_folder(tmp_path / "my photos", [(70, 90), (64, 64), (200, 100), (33, 48)])
    (photos / "0" / "broken.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match=r"Skipped 1 of 5.*broken\.jpg"):
        assert train(photos, "--batch-size", 2, "--log-dir", tmp_path / "logs") == 0
    run = tmp_path / "logs" / "00001-my-photos"
    assert json.loads((run / "settings.json").read_text())["dataset"]["skipped"] == ["0/broken.jpg"]


# Precision, and steps a call


BFLOAT16 = ("--precision", "mixed_bfloat16", "--steps-per-execution", "2", "--batch-size", "25000")


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.json"
    path.write_text(json.dumps({"recipe": SMALL}))
    return path


def built_for(monkeypatch):
    """A list of every model that is built from now on."""
    built, build = [], recipes.build

    def kept(*arguments):
        built.append(build(*arguments))
        return built[-1]

    monkeypatch.setattr(recipes, "build", kept)
    return built


def test_precision_and_steps_reach_the_model_and_its_settings(small, tmp_path, monkeypatch):
    """Two steps of 25,000 of the 50,000 points."""
    built = built_for(monkeypatch)
    assert train("--settings", small, *BFLOAT16, "--log-dir", tmp_path / "logs") == 0
    (gan,), run = built, tmp_path / "logs" / "00001-run"
    hidden = [*gan.generator.layers[:-2], *gan.discriminator.layers[:-1]]
    assert {layer.compute_dtype for layer in hidden} == {"bfloat16"}
    assert {weight.dtype for weight in gan.trainable_weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"  # the process keeps its own
    assert gan.steps_per_execution == 2 and gan.g_optimizer.iterations == 2
    kept = json.loads((run / "settings.json").read_text())["recipe"]
    assert (kept["precision"], kept["steps_per_execution"]) == ("mixed_bfloat16", 2)
    loaded = keras.models.load_model(run / "gan.keras")
    assert loaded.generator.layers[0].compute_dtype == "bfloat16"
    assert loaded.generate(3, seed=0).dtype == np.float32
    assert np.array_equal(loaded.generate(3, seed=0), gan.generate(3, seed=0))


def test_a_run_in_bfloat16_is_resumed_in_bfloat16(small, tmp_path, monkeypatch):
    """It ends with the weights of one that was not stopped."""
    built = built_for(monkeypatch)
    planned = ("train", "--settings", str(small), "--epochs", "2", *BFLOAT16, "--log-dir")
    assert kerasgan_cli.main([*planned, str(tmp_path / "whole")]) == 0

    def stop(self, epoch, logs=None):
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(callbacks.LatentWalk, "on_epoch_end", stop)
        assert kerasgan_cli.main([*planned, str(tmp_path / "stopped")]) == 143
    assert kerasgan_cli.main(["train", "--resume", str(tmp_path / "stopped" / "00001-run")]) == 0
    whole, _, resumed = built
    assert resumed.generator.layers[0].compute_dtype == "bfloat16"
    for one, other in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_recipe_that_fails_to_build_leaves_the_policy_as_it_was():
    recipe = dataclasses.replace(recipes.get("digits"), network="mpl", precision="mixed_bfloat16")
    with pytest.raises(ValueError, match="Did you mean 'mlp'"):
        recipes.build(recipe, None, 0)
    assert keras.config.dtype_policy().name == "float32"


def test_unknown_precisions(tmp_path, capsys):
    line = refused(capsys, "train", "--precision", "bfloat16", "--log-dir", tmp_path / "logs")
    assert "Received: precision='bfloat16'. Did you mean 'mixed_bfloat16'?" in line
    assert "whole number" in refused(capsys, "train", "--steps-per-execution", "0")
    assert not (tmp_path / "logs").exists()


# Refusals


def test_unknown_names(tmp_path, capsys):
    assert "Did you mean 'digits'" in refused(capsys, "train", "digit", "--log-dir", tmp_path / "logs")
    assert "Did you mean 'mnist'" in refused(capsys, "train", "mnits", "--log-dir", tmp_path / "logs")
    assert "Received" in refused(capsys, "train", tmp_path / "no folder", "--log-dir", tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


def test_folders_without_photos(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "Received" in refused(capsys, "train", tmp_path / "empty", "--log-dir", tmp_path / "logs")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.jpg").write_text("no image")
    assert "a.jpg" in refused(capsys, "train", tmp_path / "text", "--log-dir", tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


def test_the_photo_recipe_asks_for_its_folder(tmp_path, capsys):
    assert "kerasgan train FOLDER" in refused(capsys, "train", "photos", "--log-dir", tmp_path / "logs")


@pytest.mark.parametrize("option", ["--epochs", "--batch-size"])
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "many"])
def test_numbers(option, value, capsys):
    assert "whole number" in refused(capsys, "train", option, value)


def test_batches_larger_than_the_data(tmp_path, capsys):
    assert "Received: batch_size=2000" in refused(
        capsys, "train", "digits", "--batch-size", 2000, "--log-dir", tmp_path / "logs"
    )
    assert not (tmp_path / "logs").exists()


def test_a_log_folder_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    assert "is not a folder" in refused(capsys, "train", "--log-dir", tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the administrator may write anywhere
    assert "cannot be written" in refused(capsys, "train", "--log-dir", tmp_path / "new")


BAD_SETTINGS = {
    "{": "readable JSON",
    "[]": "JSON object",
    "{}": "must hold a recipe",
    '{"recipe": 3}': "JSON object",
    '{"what": 3}': "Received",
    '{"recipe": {}}': "without title and source",
    '{"recipe": {"epoch": 3}}': "Did you mean 'epochs'",
    '{"recipe": {"title": "", "source": "bell", "epochs": "many"}}': "'epochs' must be a positive whole number",
    '{"recipe": {"title": "", "source": "bell", "batch_size": -1}}': "'batch_size' must be a positive whole number",
    '{"recipe": {"title": "", "source": "bell", "network": "mpl"}}': "Did you mean 'mlp'",
    '{"recipe": {"title": "", "source": "bell", "precision": "mixed_float16"}}': "There is no precision of that name",
    '{"recipe": {"title": "", "source": "bell", "network": "mlp", "network_options": {"widht": 3}}}': "mean 'width'",
    '{"recipe": {"title": "", "source": "bell", "network": "mlp", "objective": "minmax"}}': "mean 'minimax'",
    '{"recipe": {"title": "", "source": "bell", "network": "mlp"}, "seed": -1}': "The seed must be",
    '{"recipe": {"title": "", "source": "bell", "network": "mlp"}, "guard": "pray"}': "The guard must be one of",
}


@pytest.mark.parametrize("content", BAD_SETTINGS)
def test_damaged_settings(tmp_path, capsys, content):
    (tmp_path / "settings.json").write_text(content)
    line = refused(capsys, "train", "--settings", tmp_path / "settings.json", "--log-dir", tmp_path / "logs")
    assert BAD_SETTINGS[content] in line
    assert not (tmp_path / "logs").exists()


def test_a_folder_that_is_not_a_run(tmp_path, capsys):
    assert "RUN must be" in refused(capsys, "sample", tmp_path)
    assert "RUN must be" in refused(capsys, "export", tmp_path, "--out", tmp_path / "x")


def test_formats_whose_packages_are_missing(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert "onnx" in refused(capsys, "export", run, "--format", "onnx", "--out", tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_a_signal_stops_from_outside_can_be_resumed(tmp_path, number):
    command = [sys.executable, "-m", "kerasgan", "train", "bell", "--epochs", "400", "--log-dir", str(tmp_path)]
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); os.execvp(sys.argv[1], "
    started = [sys.executable, "-c", code + "sys.argv[1:])", *command]  # a shell may have set it to be ignored
    process = subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(list(tmp_path.glob("*/checkpoints/step-*"))) < 2:
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate()
    run = tmp_path / "00001-bell"
    assert process.returncode == 128 + number, err
    assert f"kerasgan train --resume {run}" in out and "Once more stops at once" in err
    assert not (run / "gan.keras").exists()
    newest = sorted((run / "checkpoints").iterdir())[-1]
    assert newest.name in out


# Recipes


def test_the_ring_and_the_grid_have_one_recipe():
    differences = {
        name for name, value in vars(recipes.get("ring")).items() if value != vars(recipes.get("grid"))[name]
    }
    assert differences == {"title", "source"}


def test_the_discriminator_can_have_another_rate_with_the_same_decay():
    recipe = dataclasses.replace(recipes.get("bell"), learning_rate=1e-3, d_rate_factor=0.25, decay_to=0.5)
    _, info = datasets.load(recipe.source, recipe.batch_size)
    gan = recipes.build(recipe, info, 0)
    last = recipes.num_steps(recipe, info)
    for optimizer, rate in ((gan.d_optimizer, 2.5e-4), (gan.g_optimizer, 1e-3)):
        np.testing.assert_allclose(optimizer.learning_rate, rate)
        optimizer.iterations.assign(last)
        np.testing.assert_allclose(optimizer.learning_rate, rate / 2, rtol=1e-6)


# Run folders


def test_run_folders_are_numbered_and_never_shared(tmp_path):
    names = [run_folder.create(tmp_path, name).name for name in ("a", "b", "a", "../../etc/x y")]
    assert names == ["00001-a", "00002-b", "00003-a", "00004-etc-x-y"]


# The main jobs, in full


@pytest.mark.slow
@needs_shared
def test_mnist_trains_on_all_sixty_thousand(tmp_path):
    environment = os.environ | {"TFDS_DATA_DIR": str(shared_folder() / "datasets" / "tensorflow_datasets")}
    command = ["kerasgan", "train", "mnist", "--epochs", "1", "--log-dir", str(tmp_path)]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    assert "60,000 images of shape (28, 28, 1)" in printed
    assert (tmp_path / "00001-mnist" / "saved_model" / "saved_model.pb").exists()


@pytest.mark.slow
def test_the_main_job_draws_all_ten_digits(tmp_path):
    """A classifier trained on the real digits finds each class in at least 3 % of 2,000 samples."""
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    subprocess.run(["kerasgan", "train", "--log-dir", str(tmp_path)], check=True)
    gan = keras.models.load_model(tmp_path / "00001-digits" / "gan.keras")
    real = load_digits()
    classifier = SVC().fit(real.data / 8 - 1, real.target)
    found = np.bincount(classifier.predict(gan.generate(2000, seed=0).reshape(2000, -1)), minlength=10)
    assert found.min() >= 60, found
