"""What kerasgan writes into a folder of photos is never taken for data, wherever it lies."""

import json
import os
import pathlib
import shutil
import warnings

import numpy as np
import pytest
from dataset_helpers import noise, save
from PIL import Image

import kerasgan
from kerasgan import pictures
from kerasgan.datasets import load, own_files
from kerasgan.runs import plans, run_folder

OLD_RUN = pathlib.Path(__file__).resolve().parents[1] / "data" / "before_the_move" / "00001-digits"
RECIPE = {"title": "t", "source": "photos"}


@pytest.fixture
def photos(tmp_path):
    """Three photos in one folder, one of them in a sub-folder."""
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.png", "b.jpg", "more/c.png")):
        save(folder, name, Image.fromarray(noise(20, 20, seed=number)))
    return folder


def test_folders_that_cannot_be_read_are_named(photos, monkeypatch):
    usual = os.scandir

    def refused(path):
        if os.fspath(path).endswith("more"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.warns(UserWarning, match="folder that cannot be read: '.*more' .Permission denied"):
        assert load(photos, 1)[1].num_images == 2


def make_run(folder, settings=None, parts=("checkpoints",)):
    """Makes a run folder as kerasgan wrote it before its pictures had a mark: with pictures that nothing else shows."""
    folder.mkdir(parents=True)
    settings = {"name": "photos", "recipe": RECIPE} if settings is None else settings
    (folder / "settings.json").write_text(settings if isinstance(settings, str) else json.dumps(settings))
    for part in parts:
        (folder / part).mkdir()
    for name in (
        "samples.png",
        "images/real.png",
        "images/samples-00000001.png",
        "latent_walk/latent_walk-00000001.png",
    ):
        save(folder, name, Image.fromarray(noise(30, 30)))
    return folder


def info_of(folder, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(folder, 1, image_size=8, **options)[1]


PLACES = ["00001-photos", "tensorboard_logs/00001-photos", "more/00001-photos", "a/b/c/renamed", "logs.png/x"]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_folder_anywhere_below_is_left_out(photos, place):
    before = info_of(photos)
    make_run(photos / place)
    with pytest.warns(UserWarning, match=rf"Left out of .*kerasgan wrote it: 1 run folder \({place}\)"):
        _, info = load(photos, 1, image_size=8)
    assert info == before and info.num_images == 3


def test_several_are_counted_and_the_first_are_named(photos):
    before = info_of(photos)
    for number in range(12):
        make_run(photos / f"{number:05d}-photos")
    pictures.save_png(photos / "samples.png", noise(30, 30))
    pattern = r"12 run folders and 1 picture \(00000-photos, .*00009-photos and 3 more\)"
    with pytest.warns(UserWarning, match=pattern):
        assert load(photos, 1, image_size=8)[1] == before


def test_a_link_to_a_run_is_left_out_too(photos, tmp_path):
    before = info_of(photos)
    make_run(tmp_path / "logs" / "00001-photos")
    (photos / "logs").symlink_to(tmp_path / "logs")
    assert info_of(photos) == before


IS_RUN = {
    "a recipe": (json.dumps({"recipe": RECIPE}), ()),
    "a recipe and more": (json.dumps({"recipe": RECIPE | {"epochs": 3}, "seed": 1}), ("checkpoints",)),
    "torn": ('{"recipe": ', ("checkpoints",)),
    "not UTF-8": (None, ("gan.keras",)),
    "too deep": ("[" * 100_000, ("gan.keras",)),
}
IS_NO_RUN = {
    "another program's": (json.dumps({"editor.fontSize": 12}), ("checkpoints",)),
    "a recipe for bread": (json.dumps({"recipe": {"title": "bread"}}), ()),
    "a list": ("[1, 2]", ("checkpoints",)),
    "torn": ('{"recipe": ', ()),
    "empty": ("", ()),
}


@pytest.mark.parametrize("case", IS_RUN)
def test_what_is_a_run_folder(tmp_path, case):
    content, parts = IS_RUN[case]
    run = make_run(tmp_path / "run", content or "", parts)
    if content is None:
        (run / "settings.json").write_bytes(b"\xff\xfe\x00")
    assert own_files.is_run_folder(run)


@pytest.mark.parametrize("case", IS_NO_RUN)
def test_what_is_no_run_folder(photos, case):
    """Photos next to settings of other programs are photos."""
    make_run(photos / "trip", *IS_NO_RUN[case])
    assert info_of(photos).num_images == 3 + 4


def test_runs_of_every_version_are_recognized(tmp_path):
    assert own_files.is_run_folder(OLD_RUN)
    run_folder.write_settings(tmp_path, {"name": "x", "recipe": RECIPE})
    assert own_files.is_run_folder(tmp_path)
    assert own_files.SETTINGS == run_folder.SETTINGS
    assert set(own_files.PARTS) == {run_folder.MODEL, run_folder.CHECKPOINTS}


def test_a_pipe_for_settings_is_not_waited_for(photos):
    (photos / "x").mkdir()
    os.mkfifo(photos / "x" / "settings.json")
    assert info_of(photos).num_images == 3


# Pictures


def sample_grid(path):
    pictures.save_png(path, pictures.tile(np.zeros((4, 8, 8, 3), "float32")))


WRITERS = {
    "samples": sample_grid,
    "gray": lambda path: pictures.save_png(path, np.zeros((9, 9), "uint8")),
    "large": lambda path: pictures.save_png(path, noise(600, 600)),
    "points": lambda path: pictures.save_png(path, pictures.points_picture(np.zeros((3, 2)))),
    "durable": lambda path: pictures.save_png(path, noise(9, 9), durable=True),
}


@pytest.mark.parametrize("name", ["samples.png", "samples.jpg", "samples/1.png", "SAMPLES.PNG"])
@pytest.mark.parametrize("writer", WRITERS)
def test_pictures_of_kerasgan_are_left_out(photos, writer, name):
    before = info_of(photos)
    WRITERS[writer](photos / name)
    with pytest.warns(UserWarning, match=rf"kerasgan wrote it: 1 picture \({name}\)"):
        assert load(photos, 1, image_size=8)[1] == before


def test_animations_of_kerasgan_are_left_out(photos, tmp_path):
    for number in range(3):
        pictures.save_png(tmp_path / f"{number}.png", noise(30, 30, seed=number))
    pictures.save_animation(photos / "samples.gif", [tmp_path / f"{number}.png" for number in range(3)])
    assert info_of(photos).num_images == 3


def test_a_picture_of_samples_changes_neither_split_nor_classes(tmp_path):
    for name in ("cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"):
        save(tmp_path, name, Image.fromarray(noise(20, 20, seed=len(name) + ord(name[-5]))))
    before, part = info_of(tmp_path, labels=True), info_of(tmp_path, split="train[:50%]")
    sample_grid(tmp_path / "samples.png")  # in no class
    sample_grid(tmp_path / "samples" / "0.png")  # a class of its own
    assert info_of(tmp_path, labels=True) == before and before.class_names == ("cat", "dog")
    assert info_of(tmp_path, split="train[:50%]") == part


def test_photos_written_without_the_mark_are_photos(tmp_path):
    for number in range(2):
        pictures.save_png(tmp_path / f"{number}.png", noise(20, 20, seed=number), mark=False)
    assert info_of(tmp_path).num_images == 2


def test_a_folder_of_nothing_else_is_refused_with_the_way_out(tmp_path):
    sample_grid(tmp_path / "0.png")
    make_run(tmp_path / "00001-x")
    with pytest.raises(ValueError, match=r"never taken for data.*1 run folder and 1 picture.*mark=False"):
        load(tmp_path, 1)


def test_a_run_is_no_folder_of_photos(tmp_path):
    with pytest.raises(ValueError, match=r"never taken for data.*1 run folder"):
        load(make_run(tmp_path / "00001-x"), 1)


@pytest.mark.parametrize("at", [0, 1, 8, 20, 40, 60])
def test_a_damaged_head_is_read_without_an_error(tmp_path, at):
    sample_grid(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    for content in (whole[:at], whole[:at] + b"\xff" * 8 + whole[at + 8 :]):
        (tmp_path / "a.png").write_bytes(content)
        pictures.is_marked(tmp_path / "a.png")


def test_the_mark_of_others_is_not_ours(tmp_path):
    from PIL import PngImagePlugin

    for number, text in enumerate(("GIMP", "kerasgan-photos", "not kerasgan", "")):
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Software", text)
        texts.add_text("Comment", "kerasgan")
        Image.fromarray(noise(9, 9)).save(tmp_path / f"{number}.png", pnginfo=texts)
        assert not pictures.is_marked(tmp_path / f"{number}.png")


# The source of a run


def test_the_source_of_a_plan_is_absolute(photos, monkeypatch):
    monkeypatch.chdir(photos)
    for what in (".", "./", "../photos", str(photos)):
        plan = plans.make_plan({"what": what}, {}, None, False)
        assert plan.recipe.source == str(photos) and plan.name == "photos"
    old = {"recipe": RECIPE | {"source": "more"}}
    assert plans.make_plan(old, {}, None, False).recipe.source == str(photos / "more")


@pytest.mark.parametrize("name", ["digits", "ring", "stacked_mnist"])
def test_named_sets_stay_as_they_are(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    assert kerasgan.datasets.absolute_source(name) == name
    assert kerasgan.datasets.absolute_source(f"./{name}") == str(tmp_path / name)
    for other in ("mnist", "imagenet_resized/32x32", "nowhere/at/all", "", None):
        assert kerasgan.datasets.absolute_source(other) == other


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    assert kerasgan.datasets.absolute_source("~/photos") == str(tmp_path / "photos")


def test_links_stay_links(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(photos)
    assert kerasgan.datasets.absolute_source("link") == str(tmp_path / "link")


def test_training_within_the_folder_of_photos(photos, monkeypatch):
    """At the first run, at the second, from the samples of `kerasgan sample`, and when a run is resumed elsewhere."""
    from kerasgan.runs import training

    monkeypatch.chdir(photos)
    changes = {"epochs": 1, "network": "mlp", "network_options": {"width": 2, "depth": 1}, "latent_dim": 2}
    changes |= {"image_size": 8, "batch_size": 2, "augment": None, "steps_per_execution": 1, "flip": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = plans.make_plan({"what": "."}, changes, 0, False, "off")
        runs = [training.train(plan, "tensorboard_logs") for _ in range(2)]
        facts = [json.loads((photos / run / "settings.json").read_text()) for run in runs]
        assert [each["dataset"]["num_images"] for each in facts] == [3, 3]
        assert facts[0]["dataset"] == facts[1]["dataset"] and facts[1]["recipe"]["source"] == str(photos)
        sample_grid(photos / "samples.png")
        again = photos / runs[1]
        monkeypatch.chdir("/")
        shutil.rmtree(again / "saved_model", ignore_errors=True)
        (again / "samples.png").unlink()  # as if it had been killed before its last file
        training.resume(again)
    assert (again / "samples.png").is_file()
