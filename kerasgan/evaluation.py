"""Sample quality in one call: real and generated images in, the values of all metrics out.

The names are the usual ones: FID for the Frechet distance between features, KID for the kernel distance, and so on. The
features are those of the extractor that is given, not of the original Inception network: the values compare runs with
each other, and are not comparable with published FIDs and KIDs.
"""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kerasgan import features, metrics
from kerasgan.validation import errors

METRICS = (
    "fid",
    "fid_infinity",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "js",
    "score",
    "copies",
    "l1",
)
"""Names of the metrics, here, in the callback `Evaluate` and (after `val_`) in the logs.

- `fid`: `kerasgan.metrics.frechet_distance`;
- `fid_infinity`: `kerasgan.metrics.frechet_distance_infinity`;
- `kid`: `kerasgan.metrics.kernel_distance`;
- `precision`, `recall`: `kerasgan.metrics.precision_recall`;
- `density`, `coverage`: `kerasgan.metrics.density_coverage`;
- `js`: `kerasgan.metrics.class_divergence`, needs an extractor that classifies;
- `score`: `kerasgan.metrics.classifier_score`, needs an extractor that classifies;
- `copies`: `kerasgan.metrics.copying`, needs the training images; in the logs its `excess`;
- `l1`: mean absolute difference between each translation and the true image of its pair, which it needs.
"""

