"""Runs on a hub, with a local stand-in for the service: a folder for each repository."""

import inspect
import json
import pathlib
import shutil
import types

import keras
import numpy as np
import pytest
from test_look_inside import RECIPE, make, refused

import kerasgan_cli
from kerasgan import cli
from kerasgan.runs import hub, run_folder

ADDRESS = "hf://someone/digits"


class Service:
    """What of huggingface_hub is used, on a folder."""

    def __init__(self, folder):
        self.folder, self.private = folder, {}

    def module(self):
        service = self

        class HfApi:
            def __init__(self, library_name=None, library_version=None):
                pass

            def create_repo(self, repo_id, private=False, exist_ok=False):
                (service.folder / repo_id).mkdir(parents=True, exist_ok=exist_ok)
                service.private[repo_id] = private
                return f"https://hub.example/{repo_id}"

            def upload_folder(self, repo_id, folder_path, commit_message):
                shutil.copytree(folder_path, service.folder / repo_id, dirs_exist_ok=True)

        return types.SimpleNamespace(HfApi=HfApi, snapshot_download=self.snapshot_download)

    def snapshot_download(self, repo_id, library_name=None, library_version=None):
        if not (self.folder / repo_id).is_dir():
            raise RuntimeError(f"404: there is no {repo_id}\nmore")
        return str(self.folder / repo_id)


@pytest.fixture
def service(tmp_path, monkeypatch):
    found = Service(tmp_path / "service")
    monkeypatch.setattr(hub, "_hub", found.module)
    monkeypatch.setattr("keras.src.saving.saving_lib.huggingface_hub", found.module())
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on photos, whose settings name a folder of this machine."""
    run = make(tmp_path_factory.mktemp("logs"))
    recipe = RECIPE | {"source": "/home/someone/secret/my photos"}
    dataset = {"name": "my photos", "num_images": 1234, "image_shape": [8, 8, 1], "skipped": ["private.png"]}
    run_folder.write_settings(run, {"recipe": recipe, "seed": 7, "dataset": dataset})
    (run / run_folder.EVALUATION).write_text(
        json.dumps({"run": str(run), "fid": 12.5, "generated": 10, "extractor": "x"})
    )
    return run


def test_a_run_is_pushed_and_loaded_by_keras_and_by_the_commands(service, run, tmp_path, capsys):
    assert kerasgan_cli.main(["push", str(run), ADDRESS, "--private"]) == 0
    assert "kerasgan sample hf://someone/digits" in capsys.readouterr().out and service.private == {
        "someone/digits": True
    }
    pushed, gan = keras.saving.load_model(ADDRESS), keras.models.load_model(run / run_folder.MODEL)
    expected = gan.generate(5, seed=0, labels=3)
    assert np.array_equal(pushed.generate(5, seed=0, labels=3), expected)
    assert pushed.d_optimizer.learning_rate == gan.d_optimizer.learning_rate
    for name in ("a.png", "b.png"):
        source = ADDRESS if name == "a.png" else str(run)
        assert kerasgan_cli.main(["sample", source, "--seed", "0", "--n", "4", "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_names_a_path_of_this_machine(service, run, tmp_path):
    hub.push(run, ADDRESS)
    for path in (service.folder / "someone" / "digits").rglob("*"):
        if path.suffix in (".json", ".md", ".csv"):
            text = path.read_text()
            assert "secret" not in text and "private.png" not in text and str(tmp_path.parent) not in text, path


def test_the_card_has_pictures_use_recipe_and_figures(service, run):
    hub.push(run, ADDRESS)
    folder = service.folder / "someone" / "digits"
    card = (folder / hub.CARD).read_text()
    assert card.startswith("---\nlibrary_name: keras\n") and "![Samples](samples.png)" in card
    assert "1,234 images of 8x8 pixels from `my photos`" in card
    assert f'keras.saving.load_model("{ADDRESS}").generate(16, seed=0, labels=3)' in card
    assert f"kerasgan sample {ADDRESS}" in card
    assert "| network" in card and "| FID" in card and "12.5" in card and "| seed" in card
    assert (folder / run_folder.SAMPLES).read_bytes() == (run / run_folder.SAMPLES).read_bytes()


@pytest.mark.parametrize("address", ["someone/digits", "hf://digits", "hf://a/b/c", "hf://a/../b", "hf://"])
def test_addresses_that_are_none_are_refused(service, run, capsys, address):
    assert "hf://USER/NAME" in refused(capsys, "push", run, address)


def test_what_the_service_refuses_is_one_line(service, capsys):
    said = refused(capsys, "sample", "hf://someone/else")
    assert "404: there is no someone/else" in said and "hf auth login" in said


def test_a_repository_without_a_run_is_refused(service, capsys):
    folder = service.folder / "someone" / "text"
    folder.mkdir(parents=True)
    (folder / "README.md").touch()
    assert "has no config.json" in refused(capsys, "sample", "hf://someone/text")


def test_a_missing_package_is_answered_with_the_line_that_installs_it(run, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    assert 'pip install "kerasgan[hub]"' in refused(capsys, "push", run, ADDRESS)


def test_the_real_client_takes_these_arguments():
    client = pytest.importorskip("huggingface_hub")
    inspect.signature(client.HfApi).bind(library_name="kerasgan")
    inspect.signature(client.HfApi.create_repo).bind(None, "a/b", private=True, exist_ok=True)
    inspect.signature(client.HfApi.upload_folder).bind(None, repo_id="a/b", folder_path="x", commit_message="y")
    inspect.signature(client.snapshot_download).bind(repo_id="a/b", library_name="kerasgan")
    assert pathlib.Path(inspect.getfile(client)).is_file()


def test_a_run_starts_from_one_on_a_hub(service, run, tmp_path, monkeypatch):
    assert kerasgan_cli.main(["push", str(run), ADDRESS]) == 0
    asked = []
    monkeypatch.setattr(cli.starts, "start_of", lambda found: asked.append(pathlib.Path(found)) or {})
    monkeypatch.setattr(cli.training, "train", lambda *args: None)
    assert kerasgan_cli.main(["train", "--from", ADDRESS, "--log-dir", str(tmp_path)]) == 0
    assert (asked[0] / run_folder.MODEL).is_file()
