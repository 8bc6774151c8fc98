"""The settings of a training on photos follow from the folder and the machine, where nobody has set them."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from kerasgan.runs import photo_settings, plans, recipes
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
