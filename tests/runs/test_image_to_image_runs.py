"""Runs from image to image, and on labels and numbers, through all commands; and what is asked for on the way."""

import importlib
import json

import numpy as np
import pytest
import translators
from PIL import Image
from test_hub import ADDRESS, service  # noqa: F401 (a fixture)
from test_translate import command, finished, refused

import kerasgan
from kerasgan import conditions, networks
from kerasgan.runs import asked, hub, model_card, report, run_folder

RANDOM = np.random.default_rng(0)
SHORT = ("--epochs", 1, "--batch-size", 8, "--set", "passes_per_epoch=1", "--set", "network_options.width=2")
COLUMNS = {"labels": ("bright", "odd"), "numbers": ("mean", "number")}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two folders of 48 photos of 12x12 pixels, dark and bright ones, and tables of labels and of numbers of `a`."""
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(importlib.import_module("kerasgan.features.classifier"), "MIN_IMAGES", 500)
    rows = {kind: [",".join(("file", *names))] for kind, names in COLUMNS.items()}
    for name, low in (("a", 0), ("b", 100)):
        (tmp_path / name).mkdir()
        for number in range(48):
            pixels = RANDOM.integers(low, low + 80 + 70 * (number % 2), size=(12, 12, 3), dtype="uint8")
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
            if name == "a":
                rows["labels"].append(f"{number}.png,{int(pixels.mean() > 60)},{number % 2}")
                rows["numbers"].append(f"{number}.png,{pixels.mean():.2f},{-number}")
    for kind, lines in rows.items():
        (tmp_path / f"{kind}.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def done(capsys, *arguments):
    code, printed = command(capsys, *arguments)
    assert code == 0, printed.err
    return printed.out


def trained(capsys, folder, *arguments):
    done(capsys, "train", *arguments, *SHORT, "--log-dir", folder / "logs")
    return sorted((folder / "logs").iterdir())[-1]


def figures(run):
    return json.loads((run / run_folder.EVALUATION).read_text())


# Whole runs


@pytest.mark.slow
@pytest.mark.parametrize("kind", COLUMNS)
def test_labels_and_numbers_from_the_table_to_the_export(folder, capsys, kind):
    options = ("--image-size", 8, "--set", "network=mlp")
    run = trained(capsys, folder, folder / "a", "--conditions", folder / f"{kind}.csv", *options)
    first, second = COLUMNS[kind]
    files = []
    for text in (f"{second}=1,{first}=0", "0,1"):
        files.append(folder / f"{len(files)}.png")
        done(capsys, "sample", run, "--n", 4, "--seed", 0, "--condition", text, "--out", files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert "--condition VALUES" in refused(capsys, "sample", run, "--label", 1)
    table = done(capsys, "evaluate", run, "--seeds", 1, "--features", "pixels")
    found = figures(run)["attribute_error"]
    assert tuple(found["names"]) == COLUMNS[kind] and first in table and second in table
    assert found["mean"] == pytest.approx(np.mean(found["generated"])) and np.isfinite(found["mean_of_real"])
    done(capsys, "export", run, "--out", folder / "gan.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pairs", "domains"])
def test_translations_from_the_photos_to_the_hub(folder, capsys, kind, service):  # noqa: F811
    small = ("--set", "network_options.depth=1", "--set", "network_options.patch_depth=1")
    given = {
        "pairs": (folder / "a", "--condition-from", "gray", "--image-size", 8, *small),
        "domains": ("--domains", folder / "a", folder / "b", "--set", "network_options.blocks=0"),
    }[kind]
    run = trained(capsys, folder, *given, "--set", "held_out=0.15")
    assert "two halves of the real pairs" in refused(capsys, "evaluate", run, "--seeds", 1, "--features", "pixels")
    table = done(capsys, "evaluate", run, "--seeds", 1, "--features", "pixels", "--split", "train")
    if kind == "pairs":
        assert "L1 to the true images" in table and figures(run)["l1"] > 0
    else:
        assert "Translations to b" in table and "Translations to a" in table and figures(run)["domain_a"]["fid"] > 0
    again = ("train", "--from", run, "--epochs", 1, "--log-dir", folder / "logs")
    assert "are copied" in done(capsys, *again)
    runs = sorted((folder / "logs").iterdir())
    assert len(runs) == 2 and all(each.name in done(capsys, "compare", *runs) for each in runs)
    done(capsys, "export", run, "--out", folder / "gan.onnx")
    done(capsys, "push", run, ADDRESS)
    done(capsys, "translate", run, folder / "b", "--out", folder / "here")
    done(capsys, "translate", ADDRESS, folder / "b", "--out", folder / "there")
    names = sorted(path.name for path in (folder / "here").iterdir())
    assert len(names) == 48
    assert all((folder / "here" / each).read_bytes() == (folder / "there" / each).read_bytes() for each in names)


# What is asked for


def labelled(tmp_path, condition, names):
    run = tmp_path / "run"
    both = networks.mlp((8, 8, 1), 2, width=4, condition=condition)
    gan = kerasgan.GAN(*both, latent_dim=2, condition=condition)
    finished(run, gan, network="mlp", conditions="labels.csv")
    settings = json.loads((run / run_folder.SETTINGS).read_text())
    (run / run_folder.SETTINGS).write_text(json.dumps(settings | {"dataset": {"condition_names": names}}))
    return run, gan


def test_a_condition_is_asked_for_by_names_or_in_order(tmp_path, capsys):
    condition = conditions.Vector(2, mean=(40.0, -3.0), std=(10.0, 1.0))
    run, gan = labelled(tmp_path, condition, ["age", "angle"])
    for text in ("angle=-2.5, age=41", "41,-2.5"):
        assert asked.condition_of(run, gan, text).tolist() == [41.0, -2.5]
    for text in ("41", "age=41", "age=41,size=2", "age=41,2", "old,2", "age=1,age=2"):
        with pytest.raises(ValueError, match=r"one value for each column.*Use, for example, .*age=40,angle=-3"):
            asked.condition_of(run, gan, text)
    with pytest.raises(ValueError, match="finite"):
        asked.condition_of(run, gan, "nan,0")
    out = tmp_path / "found.npy"
    done(capsys, "sample", run, "--n", 3, "--seed", 0, "--condition", "41,-2.5", "--out", out)
    expected = gan.generate(3, seed=0, condition=np.array([41.0, -2.5]))
    np.testing.assert_allclose(np.load(out), expected, atol=1e-6)


def test_labels_are_zero_or_one_and_other_runs_have_none(tmp_path):
    run, gan = labelled(tmp_path, conditions.Labels(2), ["hat", "smile"])
    assert asked.condition_of(run, gan, "smile=1,hat=0").tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="as 0 or 1"):
        asked.condition_of(run, gan, "0,2")
    with pytest.raises(ValueError, match=r"--conditions draws by them.*Leave it out"):
        asked.condition_of(run, translators.pix2pix(), "1")


@pytest.mark.parametrize("values", [None, np.zeros((7, 2)), np.zeros((7, 8, 8, 1))], ids=["images", "labels", "pairs"])
def test_too_few_images_for_two_halves_are_said(monkeypatch, values):
    found = np.zeros((7, 8, 8, 1)), values, None
    monkeypatch.setattr(report.data, "load_arrays", lambda *given: found)
    recipe = kerasgan.runs.recipes.get("digits")
    kind = "pairs" if values is not None and values.ndim == 4 else "images"
    with pytest.raises(ValueError, match=rf"two halves of the real {kind}, of at least 4.*with 7\. .*held_out"):
        report.real_images(recipe, 100, "train[90%:]", 0)


# The hub


def test_no_path_of_this_machine_leaves_it():
    recipe = {"source": "/home/me/a", "domain_b": "/home/me/b", "targets": "/home/me/c", "conditions": "/home/me/d.csv"}
    found = hub._without_paths({"recipe": recipe, "from": {"run": "/home/me/logs/00001-a", "checksum": "12"}})
    assert "/home" not in json.dumps(found)
    assert found["recipe"]["domain_b"] == "b" and found["from"] == {"run": "00001-a", "checksum": "12"}


def test_the_card_of_a_translation_says_how_to_translate():
    card = model_card.card(ADDRESS, {"recipe": {"source": "a", "domain_b": "b"}}, {})
    assert "pipeline_tag: image-to-image" in card and f"kerasgan translate {ADDRESS} FOLDER" in card
    assert ".translate(inputs)" in card and "generate(" not in card
    plain = model_card.card(ADDRESS, {"recipe": {"source": "a"}}, {})
    assert "pipeline_tag: unconditional-image-generation" in plain and "generate(16, seed=0)" in plain
