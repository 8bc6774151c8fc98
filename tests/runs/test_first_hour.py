"""A newcomer's first hour on the command line: settings, longer runs, seeds, dry runs and comparisons."""

import csv
import dataclasses
import json

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgan
import kerasgan_cli
from kerasgan import cli, datasets, pictures
from kerasgan.callbacks.history_csv import read_history
from kerasgan.resume import checkpoint_files
from kerasgan.runs import plans, recipes, results, run_folder

RECIPE = {
    "title": "",
    "source": "digits",
    "network": "mlp",
    "network_options": {"width": 8},
    "latent_dim": 4,
    "batch_size": 256,
    "passes_per_epoch": 1,
    "epochs": 2,
}


def command(*arguments):
    return kerasgan_cli.main([str(argument) for argument in arguments])


def refused(capsys, *arguments):
    """Runs a command that must be refused, and returns what it printed on standard error."""
    try:
        code = command(*arguments)
    except SystemExit as stopped:  # argparse's own way
        code = stopped.code
    printed = capsys.readouterr()
    assert code == 2 and "Traceback" not in printed.err
    return printed.err


def write_settings(path, seed=0, **changes):
    path.write_text(json.dumps({"name": "small", "recipe": RECIPE | changes, "seed": seed, "deterministic": True}))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    log_dir = tmp_path_factory.mktemp("logs")
    assert command("train", "--settings", write_settings(log_dir / "a.json"), "--log-dir", log_dir) == 0
    return log_dir / "00001-small"


def last_checkpoint(run):
    return checkpoint_files.files(run / run_folder.CHECKPOINTS)[0]


def test_a_finished_run_that_goes_on_is_the_longer_run(tmp_path, capsys):
    for name, epochs in (("short", 2), ("long", 4)):
        settings = write_settings(tmp_path / f"{name}.json", epochs=epochs)
        assert command("train", "--settings", settings, "--log-dir", tmp_path / name) == 0
    short, long = tmp_path / "short" / "00001-small", tmp_path / "long" / "00001-small"
    capsys.readouterr()
    assert command("train", "--resume", short) == 0
    assert f"kerasgan train --resume {short} --epochs N" in capsys.readouterr().out
    assert command("train", "--resume", short, "--epochs", 4) == 0
    assert "From 2 epochs to 4. The learning rate stays at 0.0002." in capsys.readouterr().out
    assert last_checkpoint(short).read_bytes() == last_checkpoint(long).read_bytes()
    assert [row["epoch"] for row in read_history(short / run_folder.HISTORY)] == [1, 2, 3, 4]
    assert (short / run_folder.SAMPLES).read_bytes() == (long / run_folder.SAMPLES).read_bytes()
    settings = run_folder.read_settings(short)
    assert settings["recipe"]["epochs"] == 4 and settings["extended"] == [2]


def test_a_longer_run_with_a_schedule_says_what_the_rate_does(tmp_path, capsys):
    settings = write_settings(tmp_path / "a.json", decay_to=0.1, learning_rate=1e-3)
    assert command("train", "--settings", settings, "--log-dir", tmp_path) == 0
    assert command("train", "--resume", tmp_path / "00001-small", "--epochs", 4) == 0
    said = capsys.readouterr().out
    # Half of a cosine from 1e-3 to 1e-4 is their mean.
    assert "cosine of 4 epochs: after epoch 2 it is 0.00055 instead of 0.0001, at the end 0.0001" in said
    gan = keras.models.load_model(tmp_path / "00001-small" / run_folder.MODEL)
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(1e-4)
    assert int(gan.g_optimizer.iterations) == 4 * 7


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["--epochs", "2"], ["more epochs than it has", "--epochs 2 for a run of 2", "--epochs 4"]),
        (["--batch-size", "8"], ["except for --epochs", "--batch-size", "kerasgan train --settings", "load_model"]),
        (["--set", "epochs=3"], ["except for --epochs", "--set"]),
        (["--seeds", "3"], ["except for --epochs", "--seeds"]),
    ],
)
def test_what_a_resumed_run_cannot_change(finished, capsys, arguments, parts):
    said = refused(capsys, "train", "--resume", finished, *arguments)
    assert all(part in said for part in parts)
    assert run_folder.is_finished(finished)


