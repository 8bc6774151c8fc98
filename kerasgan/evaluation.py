"""Sample quality in one call: real and generated images in, the values of all metrics out.

The names are the usual ones: FID for the Frechet distance between features, KID for the kernel distance, and so on. The
features are those of the extractor that is given, not of the original Inception network: the values compare runs with
each other, and are not comparable with published FIDs and KIDs.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kerasgan import features, metrics
from kerasgan.validation import errors

METRICS = ("fid", "kid", "precision", "recall", "density", "coverage", "js", "score")
"""Names of the metrics, here, in the callback `Evaluate` and (after `val_`) in the logs.

- `fid`: `kerasgan.metrics.frechet_distance`;
- `kid`: `kerasgan.metrics.kernel_distance`;
- `precision`, `recall`: `kerasgan.metrics.precision_recall`;
- `density`, `coverage`: `kerasgan.metrics.density_coverage`;
- `js`: `kerasgan.metrics.class_divergence`, needs an extractor that classifies;
- `score`: `kerasgan.metrics.classifier_score`, needs an extractor that classifies.
"""

_ROWS = {
    "fid": ("FID (Frechet distance)", "lower is better; 0 for the same features"),
    "kid": ("KID (kernel distance, MMD^2)", "lower is better; 0 or a little below for the same distribution"),
    "precision": ("precision", "share of generated samples near real images"),
    "recall": ("recall", "share of real images near generated samples"),
    "density": ("density", "about 1 for the real distribution"),
    "coverage": ("coverage", "share of real images with a sample among their nearest"),
    "js": ("Jensen-Shannon divergence of classes", "0 for the same shares, at most log 2 = 0.693"),
    "score": ("classifier score", "higher is better; at most the number of classes"),
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
        fid: Frechet distance.
        kid: kernel distance, mean over subsets.
        kid_spread: its standard deviation over subsets.
        precision: share of generated samples in the manifold of the real ones.
        recall: share of real samples in the manifold of the generated ones.
        density: mean number of real balls around a generated sample, over k.
        coverage: share of real balls with a generated sample in them.
        js: Jensen-Shannon divergence between the classes of real and of generated images, as classified.
        score: classifier score of the generated images, mean over splits.
        score_spread: its standard deviation over splits.
    """

    extractor: str
    real: int
    generated: int
    k: int | None = None
    fid: float | None = None
    kid: float | None = None
    kid_spread: float | None = None
    precision: float | None = None
    recall: float | None = None
    density: float | None = None
    coverage: float | None = None
    js: float | None = None
    score: float | None = None
    score_spread: float | None = None


@dataclasses.dataclass(frozen=True)
class Real:
    """Real images as features, computed once for many evaluations. Made by `extract_real`.

    Attributes:
        extractor: a `kerasgan.features.Extractor`.
        features: its `kerasgan.features.Features` of the real images.
    """

    extractor: features.Extractor
    features: features.Features

    @functools.cached_property
    def moments(self) -> metrics.frechet.Moments:
        """The mean and the covariance of the features."""
        return metrics.moments(self.features.features)


def extract_real(real_images: Any, extractor: Any = None) -> Real:
    """Returns the features of real images, to be computed once for many evaluations.

    Args:
        real_images: float (n, ...) in [-1, 1]; a `Real` passes unchanged.
        extractor: as for `kerasgan.features.get`; None where `real_images` is a `Real`.

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
    return Real(extractor, extractor(real_images))


def evaluate(
    real_images: Any,
    generated_images: Any,
    extractor: Any = None,
    metrics: str | Iterable[str] = METRICS,
    k: int | None = None,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Returns the `Evaluation` of generated images against real ones.

    Args:
        real_images: float (n, ...) in [-1, 1], best images that were not trained on; or a `Real` from `extract_real`.
        generated_images: float (m, ...) in [-1, 1]; for comparable values as many as the real ones.
        extractor: as for `kerasgan.features.get`; None where `real_images` is a `Real`.
        metrics: a name of `METRICS`, or several; those that the extractor cannot give stay None.
        k: number of the neighbor that sets the radii; None for the defaults of the papers: 3 for precision and recall,
            5 for density and coverage.
        subsets: number of subsets of the kernel distance.
        subset_size: samples in a subset, and no more than half of the smaller set: larger subsets would be alike, and
            their spread too small.
        seed: of the subsets.

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
    generated = real.extractor(generated_images)
    values = _of_features(real, generated.features, names, k, (subsets, subset_size, seed))
    if generated.probabilities is not None:
        values |= _of_classes(real.features.probabilities, generated.probabilities)
    values = {field: value for field, value in values.items() if field.removesuffix("_spread") in names}
    return Evaluation(real.extractor.name, len(real.features.features), len(generated.features), k, **values)


def _of_features(real, generated, names, k, subsets):
    """Returns the fields of an `Evaluation` that need features alone."""
    values, names, options = {}, set(names), {} if k is None else {"k": k}
    pair = metrics.checks.features(real.features.features, generated)
    if "fid" in names:
        values["fid"] = metrics.frechet_distance_of_moments(real.moments, metrics.moments(generated))
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


def _of_classes(real, generated):
    """Returns the fields of an `Evaluation` that need probabilities of classes."""
    counts = [np.bincount(each.argmax(axis=1), minlength=each.shape[1]) for each in (real, generated)]
    score, spread = metrics.classifier_score(generated, splits=min(10, len(generated)))
    return {"js": metrics.class_divergence(*counts), "score": score, "score_spread": spread}


def table(evaluation: Evaluation) -> str:
    """Returns an `Evaluation` as a Markdown table, which reads as plain text too, without the values that are None."""
    title = f"{evaluation.generated:,} generated against {evaluation.real:,} real, {evaluation.extractor} features"
    rows = [(title, "", "")]
    for field, (label, remark) in _ROWS.items():
        value, spread = getattr(evaluation, field), getattr(evaluation, f"{field}_spread", None)
        if value is not None:
            rows.append((label, f"{value:.4g}" + (f" ± {spread:.2g}" if spread is not None else ""), remark))
    return layout(rows)


def layout(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows of cells as a Markdown table with aligned columns. The first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows = [rows[0], tuple("-" * width for width in widths), *rows[1:]]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows)
