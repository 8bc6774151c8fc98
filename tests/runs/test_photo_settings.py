"""The settings of a training on photos follow from the folder and the machine, where nobody has set them."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import kerasgan_cli
from kerasgan import datasets
from kerasgan.runs import photo_settings, plans, recipes, run_folder
from kerasgan.validation import memory

PHOTOS = recipes.get("photos")


def fitted(num_photos=10_000, given=(), **changes):
    return photo_settings.fitted(dataclasses.replace(PHOTOS, **changes), num_photos, given)


@pytest.mark.parametrize("size", [32, 64, 128])
def test_gamma_grows_with_the_pixels(size):
    assert fitted(image_size=size).gamma == pytest.approx(PHOTOS.gamma * (size / 32) ** 2)
    assert fitted(image_size=size, given={"gamma"}).gamma == PHOTOS.gamma


@pytest.mark.parametrize(("num_photos", "batch_size"), [(1, 1), (10, 5), (31, 15), (32, 16), (1_000, 16)])
def test_a_batch_of_a_translation_has_at_most_half_of_the_photos(num_photos, batch_size):
    recipe = dataclasses.replace(recipes.get("pix2pix"), condition_from="gray")
    assert recipe.batch_size == 16
    assert photo_settings.fitted(recipe, num_photos, ()).batch_size == batch_size
    assert photo_settings.fitted(recipe, num_photos, {"batch_size"}).batch_size == 16


@pytest.mark.parametrize("num_photos", [3, 100, 4_999, 5_000, 50_000, 2_000_000])
def test_a_training_is_of_half_a_million_images_in_epochs_that_are_worth_a_point(num_photos):
    recipe = fitted(num_photos)
    images = max(num_photos // recipe.batch_size, 1) * recipe.batch_size * recipe.passes_per_epoch
    assert images >= photo_settings.LEAST_IMAGES_AN_EPOCH
    assert recipe.epochs == 1 or recipe.epochs * images == pytest.approx(500_000, rel=0.2)
    assert (recipe.augment is not None) == (num_photos < 5_000)


def test_the_batch_shrinks_with_the_memory(monkeypatch):
    assert fitted(image_size=32).batch_size == PHOTOS.batch_size
    monkeypatch.setattr(memory, "total_bytes", lambda: 8 * 2**30)
    assert fitted(image_size=32).batch_size == PHOTOS.batch_size
    assert fitted(image_size=256).batch_size < PHOTOS.batch_size
    assert fitted(image_size=256, given={"batch_size"}).batch_size == PHOTOS.batch_size


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx512f avx512_bf16", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu avx512f avx512_bf16x", False),
        ("", False),
    ],
)
def test_precision_follows_the_processor(flags, expected, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nflags\t\t: {flags}\n")
    assert photo_settings.multiplies_bfloat16(str(tmp_path / "cpuinfo")) is expected
    assert photo_settings.multiplies_bfloat16(str(tmp_path / "missing")) is False


def test_what_is_said_of_the_network_is_what_has_an_effect():
    options = {"width": 16, "self_modulation": True, "auxiliary_classifier": 0.5}
    recipe = fitted(network_options=options)
    assert photo_settings.described(recipe, 10_000).startswith("resnext (width 16, self_modulation), batch 16")
    said = photo_settings.described(dataclasses.replace(recipe, conditional=True), 10_000)
    assert said.startswith("resnext (width 16, self_modulation, auxiliary_classifier 0.5), batch 16")


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        Image.fromarray(np.full((8, 8, 3), number, "uint8")).save(tmp_path / f"{number}.png")
    return tmp_path


def test_the_plan_of_a_folder_is_fitted_and_what_is_given_stays(folder):
    plan = plans.make_plan({"what": str(folder)}, {"image_size": 64}, None, False)
    assert plan.recipe == photo_settings.fitted(
        dataclasses.replace(PHOTOS, source=str(folder), image_size=64), round(0.9 * 12), {"image_size"}
    )
    plan = plans.make_plan({"what": str(folder)}, {"gamma": 7.0, "epochs": 3, "augment": None}, None, False)
    assert (plan.recipe.gamma, plan.recipe.epochs, plan.recipe.augment) == (7.0, 3, None)


@pytest.mark.parametrize("stacked", [True, False])
def test_arrays_are_counted_as_photos_are(tmp_path, stacked):
    images = np.zeros((1000, 8, 8, 3), "uint8")
    for number, part in enumerate(images.reshape(2, 500, 8, 8, 3) if stacked else images):
        (tmp_path / "arrays").mkdir(exist_ok=True)
        np.save(tmp_path / "arrays" / f"{number}.npy", part)
    np.savez(tmp_path / "all.npz", images=images)
    expected = fitted(900, image_size=8, given={"image_size"})
    for source in ("arrays", "all.npz"):
        recipe = plans.make_plan({"what": str(tmp_path / source)}, {"image_size": 8}, None, False).recipe
        assert recipe == dataclasses.replace(expected, source=str(tmp_path / source))
        assert recipes.splits(recipe) == ("train[:90%]", "train[90%:]")


def test_the_settings_of_a_run_are_not_fitted_again(folder):
    plan = plans.make_plan({"what": str(folder)}, {"image_size": 64}, None, False)
    again = plans.make_plan({"recipe": dataclasses.asdict(plan.recipe), "name": "x"}, {}, None, False)
    assert again.recipe == plan.recipe
    laid_over = {"what": str(folder), "recipe": {"base": "photos", "gamma": 3.0}}
    assert plans.make_plan(laid_over, {}, None, False).recipe.gamma == 3.0


@pytest.mark.parametrize("fast", [True, False])
def test_the_recipe_of_mnist_computes_as_the_processor_is_fastest(fast, monkeypatch):
    monkeypatch.setattr(photo_settings, "multiplies_bfloat16", lambda: fast)
    expected = "mixed_bfloat16" if fast else "float32"
    assert plans.make_plan({"what": "mnist"}, {}, None, False).recipe.precision == expected
    assert plans.make_plan({"what": "digits"}, {}, None, False).recipe.precision == "float32"
    for settings, changes in (({"what": "mnist"}, {"precision": "float32"}), ({"recipe": {"base": "mnist"}}, {})):
        assert plans.make_plan(settings, changes, None, False).recipe.precision == "float32"


@pytest.mark.parametrize(
    ("shape", "name", "image_size"),
    [
        ((28, 28, 1), "mnist", None),
        ((64, 64, 1), "mnist", None),
        ((28, 28, 3), "mnist", None),
        ((32, 32, 3), "photos", 32),
        ((64, 64, 3), "photos", 64),
        ((96, 96, 3), "photos", 64),
        ((48, 64, 3), "photos", 64),
        ((None, None, 3), "photos", 64),
    ],
)
def test_a_named_set_of_photos_has_their_recipe(shape, name, image_size, monkeypatch):
    monkeypatch.setattr(datasets, "facts_of_set", lambda source: (shape, 3_000))
    plan = plans.make_plan({"what": "some_set"}, {}, None, False)
    expected = dataclasses.replace(recipes.get(name), source="some_set", image_size=image_size)
    if name == "photos":
        expected = photo_settings.fitted(dataclasses.replace(expected, flip=False), 3_000, ())
        assert expected.augment == "diffaugment"
    else:
        expected = photo_settings.with_precision(expected)
    assert (plan.name, plan.recipe) == ("some_set", expected)


def test_the_recipe_of_a_named_set_is_the_same_by_its_name(monkeypatch):
    monkeypatch.setattr(datasets, "facts_of_set", lambda source: ((32, 32, 3), 50_000))
    plan = plans.make_plan({"what": "some_set", "recipe": {"base": "photos"}}, {}, None, False)
    assert plan.recipe == plans.make_plan({"what": "some_set"}, {}, None, False).recipe
    given = {"base": "photos", "image_size": 64, "flip": True}
    plan = plans.make_plan({"what": "some_set", "recipe": given}, {}, None, False)
    assert (plan.recipe.image_size, plan.recipe.flip) == (64, True)


def test_what_is_given_for_a_named_set_stays(monkeypatch):
    monkeypatch.setattr(datasets, "facts_of_set", lambda source: ((32, 32, 3), 50_000))
    plan = plans.make_plan({"what": "some_set"}, {"flip": True, "image_size": 64, "epochs": 2}, None, False)
    assert (plan.recipe.flip, plan.recipe.image_size, plan.recipe.epochs) == (True, 64, 2)
    assert plan.recipe.gamma == pytest.approx(4 * PHOTOS.gamma)


def test_a_set_of_tensorflow_datasets_is_trained_on_as_photos(tmp_path, monkeypatch, capsys):
    import tensorflow_datasets as tfds

    class SomeColors(tfds.core.GeneratorBasedBuilder):
        """Forty photos of one color each."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(32, 32, 3))})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": ((number, {"image": np.full((32, 32, 3), number, "uint8")}) for number in range(40))}

        def _generate_examples(self):
            raise AssertionError("the splits are given as they are")

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    small = ["--set", "network_options.width=8", "--set", "passes_per_epoch=1", "--epochs", "1", "--batch-size", "4"]
    command = ["train", "some_colors", *small, "--log-dir", str(tmp_path / "logs")]
    assert kerasgan_cli.main(command) == 0
    assert "resnext (width 8, self_modulation, norm pixel), batch 4, gamma 0.2" in capsys.readouterr().out
    settings = run_folder.read_settings(tmp_path / "logs" / "00001-some_colors")["recipe"]
    assert (settings["image_size"], settings["flip"], settings["augment"]) == (32, False, "diffaugment")