def test_a_dry_run_prints_settings_that_train_takes(tmp_path, capsys):
    settings = write_settings(tmp_path / "a.json")
    assert command("train", "--settings", settings, "--dry-run", "--epochs", 3, "--set", "network_options.width=4") == 0
    printed = capsys.readouterr()
    (tmp_path / "b.json").write_text(printed.out)
    assert json.loads(printed.out)["recipe"] == dataclasses.asdict(
        recipes.Recipe(**RECIPE | {"epochs": 3, "network_options": {"width": 4}})
    )
    assert "21 steps at" in printed.err and "steps/s: about" in printed.err
    assert command("train", "--settings", tmp_path / "b.json", "--dry-run") == 0
    assert json.loads(capsys.readouterr().out)["recipe"]["network_options"] == {"width": 4}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_every_field_is_reached(tmp_path, capsys):
    changes = {"objective": "hinge", "latent_dim": 3, "gamma": None, "beta_1": 0.25, "updates": "simultaneous"}
    arguments = [
        f"--set={name}={json.dumps(value) if value is not None else 'none'}" for name, value in changes.items()
    ]
    command("train", "--dry-run", "--learning-rate", "1e-3", *arguments)
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert recipe | changes | {"learning_rate": 1e-3} == recipe


def test_settings_over_a_recipe_and_over_data(tmp_path, capsys):
    (tmp_path / "over.json").write_text('{"recipe": {"base": "mnist", "batch_size": 100, "source": "digits"}}')
    assert command("train", "--settings", tmp_path / "over.json", "--dry-run") == 0
    over_recipe = json.loads(capsys.readouterr().out)
    assert over_recipe["name"] == "mnist" and over_recipe["recipe"]["learning_rate"] == 2e-3
    (tmp_path / "more.json").write_text('{"recipe": {"batch_size": 100}}')
    assert command("train", "digits", "--settings", tmp_path / "more.json", "--dry-run") == 0
    over_data = json.loads(capsys.readouterr().out)
    assert over_data["name"] == "digits" and over_data["recipe"]["batch_size"] == 100
    assert over_data["recipe"]["passes_per_epoch"] == recipes.get("digits").passes_per_epoch


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"recipe": {"image_size": 32}}', ["must be complete", "without title and source", '"base": "photos"']),
        ('{"recipe": {"base": "photos", "image_size": 32}}', ["needs a folder", "kerasgan train FOLDER --settings"]),
        ('{"image_size": 32}', ["must hold a recipe", "image_size", '"base": "photos"']),
        ('{"recipe": {"base": "photos", "size": 32}}', ["setting='size'", "Did you mean 'image_size'"]),
    ],
)
def test_partial_settings_that_are_refused(tmp_path, capsys, text, parts):
    (tmp_path / "a.json").write_text(text)
    said = refused(capsys, "train", "--settings", tmp_path / "a.json")
    assert all(part in said for part in parts)


