"""The commands that look inside a run: the files that they write, and what they refuse."""

import csv
import importlib
import json

import keras
import numpy as np
import pytest
from PIL import Image

import kerasgan
import kerasgan_cli
from kerasgan import animations, datasets, pictures
from kerasgan.datasets import named_images
from kerasgan.runs import classification, compare, plans, run_folder

RECIPE = {"title": "", "source": "digits", "network": "mlp", "held_out": 0.1, "conditional": True}
FAST = ("--steps", "2")


def make(folder, conditional=True):
    run = run_folder.create(folder, "run")
    keras.utils.set_random_seed(0)
    classes = 10 if conditional else None
    networks = kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16, num_classes=classes)
    gan = kerasgan.GAN(*networks, latent_dim=4, num_classes=classes, seed=0)
    gan.compile()
    gan.save(run / run_folder.MODEL)
    pictures.save_png(run / run_folder.SAMPLES, pictures.tile(gan.generate(4, seed=0)))
    run_folder.write_settings(run, {"recipe": RECIPE | {"conditional": conditional}, "seed": 0})
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an untrained conditional model."""
    return make(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def gan(run):
    return keras.models.load_model(run / run_folder.MODEL)


def done(*arguments):
    assert kerasgan_cli.main([str(each) for each in arguments]) == 0


def refused(capsys, *arguments):
    try:
        code = kerasgan_cli.main([str(each) for each in arguments])
    except SystemExit as stopped:
        code = stopped.code
    printed = capsys.readouterr()
    assert code == 2 and "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


def test_no_folder_with_other_files_is_replaced(run, tmp_path, capsys):
    (tmp_path / "mine.png").write_bytes(b"a photo")
    said = refused(capsys, "invert", run, "digits", "--out", tmp_path, *FAST)
    assert f"Received: {tmp_path}, which holds mine.png" in said
    assert (tmp_path / "mine.png").read_bytes() == b"a photo"


def test_values_are_those_of_the_run_s_range(tmp_path):
    values = np.array([[0, 2047.5], [4095, 1000]], "uint16")[..., None]
    expected = values / np.float32(2047.5) - 1
    (tmp_path / "scans").mkdir()
    Image.fromarray(values[..., 0]).save(tmp_path / "scans" / "a.png")
    np.save(tmp_path / "scans.npy", values[None])
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "a.npy", values)
    for source in ("scans", "scans.npy", "scans/a.png", "arrays"):
        named = named_images.load_named(str(tmp_path / source), (2, 2, 1), value_range=(0, 4095))
        np.testing.assert_allclose(named.images[0], expected, atol=1e-6)
    whole = named_images.load_named(str(tmp_path / "scans.npy"), (2, 2, 1)).images[0]
    np.testing.assert_allclose(whole, values / np.float32(32767.5) - 1, atol=1e-6)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_the_parser_knows_every_choice():
    from kerasgan import features
    from kerasgan.sampling import latent_directions

    assert set(kerasgan_cli.look_inside.FEATURES) == set(features.NAMES)
    assert kerasgan_cli.look_inside.METHODS == latent_directions.METHODS


# invert and score


def test_invert_writes_pairs_latents_and_arrays(run, gan, tmp_path, capsys):
    done("invert", run, "digits", "--n", 7, "--out", tmp_path / "found", *FAST)
    images = datasets.load_arrays("digits")[0][:7]
    with np.load(tmp_path / "found" / "latents.npz") as arrays:
        found = {name: arrays[name] for name in arrays}
    assert np.array_equal(found["images"], images)
    assert found["samples"] == pytest.approx(gan.generate(latents=found["latents"], labels=found["labels"]), abs=1e-5)
    by_hand = np.sqrt(np.mean((found["samples"] - images) ** 2, axis=(1, 2, 3)))
    assert found["distances"] == pytest.approx(by_hand, rel=1e-4)
    header, *rows = rows_of(tmp_path / "found" / "latents.csv")
    assert header == ["name", "distance", "label", "z0", "z1", "z2", "z3"] and len(rows) == 7
    assert np.array([row[3:] for row in rows], float) == pytest.approx(found["latents"], rel=1e-4)
    pair = np.concatenate([images[0], found["samples"][0]], axis=1)
    picture = np.asarray(Image.open(tmp_path / "found" / "pairs.png"))
    factor = picture.shape[0] // (2 * (8 + 2) + 2)
    shown = picture[2 * factor : 10 * factor : factor, 2 * factor : 18 * factor : factor]
    assert np.array_equal(shown, pictures.to_uint8(pair)[..., 0])
    assert f"{found['distances'].mean():.3g}" in capsys.readouterr().out


def test_score_writes_the_most_anomalous_first(run, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), "uint8")
    np.savez(tmp_path / "asked.npz", images=np.concatenate([datasets_uint8(5), noise]))
    done("score", run, tmp_path / "asked.npz", "--csv", tmp_path / "s.csv", "--reference-n", 30, *FAST)
    header, *rows = rows_of(tmp_path / "s.csv")
    assert header == ["name", "score", "p_value", "label"] and len(rows) == 8
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True) and {row[0] for row in rows} == {str(number) for number in range(8)}
    ranks = np.array([float(row[2]) for row in rows]) * 31
    assert ranks == pytest.approx(ranks.round(), abs=1e-3) and list(ranks) == sorted(ranks)


def datasets_uint8(count):
    return pictures.to_uint8(datasets.load_arrays("digits")[0][:count])


def test_a_run_without_held_out_images_needs_some_named(tmp_path, run, capsys):
    settings = run_folder.read_settings(run)
    other = tmp_path / "other"
    other.mkdir()
    (other / run_folder.MODEL).write_bytes((run / run_folder.MODEL).read_bytes())
    run_folder.write_settings(other, settings | {"recipe": settings["recipe"] | {"held_out": 0.0}})
    said = refused(capsys, "score", other, "digits", "--n", 2, "--csv", tmp_path / "s.csv", *FAST)
    assert "--reference IMAGES" in said
    np.save(tmp_path / "held_out.npy", datasets_uint8(9))
    done(
        "score", other, "digits", "--n", 2, "--csv", tmp_path / "s.csv", "--reference", tmp_path / "held_out.npy", *FAST
    )


# Images with names


def test_photos_keep_their_names_and_those_that_cannot_be_read_are_left_out(tmp_path):
    for number, name in enumerate(("b.png", "a.png", "c.png")):
        Image.fromarray(np.full((8, 8), 100 * number, "uint8")).save(tmp_path / name)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="broken"):
        found = named_images.load_named(str(tmp_path), (8, 8, 1))
    assert found.names == ("a.png", "b.png", "c.png")
    assert found.images[:, 0, 0, 0] == pytest.approx(np.array([100, 0, 200]) / 127.5 - 1, abs=1e-6)
    one = named_images.load_named(str(tmp_path / "c.png"), (4, 4, 3))
    assert one.names == ("c.png",) and one.images.shape == (1, 4, 4, 3) and one.labels is None


@pytest.mark.parametrize(("name", "said"), [("broken.png", "fails with"), ("broken.npy", "file of NumPy's")])
def test_files_that_are_no_images_are_refused(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"no image")
    with pytest.raises(ValueError, match=said):
        named_images.load_named(str(tmp_path / name), (8, 8, 1))


def test_images_of_another_shape_are_refused(tmp_path):
    np.save(tmp_path / "large.npy", np.zeros((2, 9, 9, 1), "uint8"))
    with pytest.raises(ValueError, match="Resize them"):
        named_images.load_named(str(tmp_path / "large.npy"), (8, 8, 1))


# Directions and walks


def test_directions_are_rows_of_a_picture(run, gan, tmp_path):
    done("directions", run, "--out", tmp_path / "d.png", "--n", 20, "--frames", 5, "--label", 2)
    found = gan.directions(4)
    samples = kerasgan.sampling.direction_samples(gan, found, 5, label=2)
    picture = np.asarray(Image.open(tmp_path / "d.png"))
    assert np.abs(picture.astype(int) - pictures.tile(samples, columns=5)[..., 0]).max() <= 1


def test_a_walk_is_an_animation_that_repeats(run, tmp_path):
    done("walk", run, "--out", tmp_path / "w.gif", "--seconds", 1, "--fps", 8)
    with Image.open(tmp_path / "w.gif") as image:
        assert image.n_frames == 8 and image.info["loop"] == 0
        times = []
        for frame in range(8):
            image.seek(frame)
            times.append(image.info["duration"])
    assert sum(times) == 1000
    assert pictures.is_marked(tmp_path / "w.gif")


def test_a_video_has_its_frames(run, tmp_path):
    imageio = pytest.importorskip("imageio.v2")
    pytest.importorskip("imageio_ffmpeg")
    done("walk", run, "--out", tmp_path / "w.mp4", "--seconds", 1, "--fps", 5, "--direction", 1, "--label", 3)
    with imageio.get_reader(tmp_path / "w.mp4") as video:
        frames = np.stack([frame for frame in video])  # not list(): its length is not known
    assert len(frames) == 5 and frames.shape[1] % 2 == frames.shape[2] % 2 == 0


def test_an_odd_side_of_a_video_gets_a_line(tmp_path):
    imageio = pytest.importorskip("imageio.v2")
    pytest.importorskip("imageio_ffmpeg")
    animations.save(tmp_path / "a.mp4", np.full((3, 31, 33, 1), 200, "uint8"))
    with imageio.get_reader(tmp_path / "a.mp4") as video:
        assert next(iter(video)).shape == (32, 34, 3)


def test_a_missing_package_is_answered_with_the_line_that_installs_it(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(animations.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match='pip install "kerasgan\\[video\\]"'):
        animations.check(tmp_path / "w.mp4")
    animations.check(tmp_path / "w.gif")
    monkeypatch.undo()
    assert ".gif or an .mp4" in refused(capsys, "walk", run, "--out", tmp_path / "w.avi")


# Train on generated, test on real


def test_a_classifier_is_trained_on_samples_and_on_real_images(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.import_module("kerasgan.features.classifier"), "MIN_IMAGES", 6000)
    done("evaluate", run, "--n", 600, "--features", "pixels", "--seeds", 1, "--classifier")
    figures = json.loads((run / run_folder.EVALUATION).read_text())[classification.NAME]
    printed = capsys.readouterr().out
    assert figures["images"] == 600 and figures["test_images"] == 180 and figures["held_out"]
    assert figures["real"] > 0.8 > 0.5 > figures["generated"]  # the model is not trained
    assert "trained on 600 real images" in printed and f"{100 * figures['real']:.1f} %" in printed
    table = compare.compare([run])
    assert "classification_accuracy.generated" in table and f"{figures['real']:.4g}" in table


def test_samples_that_are_real_images_teach_as_much(monkeypatch):
    """A generator that returns the real images of the labels: both accuracies are the same."""
    monkeypatch.setattr(importlib.import_module("kerasgan.features.classifier"), "MIN_IMAGES", 2000)
    images, _, _ = datasets.load_arrays("digits", 400, split="train[:90%]", seed=1)

    class Perfect:
        def generate(self, seed, labels):
            return images

    recipe = plans.make_plan({"recipe": RECIPE}, {}, None, False).recipe
    found = classification.classify(recipe, Perfect(), 400, 1)
    assert found.generated == found.real > 0.5


def test_a_classifier_needs_labels(tmp_path, capsys):
    assert "--conditional" in refused(capsys, "evaluate", make(tmp_path, conditional=False), "--classifier")