ROWS = {
    "fid": ("FID (Frechet distance)", "lower is better; 0 for the same features"),
    "fid_infinity": (
        "FID of infinitely many samples",
        "lower is better; 0 for the same distribution, by extrapolation",
    ),
    "kid": ("KID (kernel distance, MMD^2)", "lower is better; 0 or a little below for the same distribution"),
    "precision": ("precision", "share of generated samples near real images"),
    "recall": ("recall", "share of real images near generated samples"),
    "density": ("density", "about 1 for the real distribution"),
    "coverage": ("coverage", "share of real images with a sample among their nearest"),
    "js": ("Jensen-Shannon divergence of classes", "0 for the same shares, at most log 2 = 0.693"),
    "score": ("classifier score", "higher is better; at most the number of classes"),
    "copies": ("copies of training images", "0 for none, 1 where every sample is nearest to a training image"),
    "l1": ("L1 to the true images", "mean absolute difference; lower is better, at most 2"),
}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The values of the metrics; None where one was not asked for, or the extractor does not classify.

    They are comparable only where `extractor`, `real`, `generated` and the settings are the same.

    Attributes:
        extractor: name of the feature extractor.
        real: number of real images.
        generated: number of generated images.
        k: number of the neighbor that sets the radii of precision, recall, density and coverage; None for the defaults
            of the papers, 3 for precision and recall, 5 for density and coverage.
        width: number of features; 0 where it is not known.
        fid: Frechet distance.
        fid_infinity: Frechet distance extrapolated to infinitely many samples.
        kid: kernel distance, mean over subsets.
        kid_spread: its standard deviation over subsets.
        precision: share of generated samples in the manifold of the real ones.
        recall: share of real samples in the manifold of the generated ones.
        density: mean number of real balls around a generated sample, over k.
        coverage: share of real balls with a generated sample in them.
        js: Jensen-Shannon divergence between the classes of real and of generated images, as classified.
        score: classifier score of the generated images, mean over splits.
        score_spread: its standard deviation over splits.
        copies: a `kerasgan.metrics.Copying`: whether samples are copies of training images.
        l1: mean absolute difference to the true images of the same pairs.
    """

    extractor: str
    real: int
    generated: int
    k: int | None = None
    width: int = 0
    fid: float | None = None
    fid_infinity: float | None = None
    kid: float | None = None
    kid_spread: float | None = None
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    js: float | None = None
    score: float | None = None
    score_spread: float | None = None
    copies: metrics.Copying | None = None
    l1: float | None = None

    def value(self, metric: str) -> float | None:
        """Returns the value of a metric as one number: of `copies` its excess."""
        found = getattr(self, metric)
        return found.excess if isinstance(found, metrics.Copying) else found

    @property
    def notes(self) -> dict[str, str]:
        """What must be said with the values: for each metric, why its value means little, where it does."""
        n, notes = min(self.real, self.generated), {}
        for metric in METRICS:
            note = metrics.too_few(metric, n, self.width) if self.width and self.value(metric) is not None else None
            if note is not None:
                notes[metric] = note
        if self.kid is not None and self.kid_spread is not None and self.kid < 2 * self.kid_spread:
            notes["kid"] = "less than twice its deviation: not to be distinguished from 0 with so few images"
        return notes


@dataclasses.dataclass(frozen=True)
class Real:
    """Real images as features, computed once for many evaluations. Made by `extract_real`.

    Attributes:
        extractor: a `kerasgan.features.Extractor`.
        features: its `kerasgan.features.Features` of the real images.
        labels: their classes, int (n,); None where they have none.
    """

    extractor: features.Extractor
    features: features.Features
    labels: np.ndarray[Any, Any] | None = None

    @functools.cached_property
    def moments(self) -> metrics.frechet.Moments:
        """The mean and the covariance of the features."""
        return metrics.moments(self.features.features)


def extract_real(real_images: Any, extractor: Any = None, labels: ArrayLike | None = None) -> Real:
    """Returns the features of real images, to be computed once for many evaluations.

    Args:
        real_images: float (n, ...) in [-1, 1]; a `Real` passes unchanged.
        extractor: as for `kerasgan.features.get`; None where `real_images` is a `Real`.
        labels: their classes, int (n,), with which a conditional GAN is evaluated; None where they have none.

    Raises:
        ValueError: if there is not one label for each image.

    Example:

    ```python
    import numpy as np
    from kerasgan import evaluation

    random = np.random.default_rng(0)
    real = evaluation.extract_real(random.uniform(-1, 1, (50, 4, 4, 1)), "pixels")
    for _ in range(2):
        samples = random.uniform(-1, 1, (50, 4, 4, 1))
        print(evaluation.evaluate(real, samples, metrics=["fid"]).fid)
    ```
    """
    if isinstance(real_images, Real):
        return real_images
    extractor = features.get(extractor)
    found = extractor(real_images)
    labels = None if labels is None else np.asarray(labels)
    if labels is not None and labels.shape != (len(found.features),):
        raise ValueError(
            f"There must be one label for each real image. Received: labels of shape {labels.shape} for "
            f"{len(found.features)} images. Pass labels as integers (n,)."
        )
    return Real(extractor, found, labels)


def evaluate(
    real_images: Any,
    generated_images: Any,
    extractor: Any = None,
    metrics: str | Iterable[str] = METRICS,
    k: int | None = None,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
    training_images: Any = None,
    truth: Any = None,
) -> Evaluation:
    """Returns the `Evaluation` of generated images against real ones.

    Args:
        real_images: float (n, ...) in [-1, 1], best images that were not trained on; or a `Real` from `extract_real`.
        generated_images: float (m, ...) in [-1, 1], or their `kerasgan.features.Features`; for comparable values as
            many as the real ones.
        extractor: as for `kerasgan.features.get`; None where `real_images` is a `Real`.
        metrics: a name of `METRICS`, or several; those that the extractor cannot give stay None.
        k: number of the neighbor that sets the radii; None for the defaults of the papers: 3 for precision and recall,
            5 for density and coverage.
        subsets: number of subsets of the kernel distance.
        subset_size: samples in a subset, and no more than half of the smaller set: larger subsets would be alike, and
            their spread too small.
        seed: of the subsets.
        training_images: float (l, ...) in [-1, 1], or a `Real` of the same extractor: the images that the generator was
            trained on, for `copies`; `real_images` must be held-out ones then. None leaves `copies` out.
        truth: float (m, ...) in [-1, 1]: for each generated image the real one of its pair, for `l1`; None leaves `l1`
            out.

    Raises:
        ValueError: for an unknown metric, too few images, or values that are not finite.

    Example:

    ```python
    import numpy as np
    from kerasgan import evaluation

    random = np.random.default_rng(0)
    real, samples = random.normal(size=(2, 200, 2))
    result = evaluation.evaluate(real, samples, "pixels", metrics=["fid", "precision", "recall"])
    print(evaluation.table(result))
    ```
    """
    names = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    for name in names:
        if name not in METRICS:
            raise errors.unknown_name("metric", name, METRICS)
    real = extract_real(real_images, extractor)
    generated = generated_images
    if not isinstance(generated, features.Features):
        generated = real.extractor(generated_images)
    values = _of_features(real, generated.features, names, k, (subsets, subset_size, seed))
    if generated.probabilities is not None:
        values |= _of_classes(real.features.probabilities, generated.probabilities)
    if "copies" in names and training_images is not None:
        training = extract_real(training_images, real.extractor)
        values["copies"] = _copying(generated.features, training, real, seed)
    if "l1" in names and truth is not None:
        values["l1"] = mean_difference(truth, generated_images)
    values = {field: value for field, value in values.items() if field.removesuffix("_spread") in names}
    n, width = real.features.features.shape
    return Evaluation(real.extractor.name, n, len(generated.features), k, width, **values)


def _of_features(real, generated, names, k, subsets):
    """Returns the fields of an `Evaluation` that need features alone."""
    values, names, options = {}, set(names), {} if k is None else {"k": k}
    pair = metrics.checks.features(real.features.features, generated)
    if "fid" in names:
        values["fid"] = metrics.frechet_distance_of_moments(real.moments, metrics.moments(generated))
    if "fid_infinity" in names and len(pair[0]) >= 8 <= len(pair[1]):
        values["fid_infinity"] = metrics.frechet_distance_infinity(*pair, seed=subsets[-1])
    if "kid" in names:
        values["kid"], values["kid_spread"] = _kernel_distance(*pair, *subsets)
    if names & {"precision", "recall"}:
        values["precision"], values["recall"] = metrics.precision_recall(*pair, **options)
    if names & {"density", "coverage"}:
        values["density"], values["coverage"] = metrics.density_coverage(*pair, **options)
    return values


def _kernel_distance(real, generated, subsets, subset_size, seed):
    half = min(len(real), len(generated)) // 2
    return metrics.kernel_distance(real, generated, subsets, min(subset_size, max(2, half)), seed)


def _copying(generated, training, real, seed):
    return metrics.copying(generated, training.features.features, real.features.features, seed)


def mean_difference(truth: ArrayLike, generated: ArrayLike) -> float:
    """Returns the mean absolute difference between generated images and the real ones of their pairs.

    Args:
        truth, generated: float (n, ...) in [-1, 1], in the same order.

    Raises:
        ValueError: if their shapes differ.
    """
    if np.shape(truth) != np.shape(generated):
        raise ValueError(
            "Each generated image has a true one of its shape. Received: generated images of shape "
            f"{np.shape(generated)}, truth of shape {np.shape(truth)}. Pass both as images, in the same order."
        )
    return float(np.mean(np.abs(np.asarray(truth, "float32") - np.asarray(generated, "float32")), dtype="float64"))


def _of_classes(real, generated):
    """Returns the fields of an `Evaluation` that need probabilities of classes."""
    counts = [np.bincount(each.argmax(axis=1), minlength=each.shape[1]) for each in (real, generated)]
    score, spread = metrics.classifier_score(generated, splits=min(10, len(generated)))
    return {"js": metrics.class_divergence(*counts), "score": score, "score_spread": spread}


def table(
    evaluation: Evaluation,
    floor: Evaluation | None = None,
    deviations: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Returns an `Evaluation` as a Markdown table, which reads as plain text too, without the values that are None.

    Args:
        evaluation: of generated images.
        floor: of other real images, as many as there are generated ones; None for no such column.
        deviations: columns of standard deviations, each with its heading: for each metric a number.
    """
    title = f"{evaluation.generated:,} generated against {evaluation.real:,} real, {evaluation.extractor} features"
    deviations = deviations or {}
    rows = [(title, "", *deviations, *(() if floor is None else ("real images",)), "")]
    notes = evaluation.notes
    for field, (label, remark) in ROWS.items():
        value = evaluation.value(field)
        if value is None:
            continue
        cells = [_cell(evaluation, field)]
        cells += [f"± {column[field]:.2g}" if field in column else "" for column in deviations.values()]
        cells += [] if floor is None else [_cell(floor, field)]
        rows.append((label + " (!)" * (field in notes), *cells, remark))
    remarks = [f"(!) {ROWS[field][0]}: {note}" for field, note in notes.items()]
    return "\n\n".join([layout(rows), *(["\n".join(remarks)] if remarks else [])])


def _cell(evaluation, field):
    value, spread = evaluation.value(field), getattr(evaluation, f"{field}_spread", None)
    if value is None:
        return ""
    return f"{value:.4g}" + (f" ± {spread:.2g}" if spread is not None else "")


def layout(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows of cells as a Markdown table with aligned columns. The first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows)
