"""Train on generated, test on real: what a classifier learns from samples, compared with as many real images."""

import dataclasses
import sys
from typing import Any

from kerasgan import evaluation
from kerasgan.features.classifier import accuracy_after_training
from kerasgan.gan import GAN
from kerasgan.runs import data, recipes

NAME = "classification_accuracy"
"""The key of its figures in a run's evaluation."""


@dataclasses.dataclass(frozen=True)
class Classification:
    """Accuracies on real test images.

    Attributes:
        generated: of a classifier trained on samples.
        real: of one trained on real images of the same number and classes.
        images: the number of training images of each.
        test_images: the number of real test images.
        held_out: whether the GAN was not trained on the test images.
    """

    generated: float
    real: float
    images: int
    test_images: int
    held_out: bool


def check(recipe: recipes.Recipe) -> None:
    """Checks that a run's samples have labels that a classifier can learn.

    Raises:
        ValueError: if the run was trained without labels.
    """
    if recipe.translates or recipe.conditions is not None:
        raise ValueError(
            "A classifier is trained on samples of classes. Received: --classifier for a run with another condition. "
            "Leave it out: kerasgan evaluate has the error of its samples."
        )
    if not recipe.conditional:
        raise ValueError(
            "A classifier is trained on samples with labels. Received: --classifier for a run that was trained "
            "without. Leave it out, or train with labels: kerasgan train DATA --conditional"
        )


def classify(recipe: recipes.Recipe, gan: GAN, n: int, seed: int) -> Classification:
    """Trains one classifier on samples and one on real images, and tests both on other real images.

    The samples are drawn with the labels of the real images. Both classifiers have the network and the training of
    `kerasgan.features.classifier`, with the same seed. Where the run has no held-out images, the last tenth of the data
    is for the test, and the generator has seen it.

    Args:
        recipe: the recipe of the run.
        gan: its model.
        n: number of training images, or all real ones where there are fewer.
        seed: whole number, of the latents, the choice of images and the classifiers.

    Reference: Ravuri and Vinyals, 2019, arXiv:1905.10887.
    """
    split, test_split = recipes.splits(recipe)
    held_out = test_split is not None
    split, test_split = (split, test_split) if held_out else ("train[:90%]", "train[90%:]")
    images, labels, _ = data.load_arrays(recipe, n, split, seed)
    test, test_labels, _ = data.load_arrays(recipe, n, test_split, seed)
    samples = gan.generate(seed=seed, labels=labels)
    accuracies = []
    for kind, training in (("samples", samples), ("real images", images)):
        print(f"evaluating: a classifier trained on {len(training):,} {kind}", file=sys.stderr, flush=True)
        accuracies.append(accuracy_after_training(training, labels, test, test_labels, seed))
    return Classification(*accuracies, len(images), len(test), held_out)


def table(found: Classification) -> str:
    """Returns the accuracies as a Markdown table, with a remark where the test images are not held out."""
    rows = [
        (f"classifier, tested on {found.test_images:,} real images", "accuracy"),
        (f"trained on {found.images:,} samples", f"{100 * found.generated:.1f} %"),
        (f"trained on {found.images:,} real images", f"{100 * found.real:.1f} %"),
    ]
    remark = "" if found.held_out else "\n\nThe run was trained on the test images, too: it has no held-out ones."
    return evaluation.layout(rows) + remark


def figures(found: Classification) -> dict[str, Any]:
    """Returns the accuracies for a run's evaluation, a dict that JSON can hold."""
    return {NAME: dataclasses.asdict(found)}