def test_seeds_are_runs_of_their_own_in_one_table(tmp_path, capsys):
    settings = write_settings(tmp_path / "a.json", epochs=1)
    assert command("train", "--settings", settings, "--seed", 5, "--seeds", 2, "--log-dir", tmp_path) == 0
    runs = [tmp_path / "00001-small-seed5", tmp_path / "00002-small-seed6"]
    assert [run_folder.read_settings(run)["seed"] for run in runs] == [5, 6]
    said = capsys.readouterr().out
    assert "| seeds" in said and "5, 6" in said and f"kerasgan compare {runs[0]} {runs[1]}" in said
    # The second run of a process is the run that it would be alone.
    assert command("train", "--settings", settings, "--seed", 6, "--log-dir", tmp_path / "alone") == 0
    alone = last_checkpoint(tmp_path / "alone" / "00001-small")
    assert last_checkpoint(runs[1]).read_bytes() == alone.read_bytes()
    assert command("compare", *runs, "--csv", tmp_path / "curves.csv") == 0
    with open(tmp_path / "curves.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["epoch"]) for row in rows] == [("5", "1"), ("6", "1")]
    assert "± " in capsys.readouterr().out


def test_a_run_prints_what_it_is_and_where_to_see_it(finished):
    assert (finished / run_folder.HISTORY).is_file()
    assert {"real.png", "samples.gif"} <= {path.name for path in (finished / "images").iterdir()}


def test_a_label_for_a_run_without_labels_is_refused_from_its_settings(finished, capsys, monkeypatch):
    monkeypatch.setattr(keras.models, "load_model", None)
    said = refused(capsys, "sample", finished, "--label", 3)
    assert all(part in said for part in ("run with labels", "--label 3", "--conditional"))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["train", "--size", "32"], ["usage: kerasgan train", "--size", "--batch-size or --image-size", "--set FIELD"]),
        (["train", "--learningrate", "1"], ["usage: kerasgan train", "Did you mean --learning-rate?"]),
        (["sample", "run", "--count", "3"], ["usage: kerasgan sample", "--count"]),
        (["evaluate", "run", "--feature", "pixels", "--jsn"], ["usage: kerasgan evaluate", "Did you mean --json?"]),
        (["trian"], ["invalid choice: 'trian'", "Did you mean train?"]),
        (["export", "run", "--out", "x", "--format", "onx"], ["usage: kerasgan export", "Did you mean onnx?"]),
        (["recipes", "mnits"], ["no recipe of that name", "'mnits'", "Did you mean mnist?"]),
        (["train", "--set", "epoch=3"], ["setting='epoch'", "Did you mean 'epochs'?"]),
        (["train", "--learning-rate", "0"], ["learning_rate", "positive"]),
    ],
)
def test_wrong_arguments_are_answered_by_the_command_that_was_called(capsys, arguments, parts):
    said = refused(capsys, *arguments)
    assert all(part in said for part in parts), said


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_is_shown_with_the_meaning_of_each_field(name, capsys):
    assert command("recipes", name) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name}: {recipes.get(name).title}"
    shown = {}
    for line in lines[2:-2]:
        setting, meaning = line.split("  ", 1)
        field, value = setting.split(" = ", 1)
        shown[field] = value
        assert len(meaning.strip()) > 15
    expected = dataclasses.asdict(recipes.get(name))
    assert list(shown) == [field for field in expected if field != "title"]
    assert shown["epochs"] == str(expected["epochs"]) and shown["network"] == f'"{expected["network"]}"'


