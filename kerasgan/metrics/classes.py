"""Metrics of the classes that a classifier assigns to the samples."""

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation import scalars


def class_divergence(real: ArrayLike, generated: ArrayLike) -> float:
    """Returns the Jensen-Shannon divergence between two distributions over classes.

    `JS = (KL(p || m) + KL(q || m)) / 2` with `m = (p + q) / 2`, in nats.

    Args:
        real: non-negative counts or shares of each class, shape (classes,).
        generated: the same of the generated samples.

    Returns:
        A float in [0, log 2]; 0 for equal shares.

    Raises:
        ValueError: if the two differ in shape, are negative, or add up to 0.

    Example:

    ```python
    from kerasgan import metrics

    metrics.class_divergence([50, 50], [90, 10])  # 0.10: the second class is rare among the samples
    ```

    Reference: Lin, 1991, "Divergence measures based on the Shannon entropy".
    """
    real, generated = (np.asarray(counts, "float64") for counts in (real, generated))
    if real.ndim != 1 or real.shape != generated.shape or not len(real) or min(real.min(), generated.min()) < 0:
        raise ValueError(
            "There must be one non-negative count for each class in both. Received: shapes "
            f"{real.shape} and {generated.shape}. Count with np.bincount(labels, minlength=num_classes)."
        )
    if not (real.sum() > 0 and generated.sum() > 0):
        raise ValueError(
            f"There must be samples in both. Received: counts that add up to {real.sum()} and {generated.sum()}. "
            "Count at least one sample of each."
        )
    p, q = real / real.sum(), generated / generated.sum()
    middle = (p + q) / 2
    return float((_divergence(p, middle) + _divergence(q, middle)) / 2)


def classifier_score(probabilities: ArrayLike, splits: int = 10) -> tuple[float, float]:
    """Returns the mean and the standard deviation over splits of exp(E KL(p(y | x) || p(y))).

    It is high where every sample clearly belongs to one class and all classes occur. With the original Inception
    network it is the Inception score. It does not use real images, and does not measure variety within a class.

    Args:
        probabilities: of a classifier, shape (n, classes), rows that add up to 1.
        splits: number of parts; the score is computed on each.

    Returns:
        Two floats: the mean, in [1, classes], and the standard deviation.

    Raises:
        ValueError: if the rows are not probabilities, or are fewer than the splits.

    Example:

    ```python
    import numpy as np
    from kerasgan import metrics

    metrics.classifier_score(np.tile(np.eye(4), (25, 1)))  # (4.0, 0.0): four classes, all of them certain
    ```

    Reference: Salimans et al., 2016, arXiv:1606.03498.
    """
    splits = scalars.whole_number("splits", splits, 1)
    p = np.asarray(probabilities, "float64")
    if p.ndim != 2 or len(p) < splits or p.min() < 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"There must be at least {splits} rows of probabilities that add up to 1. Received: shape {p.shape}. "
            "Apply softmax to logits first."
        )
    scores = [np.exp(np.mean(_divergence(part, part.mean(axis=0)))) for part in np.array_split(p, splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _divergence(p, q):
    """Returns KL(p || q) over the last axis, with 0 log 0 = 0."""
    return np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(q > 0, q, 1)), 0), axis=-1)
