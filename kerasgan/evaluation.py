"""What samples are worth, in one call: images in, a row of figures out."""

import dataclasses
import functools

import numpy as np

from kerasgan import features, metrics
from kerasgan.validation import errors

METRICS = (
    "frechet",
    "kernel",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_divergence",
    "classifier_score",
)
"""What can be asked for; the last two need an extractor that classifies."""

_ROWS = {
    "frechet": ("Frechet distance", "lower is better; 0 for the same features"),
    "kernel": ("kernel distance (MMD^2)", "lower is better; 0 or a little below for the same distribution"),
    "precision": ("precision", "share of generated samples near real images"),
    "recall": ("recall", "share of real images near generated samples"),
    "density": ("density", "about 1 for the real distribution"),
    "coverage": ("coverage", "share of real images with a sample among their nearest"),
    "class_divergence": ("classes' Jensen-Shannon divergence", "0 for the same shares, at most log 2 = 0.693"),
    "classifier_score": ("classifier score", "higher is better; at most the number of classes"),
}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The figures of one comparison; None where one was not asked for, or the extractor does not classify.

    They are comparable only where `extractor`, `real`, `generated` and the settings are the same.

    Attributes:
        extractor: its name.
        real, generated: how many images of each kind.
        k: the neighbour that sets the radii of precision, recall, density and coverage; None for the papers' own.
        frechet: `kerasgan.metrics.frechet_distance`.
        kernel, kernel_spread: mean and standard deviation over subsets, `kerasgan.metrics.kernel_distance`.
        precision, recall: `kerasgan.metrics.precision_recall`.
        density, coverage: `kerasgan.metrics.density_coverage`.
        class_divergence: `kerasgan.metrics.class_divergence` between the shares of the classes that the classifier
            names, of real and of generated images.
        classifier_score, classifier_score_spread: `kerasgan.metrics.classifier_score` of the generated images.
    """

    extractor: str
    real: int
    generated: int
    k: int | None = None
    frechet: float | None = None
    kernel: float | None = None
    kernel_spread: float | None = None
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    class_divergence: float | None = None
    classifier_score: float | None = None
    classifier_score_spread: float | None = None


@dataclasses.dataclass(frozen=True)
class Real:
    """Real images as an extractor sees them, kept so that many evaluations look at them once.

    Args:
        extractor: a `kerasgan.features.Extractor`.
        features: what it gave for the real images, a `kerasgan.features.Features`.
    """

    extractor: features.Extractor
    features: features.Features

    @functools.cached_property
    def moments(self):
        """The mean and the covariance of the features."""
        return metrics.moments(self.features.features)


def see(real_images, extractor):
    """Returns real images, shape (n, ...) in [-1, 1], as `Real`; what is `Real` already passes unchanged.

    Args:
        extractor: as for `kerasgan.features.get`.
    """
    if isinstance(real_images, Real):
        return real_images
    extractor = features.get(extractor)
    return Real(extractor, extractor(real_images))


def evaluate(
    real_images, generated_images, extractor=None, wanted=METRICS, k=None, subsets=100, subset_size=1000, seed=0
):
    """Returns the `Evaluation` of generated images against real ones.

    Args:
        real_images: float (n, ...) in [-1, 1], best not those trained on; or what `see` made of them.
        generated_images: float (m, ...) in [-1, 1]; for comparable figures as many as the real ones.
        extractor: as for `kerasgan.features.get`; None where `real_images` is `Real`.
        wanted: names among `METRICS`; what the extractor cannot give stays None.
        k: which neighbour sets the radii; None for the papers' own: 3 for precision and recall, 5 for density and
            coverage.
        subsets, subset_size, seed: of the kernel distance. A subset holds no more than half of the smaller set: else
            all subsets are one, and the spread says nothing.

    Raises:
        ValueError: for an unknown metric, too few images, or values that are not finite.
    """
    for name in wanted:
        if name not in METRICS:
            raise errors.unknown_name("metric", name, METRICS)
    real = see(real_images, extractor)
    found = real.extractor(generated_images)
    results = _of_features(real, found.features, wanted, k, (subsets, subset_size, seed))
    if found.probabilities is not None:
        results |= _of_classes(real.features.probabilities, found.probabilities)
    results = {field: value for field, value in results.items() if field.removesuffix("_spread") in wanted}
    return Evaluation(real.extractor.name, len(real.features.features), len(found.features), k, **results)


def _of_features(real, generated, wanted, k, subsets):
    results, asked, near = {}, set(wanted), {} if k is None else {"k": k}
    pair = metrics.checks.features(real.features.features, generated)
    if "frechet" in asked:
        results["frechet"] = metrics.frechet_distance_of_moments(real.moments, metrics.moments(generated))
    if "kernel" in asked:
        results["kernel"], results["kernel_spread"] = _kernel(*pair, *subsets)
    if asked & {"precision", "recall"}:
        results["precision"], results["recall"] = metrics.precision_recall(*pair, **near)
    if asked & {"density", "coverage"}:
        results["density"], results["coverage"] = metrics.density_coverage(*pair, **near)
    return results


def _kernel(real, generated, subsets, subset_size, seed):
    half = min(len(real), len(generated)) // 2  # what is too small stays so, and is refused
    return metrics.kernel_distance(real, generated, subsets, min(subset_size, max(2, half)), seed)


def _of_classes(real, generated):
    counts = [np.bincount(each.argmax(axis=1), minlength=each.shape[1]) for each in (real, generated)]
    score, spread = metrics.classifier_score(generated, splits=min(10, len(generated)))
    return {
        "class_divergence": metrics.class_divergence(*counts),
        "classifier_score": score,
        "classifier_score_spread": spread,
    }


def table(evaluation):
    """Returns an `Evaluation` as a Markdown table, which reads as plain text too; what is None is left out."""
    title = f"{evaluation.generated:,} generated against {evaluation.real:,} real, {evaluation.extractor} features"
    rows = [(title, "", "")]
    for field, (label, remark) in _ROWS.items():
        value, spread = getattr(evaluation, field), getattr(evaluation, f"{field}_spread", None)
        if value is not None:
            rows.append((label, f"{value:.4g}" + (f" ± {spread:.2g}" if spread is not None else ""), remark))
    return layout(rows)


def layout(rows):
    """Returns rows of cells, the first of them the heads, as a Markdown table with straight columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows)