def test_real_images_of_each_class_are_in_the_pictures(tmp_path):
    settings = write_settings(tmp_path / "a.json", conditional=True, epochs=1)
    assert command("train", "--settings", settings, "--log-dir", tmp_path) == 0
    picture = np.asarray(Image.open(next((tmp_path / "00001-small" / "images").glob("samples-*.png"))))
    real = picture[:, picture.shape[1] // 2 + 8 :]
    assert len(np.unique(real)) > 10


def test_a_tenth_of_a_folder_is_held_out(tmp_path, capsys):
    """Only held-out images can show that the others are memorized or copied."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), "uint8")
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(folder / f"{number}.png")
    options = ["--image-size", 16, "--batch-size", 8, "--epochs", 1, "--set", "network_options.width=4"]
    assert command("train", folder, *options, "--log-dir", tmp_path / "logs") == 0
    assert "54 images of shape (16, 16, 3)" in capsys.readouterr().out
    (row,) = read_history(tmp_path / "logs" / "00001-photos" / run_folder.HISTORY)
    assert row["step"] == 6 and 0 <= row["d_memorization_auc"] <= 1 and "val_d_loss" in row
    assert command("train", folder, *options, "--set", "held_out=0", "--dry-run") == 0
    assert "60 images of shape" in capsys.readouterr().err


def test_held_out_images_share_none_with_those_of_training():
    recipe = dataclasses.replace(recipes.get("photos"), source="digits")
    assert recipes.splits(recipe) == ("train[:90%]", "train[90%:]")
    assert recipes.splits(dataclasses.replace(recipe, held_out=0.0)) == ("train", None)
    images, others = (datasets.load_arrays("digits", split=split)[0] for split in recipes.splits(recipe))
    assert len(images) == 1617 and len(others) == 180


@pytest.mark.parametrize("share", [-0.1, 0.6, float("nan"), True])
def test_shares_that_cannot_be_held_out(share):
    with pytest.raises(ValueError, match="held_out"):
        dataclasses.replace(recipes.get("photos"), held_out=share)


@pytest.mark.parametrize("steps", [10, 3])
def test_a_dry_run_estimates_the_time_of_epochs_shorter_than_a_call(tmp_path, capsys, steps):
    settings = write_settings(tmp_path / "a.json")  # epochs of 7 steps
    assert command("train", "--settings", settings, "--steps-per-execution", steps, "--dry-run") == 0
    assert "14 steps at " in capsys.readouterr().err


def test_a_folder_with_the_name_of_a_recipe(tmp_path, monkeypatch):
    """`photos` needs a folder, so that one of this name is it; other recipes come first, which is said."""
    for name in ("photos", "digits"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    recipe = plans.make_plan({"what": "photos"}, {}, None, False).recipe
    assert recipe.source == str(tmp_path / "photos") and recipe.network == recipes.get("photos").network
    with pytest.warns(UserWarning, match=r"recipe first.*Received: digits.*kerasgan train \./digits"):
        assert plans.make_plan({"what": "digits"}, {}, None, False).recipe.source == "digits"
    assert plans.make_plan({"what": "./digits"}, {}, None, False).recipe.source == str(tmp_path / "digits")
    (tmp_path / "mnist").mkdir()  # which TensorFlow Datasets would read from the folder
    with pytest.raises(ValueError, match=r"Received: mnist, which is also a folder.* kerasgan train \./mnist;"):
        plans.make_plan({"what": "mnist"}, {}, None, False)


def test_a_folder_named_photos_is_fitted_as_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "others"):
        (tmp_path / name).mkdir()
        for number in range(3):
            pictures.save_png(tmp_path / name / f"{number}.png", np.zeros((8, 8, 3), "uint8"), mark=False)
    one, other = (plans.make_plan({"what": name}, {}, None, False).recipe for name in ("photos", "others"))
    assert one == dataclasses.replace(other, source=one.source) and one.augment == "diffaugment" and one.gamma == 0.8


def test_a_set_with_a_config_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not plans._is_path("emnist/letters") and plans._is_path("no/such") and plans._is_path("./emnist")


def test_a_recipe_by_name_lies_under_the_settings():
    assert cli._over_recipe({"image_size": 32}, "pix2pix") == {"image_size": 32, "base": "pix2pix"}
    assert cli._over_recipe({"base": "photos"}, "pix2pix") == {"base": "pix2pix"}
    with pytest.raises(ValueError, match="Received: --recipe pix2pix with the recipe of a run"):
        cli._over_recipe(dataclasses.asdict(recipes.get("photos")), "pix2pix")


def test_a_run_with_weights_that_are_not_finite_is_not_finished(tmp_path):
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=4), latent_dim=4)
    results._check_weights(gan, tmp_path)
    gan.generator.trainable_weights[0].assign(np.full(gan.generator.trainable_weights[0].shape, np.nan))
    with pytest.raises(ValueError, match=r"NaN or infinite.* --guard rollback"):
        results._check_weights(gan, tmp_path)
