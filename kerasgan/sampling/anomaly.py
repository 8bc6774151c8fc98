"""Anomaly scores: how far an image is from its nearest sample, and how often images of the data are as far."""

import dataclasses
from typing import Any

import numpy as np

from .inversion import Inversion, invert

DEFAULTS = {"steps": 0, "bank_size": 20_000}
"""The nearest of many samples, without a descent: searched for by gradients, anomalies have near samples, too."""


@dataclasses.dataclass(frozen=True)
class AnomalyScores:
    """How far n images are from what the generator has learned.

    Attributes:
        scores: float32 (n,), the distance of each image from its nearest sample; larger is more anomalous.
        p_values: float64 (n,), in (0, 1]: the share of reference images whose score is at least as large, the image
            itself counted with them. Images of the data are below 0.05 in at most 5 of 100 cases.
        inversion: the `Inversion` of the images; its `images` show what each was compared with.
        reference_scores: float32 (m,), the scores of the reference images, to be passed as `reference` next time.
    """

    scores: np.ndarray[Any, Any]
    p_values: np.ndarray[Any, Any]
    inversion: Inversion
    reference_scores: np.ndarray[Any, Any]


def anomaly_scores(gan: Any, images: Any, reference: Any, **options: Any) -> AnomalyScores:
    """Returns the anomaly scores of images: see `kerasgan.GAN.anomaly_scores`."""
    options = DEFAULTS | options
    reference = np.asarray(reference)
    if reference.ndim != 1:
        reference = invert(gan, reference, **options).distances
    found = invert(gan, images, **options)
    return AnomalyScores(found.distances, p_values(found.distances, reference), found, reference)


def p_values(scores: Any, reference: Any) -> np.ndarray:
    """Returns the share of reference scores that are at least as large, each score counted with them.

    If an image comes from the same distribution as the m reference images, the chance of a value of at most a is at
    most a, for every a and m: no assumption on the scores is needed.

    Args:
        scores: float (n,).
        reference: float (m,), the scores of held-out images of the data, m at least 1.

    Returns:
        float64 (n,): (1 + number of reference scores >= score) / (1 + m).

    Raises:
        ValueError: if there is no reference score, or one is not finite.

    Example:
        >>> p_values([0.5, 2.5, 9.0], [1.0, 2.0, 3.0]).tolist()
        [1.0, 0.5, 0.25]

    Reference: Bates et al., 2023, arXiv:2104.08279.
    """
    reference = np.sort(np.asarray(reference, "float64"))
    if reference.ndim != 1 or not len(reference) or not np.isfinite(reference).all():
        raise ValueError(
            "Scores are calibrated on finite scores of held-out images. Received: reference of shape "
            f"{reference.shape}. Pass hundreds of images of the data that were not trained on."
        )
    at_least = len(reference) - np.searchsorted(reference, np.asarray(scores, "float64"), side="left")
    return (1.0 + at_least) / (1.0 + len(reference))
