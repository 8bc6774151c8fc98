"""The range and the unit of the data are settings of a run, and samples come back in them."""

import json

import numpy as np
import pytest
from PIL import Image

import kerasgan
import kerasgan_cli
from kerasgan import callbacks, datasets, pictures
from kerasgan.datasets import ValueScale
from kerasgan.runs import data, kinds, overrides, recipes, samples, sizes

RANDOM = np.random.default_rng(0)
SHAPES = {"images": (12, 8, 12, 4), "signals": (12, 64, 2), "volumes": (12, 8, 8, 8, 1)}


def recipe_of(tmp_path, kind, values, *settings):
    np.save(tmp_path / "data.npy", values)
    changes = {"source": str(tmp_path / "data.npy"), "batch_size": 4, "held_out": 0, "flip": False, "image_size": None}
    base = recipes.get(kinds.RECIPES[kind])
    return overrides.change(base, changes | overrides.assignments(settings))


@pytest.mark.parametrize("kind", SHAPES)
def test_the_range_and_the_unit_reach_the_data(tmp_path, kind):
    values = RANDOM.uniform(200, 300, SHAPES[kind])
    recipe = recipe_of(tmp_path, kind, values, "value_range=[200,320]", "unit=K")
    batches, info = data.load(recipe, "train", 0)
    assert info.value_scale == ValueScale("float64", 200, 320, "K")
    found, _, other = data.load_arrays(recipe, None, "train")
    np.testing.assert_allclose(found, (values - 260) / 60, atol=1e-6)
    assert other.value_scale == info.value_scale and np.asarray(next(iter(batches))).max() < 1


def test_a_classifier_sees_the_values_as_the_run_does(tmp_path):
    recipe = recipe_of(tmp_path, "images", RANDOM.uniform(200, 300, SHAPES["images"]), "value_range=[200,320]")
    images, labels = data.labeled(recipe)
    np.testing.assert_array_equal(images, data.load_arrays(recipe, None, "train")[0])
    assert labels is None
    assert data.labeled(overrides.change(recipe, {"value_range": None})) == recipe.source


def test_a_range_that_no_float_holds_is_refused():
    with pytest.raises(ValueError, match="must be two numbers"):
        overrides.change(recipes.get("photos"), {"value_range": (0, 10**400)})


def test_settings_are_read_back_from_a_run():
    for value in ((0, 4095), (-1.5, 2.0), None):
        recipe = overrides.change(recipes.get("signal"), {"source": "x", "value_range": value, "unit": "mV"})
        kept = json.loads(json.dumps(vars(recipe)))
        assert overrides.from_settings(kept) == recipe


@pytest.mark.parametrize(
    "value", ["[3]", "[5,1]", "[1,1]", "[0,nan]", "[0,inf]", "all", "3", '["a","b"]', "[true,2]", "data"]
)
def test_other_ranges_are_refused(value):
    with pytest.raises(ValueError, match=r"value_range.* must be .*two numbers.* Received: value_range="):
        overrides.change(recipes.get("photos"), overrides.assignments([f"value_range={value}"]))


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("sound", ["unit=Pa"], "not for sounds"),
        ("photos", ["condition_from=gray", "value_range=[0,9]"], "not for translations"),
        ("sound", ["value_range=[-1,1]"], "not for sounds"),
        ("signal", ["bands=[0]"], "not for signals"),
    ],
)
def test_where_they_mean_nothing_they_are_refused(recipe, settings, message):
    recipe = overrides.change(recipes.get(recipe), {"source": "x"} | overrides.assignments(settings))
    with pytest.raises(ValueError, match=f"{message}.*Received: "):
        data.load(recipe, "train", 0)


def test_bands_are_channels_that_pictures_show(tmp_path):
    images = RANDOM.uniform(-1, 1, (4, 8, 8, 5)).astype("float32")
    np.testing.assert_array_equal(pictures.bands_of(images, (3, 1, 0)), images[..., [3, 1, 0]])
    assert pictures.bands_of(images, None) is images
    grid = callbacks.ImageGrid(tmp_path, n=4, real=images, bands=(4,))
    np.testing.assert_array_equal(grid.real, images[..., 4:])
    (tmp_path / "settings.json").write_text(json.dumps({"recipe": {"bands": [4, 2, 0]}}))
    samples.write(tmp_path, None, images, tmp_path / "out.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), pictures.tile(images[..., [4, 2, 0]]))
    samples.write(tmp_path, None, images, tmp_path / "out.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), images)  # values have all channels


def test_the_grid_of_a_training_shows_the_bands(tmp_path):
    images = RANDOM.uniform(-1, 1, (8, 8, 8, 5)).astype("float32")
    gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 5), latent_dim=4, width=4), latent_dim=4)
    gan.compile()
    grid = callbacks.ImageGrid(tmp_path, n=4, bands=(4,))
    gan.fit(images, batch_size=4, epochs=1, callbacks=[grid], verbose=0)
    (file,) = (tmp_path / "images").glob("samples-*.png")
    expected = pictures.tile(gan.generate(4, seed=0)[..., 4:], columns=2)
    np.testing.assert_array_equal(np.asarray(Image.open(file)), expected[..., 0])


@pytest.mark.parametrize("bands", [[0, 1], [5], [-1, 0, 1], [0.5], ["a"], [], [True]])
def test_other_bands_are_refused_before_training(tmp_path, bands):
    recipe = recipe_of(tmp_path, "images", RANDOM.uniform(-1, 1, SHAPES["images"]).astype("float32"))
    recipe = overrides.change(recipe, {"bands": bands})
    with pytest.raises(ValueError, match=r"bands are one or three channels of the images, from 0 to 3\. Received"):
        sizes.check_bands(recipe, data.load(recipe, "train", 0)[1])


@pytest.mark.slow
def test_samples_of_a_run_come_back_in_the_unit(tmp_path):
    np.save(tmp_path / "scan.npy", RANDOM.uniform(-1000, 3000, (8, 8, 12, 2)).astype("float32"))
    fast = ["--epochs", "1", "--set", "passes_per_epoch=1", "network_options.width=2", "held_out=0", "image_size=none"]
    fast += ["value_range=[-1000,3000]", "unit=HU", "--batch-size", "4", "--log-dir", str(tmp_path / "logs")]
    assert kerasgan_cli.main(["train", str(tmp_path / "scan.npy"), *fast]) == 0
    (run,) = (tmp_path / "logs").iterdir()
    assert samples.scale_of(run) == ValueScale("float32", -1000, 3000, "HU")
    assert kerasgan_cli.main(["sample", str(run), "--n", "3", "--out", str(tmp_path / "out.npy")]) == 0
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.float32 and 10 < np.abs(found).max() <= 3000
    assert datasets.load_arrays(found, value_range=(-1000, 3000))[0].shape == (3, 8, 12, 2)


def test_the_penalty_of_signals_is_for_unit_variance(tmp_path):
    """Signals of a tenth of the amplitude have gradients that are ten times as large."""
    waves = np.sin(RANDOM.uniform(0, 6, (12, 1, 2)) + np.arange(64)[:, None] / 5)
    gammas = []
    for share in (1.0, 0.1):
        recipe = recipe_of(tmp_path, "signals", share * waves, "value_range=[-1,1]", "network_options.width=2")
        gan = recipes.build(recipe, data.load(recipe, "train", 0)[1], 0)
        gammas.append(gan.penalties[0].gamma)
    assert gammas[0] == pytest.approx(0.1 * waves.std() ** 2, rel=1e-4)
    assert gammas[1] == pytest.approx(0.01 * gammas[0], rel=1e-4)
