"""What a classifier sees in the samples."""

import numpy as np


def class_divergence(real, generated):
    """Returns the Jensen-Shannon divergence, in [0, log 2], between two distributions over classes.

    Args:
        real, generated: non-negative counts or shares of each class, shape (classes,).

    Raises:
        ValueError: if they are not of one shape, negative, or add up to nothing.
    """
    real, generated = (np.asarray(each, "float64") for each in (real, generated))
    if real.ndim != 1 or real.shape != generated.shape or min(real.min(), generated.min()) < 0:
        raise ValueError(
            "There must be one non-negative count for each class in both. Received: shapes "
            f"{real.shape} and {generated.shape}."
        )
    if not (real.sum() > 0 and generated.sum() > 0):
        raise ValueError("There must be samples in both. Received: counts that add up to 0.")
    p, q = real / real.sum(), generated / generated.sum()
    middle = (p + q) / 2
    return float((_divergence(p, middle) + _divergence(q, middle)) / 2)


def classifier_score(probabilities, splits=10):
    """Returns the mean and the standard deviation over splits of exp(E KL(p(y | x) || p(y))), in [1, classes].

    It is high where each sample is surely of one class and all classes are met. With the original Inception network it
    is the Inception score. It never looks at real images, and knows no variety within a class.

    Args:
        probabilities: a classifier's, shape (n, classes), rows that add up to 1.
        splits: parts of which each gets a score of its own.

    Raises:
        ValueError: if they are no probabilities, or fewer than the splits.

    Reference: Salimans et al., 2016, arXiv:1606.03498.
    """
    p = np.asarray(probabilities, "float64")
    if p.ndim != 2 or len(p) < splits or splits < 1 or p.min() < 0 or not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            f"There must be at least {splits} rows of probabilities that add up to 1. Received: shape {p.shape}. "
            "Apply softmax to logits first."
        )
    scores = [np.exp(np.mean(_divergence(part, part.mean(axis=0)))) for part in np.array_split(p, splits)]
    return float(np.mean(scores)), float(np.std(scores))


def _divergence(p, q):
    """KL(p || q) over the last axis, with 0 log 0 = 0."""
    return np.sum(np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(q > 0, q, 1)), 0), axis=-1)
