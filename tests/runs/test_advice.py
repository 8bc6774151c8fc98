"""What is said before and during a run: plans that are too small, and what goes on in silence."""

import dataclasses
import io
import time

import pytest

from kerasgan import datasets
from kerasgan.runs import advice, progress, recipes


def info(num_images, shape):
    fields = {field.name: None for field in dataclasses.fields(datasets.DatasetInfo)}
    return datasets.DatasetInfo(**fields | {"num_images": num_images, "image_shape": shape})


def test_a_small_plan_of_photos():
    recipe = dataclasses.replace(recipes.get("photos"), epochs=50, batch_size=20)
    text = advice.small_plan(recipe, info(410, (64, 64, 3)))
    assert text.startswith(
        "50 epochs of 410 photos are 20,000 images: expect blobs. Take 200,000 or more: --epochs 500"
    )


def test_one_epoch_is_no_epochs():
    recipe = dataclasses.replace(recipes.get("photos"), epochs=1, batch_size=20)
    assert advice.small_plan(recipe, info(400, (64, 64, 3))).startswith("1 epoch of 400 photos are 400 images")


@pytest.mark.parametrize(
    ("recipe", "num_images", "shape"),
    [("photos", 5_000, (64, 64, 3)), ("mnist", 60_000, (28, 28, 1)), ("digits", 1_797, (8, 8, 1)), ("ring", 9, (2,))],
)
def test_usual_plans_say_nothing(recipe, num_images, shape):
    assert advice.small_plan(recipes.get(recipe), info(num_images, shape)) is None


def test_long_work_is_announced_and_short_work_is_not(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with progress.saying("loading", every_seconds=60):
        pass
    assert written.getvalue() == ""
    with progress.saying("loading", every_seconds=0.01):
        deadline = time.monotonic() + 10
        while written.getvalue().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.005)
    assert written.getvalue().startswith("Still loading: 0 s\n")
    said = written.getvalue()
    time.sleep(0.05)
    assert written.getvalue() == said
