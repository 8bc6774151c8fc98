"""How many images a metric needs before its value says something."""

WIDTHS = {"fid": 4, "fid_infinity": 4}
COUNTS = {"kid": 1000, "precision": 256, "recall": 256, "density": 256, "coverage": 256}
"""The fewest images of each set: as a multiple of the number of features, or as a number."""


def too_few(metric: str, n: int, width: int) -> str | None:
    """Returns what is wrong with a metric's value from few images, or None where there are enough.

    The limits are the numbers of images from which a metric sees, in nine of ten draws, that one of ten classes is
    missing, measured by `benchmarks/few_images.py`; those of precision and density, which such a loss does not change,
    are those of recall and coverage, which have the same radii.

    Args:
        metric: a name of `kerasgan.evaluation.METRICS`.
        n: number of images of the smaller set.
        width: number of features.

    Returns:
        A sentence, or None.

    Example:

    ```python
    from kerasgan import metrics

    metrics.too_few("fid", 50, width=128)  # "too few images: ..."
    ```
    """
    needed = max(COUNTS.get(metric, 0), WIDTHS.get(metric, 0) * width)
    if n >= needed:
        return None
    return f"too few images: {n:,}, where at least {needed:,} are needed to see that a tenth of the data is missing"
