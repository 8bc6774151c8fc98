"""`kerasgan train DATA --from RUN`: the weights and settings of another run, recorded, checked and resumed."""

import json
import shutil

import keras
import numpy as np
import pytest

import kerasgan_cli
from kerasgan import callbacks, pictures
from kerasgan.resume import checkpoint_files
from kerasgan.runs import starts

RECIPE = {"title": "small", "source": None, "network": "dcgan", "network_options": {"width": 4}, "latent_dim": 3}
RECIPE |= {"image_size": 8, "batch_size": 4, "epochs": 1, "ema_half_life_images": 50.0, "augment": "ada"}
RECIPE |= {"passes_per_epoch": 1, "precision": "float32", "gamma": 0.1, "gamma_to": None}
SMALL = ("--batch-size", "4", "--epochs", "1", "--set", "passes_per_epoch=1")
"""Fields that would be fitted to the folder."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Returns folders of eight photos each."""
    folders = []
    for number in range(2):
        folder = tmp_path_factory.mktemp(f"photos{number}")
        pixels = np.random.default_rng(number).integers(0, 256, (8, 16, 16, 3), "uint8")
        for each, image in enumerate(pixels):
            pictures.save_png(folder / f"{each}.png", image, mark=False)
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def source(tmp_path_factory, photos):
    """Returns the folder of a run on the first of them."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "settings.json").write_text(json.dumps({"recipe": RECIPE, "name": "small"}))
    assert train(folder, photos[0], "--settings", folder / "settings.json") == 0
    return folder / "logs" / f"00001-{photos[0].name}"


def train(folder, *arguments):
    return kerasgan_cli.main(["train", *map(str, arguments), "--log-dir", str(folder / "logs")])


def first_weights(monkeypatch):
    """Returns a list that gets the weights with which each training begins."""
    found = []

    def keep(self, logs=None):
        gan = self.model
        parts = gan.generator, gan.averaged_generator, gan.discriminator
        found.append([part.get_weights() for part in parts])

    monkeypatch.setattr(callbacks.HistoryCSV, "on_train_begin", keep)
    return found


def equal(ones, others):
    return all(np.array_equal(one, other) for one, other in zip(ones, others, strict=True))


def test_a_run_starts_from_the_weights_and_settings_of_another(tmp_path, photos, source, monkeypatch, capsys):
    found = first_weights(monkeypatch)
    assert train(tmp_path, photos[1], "--from", source, "--set", "learning_rate=1e-3", *SMALL) == 0
    assert f"Starts from {source}: the weights of " in capsys.readouterr().out
    before = keras.models.load_model(source / "gan.keras")
    ((generator, average, discriminator),) = found
    assert equal(generator, before.averaged_generator.get_weights()) and equal(average, generator)
    assert equal(discriminator, before.discriminator.get_weights())
    (run,) = (tmp_path / "logs").glob("0*")
    settings = json.loads((run / "settings.json").read_text())
    assert settings["from"] == starts.start_of(source) and len(settings["from"]["checksum"]) == 64
    expected = RECIPE | {"source": str(photos[1]), "learning_rate": 1e-3, "augment": "diffaugment"}
    for name in ("gamma", "precision"):  # fitted to the folder and to the machine
        del expected[name]
    assert settings["recipe"].items() >= {**expected, "gamma_to": settings["recipe"]["gamma_to"]}.items()
    # Again from its settings, as it was; and not when the source has changed.
    assert train(tmp_path, "--settings", run) == 0 and equal(found[1][0], generator)
    shutil.copytree(source, tmp_path / "moved")
    (tmp_path / "moved" / "gan.keras").write_bytes(b"")
    settings["from"]["run"] = str(tmp_path / "moved")
    (tmp_path / "changed.json").write_text(json.dumps(settings))
    assert train(tmp_path, "--settings", tmp_path / "changed.json") == 2
    assert "starts from the weights that its settings record. Received: " in capsys.readouterr().err


@pytest.mark.slow
def test_a_start_that_is_killed_before_its_first_checkpoint_is_resumed_exactly(tmp_path, photos, source, monkeypatch):
    found = first_weights(monkeypatch)
    assert train(tmp_path / "whole", photos[1], "--from", source, "--deterministic", *SMALL) == 0

    def cut(self, *arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(callbacks.HistoryCSV, "on_epoch_begin", cut, raising=False)
        train(tmp_path, photos[1], "--from", source, "--deterministic", *SMALL)
    (run,) = (tmp_path / "logs").glob("0*")
    assert not checkpoint_files.files(run / "checkpoints")
    assert kerasgan_cli.main(["train", "--resume", str(run)]) == 0
    assert equal(found[0][0], found[-1][0]) and len(found) == 3
    (whole,) = (tmp_path / "whole" / "logs").glob("0*")
    one, other = (keras.models.load_model(each / "gan.keras").get_weights() for each in (whole, run))
    assert equal(one, other)


def test_a_dry_run_shows_the_start_and_half_of_the_width_at_twice_the_size(tmp_path, photos, source, capsys):
    assert train(tmp_path, photos[1], "--from", source, "--image-size", 16, "--dry-run", *SMALL) == 0
    printed = capsys.readouterr()
    settings = json.loads(printed.out)
    assert settings["from"] == starts.start_of(source)
    assert settings["recipe"]["image_size"] == 16 and settings["recipe"]["network_options"] == {"width": 2}
    assert "new layers next to the image" in printed.err and not list((tmp_path / "logs").glob("*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "network_options.width=8"], "Both generators must be of the same kind and width. Received: "),
        (["--image-size", "12"], "the same image size, or of half of it. Received: images of shape (12, 12, 3)"),
        (["--set", "latent_dim=4"], "Both GANs must have the same latents. Received: latent_dim=4"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_run_is_made(tmp_path, photos, source, arguments, message, capsys):
    assert train(tmp_path, photos[1], "--from", source, *SMALL, *arguments) == 2
    assert message in capsys.readouterr().err and not list((tmp_path / "logs").glob("*"))


def test_a_start_without_a_run_and_a_resumed_one_with_a_start_are_refused(tmp_path, photos, source, capsys):
    assert train(tmp_path, photos[1], "--from", tmp_path) == 2
    assert "RUN must be the folder of a finished run. Received: " in capsys.readouterr().err
    assert kerasgan_cli.main(["train", "--resume", str(source), "--from", str(source)]) == 2
    assert "Received: --resume with --from" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text(json.dumps({"recipe": RECIPE, "from": [1]}))
    assert train(tmp_path, photos[1], "--settings", tmp_path / "bad.json") == 2
    assert "The start in the settings must name a run and its checksum" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"image_size": 64}, {"image_size": 64, "network_options": {"width": 24}}),
        ({"image_size": 32}, {"image_size": 32}),
        ({"image_size": 64, "network_options": {"width": 8}}, {"image_size": 64, "network_options": {"width": 8}}),
        ({"epochs": 3}, {"epochs": 3}),
    ],
)
def test_twice_the_size_takes_half_of_the_width(changes, expected):
    settings = {"recipe": {"network": "dcgan", "image_size": 32, "network_options": {"width": 48}}}
    assert starts.fitting_networks(settings, changes) == expected
    resnext = {"recipe": settings["recipe"] | {"network": "resnext"}}
    assert starts.fitting_networks(resnext, changes) == changes  # its widths are counted from the smallest map
    del settings["recipe"]["network_options"]
    if expected.get("network_options") == {"width": 24}:  # the default is 64
        assert starts.fitting_networks(settings, changes)["network_options"] == {"width": 32}


@pytest.mark.parametrize(
    ("fields", "base"),
    [
        ({"condition_from": "gray"}, "pix2pix"),
        ({"targets": "b"}, "pix2pix"),
        ({"domain_b": "b"}, "cyclegan"),
        ({}, None),
    ],
)
def test_a_translation_takes_what_is_fitted_to_a_folder_from_its_own_recipe(tmp_path, fields, base):
    recipe = RECIPE | fields
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": recipe, "name": "small", "seed": 3}))
    (tmp_path / "gan.keras").write_bytes(b"")
    found = starts.settings_of(tmp_path, str(tmp_path))
    assert found["recipe"].get("base") == base and "epochs" not in found["recipe"] and found["seed"] == 3
    assert found["recipe"].get("gamma") == (RECIPE["gamma"] if base else None)  # that of photos grows with their size
    assert found["recipe"]["network_options"] == RECIPE["network_options"]


def test_a_unet_halves_as_often_as_in_the_source():
    settings = {"recipe": {"network": "pix2pix", "image_size": 32, "network_options": {"width": 8}}}
    changed = starts.fitting_networks(settings, {"image_size": 64})
    assert changed == {"image_size": 64, "network_options": {"depth": 3}}
    settings["recipe"]["network_options"]["depth"] = 5
    assert starts.fitting_networks(settings, {"image_size": 64})["network_options"] == {"depth": 5}
    given = {"image_size": 64, "network_options": {"depth": 4}}
    assert starts.fitting_networks(settings, given) == given


@pytest.mark.parametrize(
    ("kind", "data", "keeps"),
    [
        ("images", ".", False),
        ("images", "cifar10", False),
        ("images", "mnist", True),  # a recipe of its own
        ("images", None, True),
        ("sounds", ".", True),
    ],
)
def test_settings_are_fitted_to_sets_and_not_to_signals(kind, data, keeps, monkeypatch):
    monkeypatch.setattr(starts.run_folder, "find", lambda *args: None)
    monkeypatch.setattr(starts.run_folder, "read_settings", lambda run: {"recipe": RECIPE | {"kind": kind}})
    assert ("gamma" in starts.settings_of("run", data)["recipe"]) == keeps


@pytest.mark.parametrize(
    ("network", "before", "after", "width"),
    [("dcgan", 8, 16, 2), ("dcgan", 8, [16, 16], 2), ("dcgan", [8, 16], [16, 32], 2), ("resnext", 8, 16, None)],
)
def test_at_another_size_width_and_gamma_fit(network, before, after, width):
    settings = {"recipe": RECIPE | {"network": network, "image_size": before}}
    changes = starts.fitting_networks(settings, {"image_size": after})
    assert changes.get("network_options", {}).get("width") == width and changes["gamma"] == pytest.approx(0.4)
    given = starts.fitting_networks(settings, {"image_size": after, "gamma": 1.0, "network_options": {"width": 6}})
    assert given["gamma"] == 1.0 and given["network_options"] == {"width": 6}
