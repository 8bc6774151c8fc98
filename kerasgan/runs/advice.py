"""What a plan leads to, said before training."""

from kerasgan.datasets import DatasetInfo
from kerasgan.runs import photo_settings
from kerasgan.runs.recipes import Recipe

USUAL_IMAGES = {"photos": 200_000, "mnist": 100_000}
"""Images that a training takes at least until its samples begin to look like the data."""


def num_trained_images(recipe: Recipe, info: DatasetInfo) -> int:
    """Returns how many images a run is trained on, each as often as it is shown."""
    steps_per_pass = info.num_images // recipe.batch_size
    return recipe.epochs * recipe.passes_per_epoch * steps_per_pass * recipe.batch_size


def small_plan(recipe: Recipe, info: DatasetInfo) -> str | None:
    """Returns a warning where a plan is too short for good samples, with the epochs that it takes; otherwise None."""
    if recipe.translates or len(info.image_shape) != 3 or min(info.image_shape[:2]) <= 8:
        return None
    is_photo = photo_settings.are_photos(info.image_shape)
    usual, total = USUAL_IMAGES["photos" if is_photo else "mnist"], num_trained_images(recipe, info)
    if total >= usual / 2:
        return None
    epochs = -(-usual * recipe.epochs // max(total, 1))
    kind = "photos" if is_photo else "images"
    return (
        f"{recipe.epochs} epoch{'s' if recipe.epochs > 1 else ''} of {info.num_images:,} {kind} are {total:,} images: "
        f"expect blobs. Take {usual:,} or more: --epochs {epochs}, now or later with --resume."
    )
