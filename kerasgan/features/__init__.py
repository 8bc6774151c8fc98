"""Feature extractors for the metrics: from images to features, all with one interface, and `get` by name."""

from typing import Any

from kerasgan.validation import errors

from .classifier import classifier as classifier
from .extractor import Extractor as Extractor
from .extractor import Features as Features
from .extractor import model as model
from .extractor import pixels as pixels
from .inception import inception as inception

NAMES = ("classifier", "inception", "pixels")


def get(extractor: Any, source: Any = None, **options: Any) -> Extractor:
    """Returns an extractor by name.

    Args:
        extractor: `"classifier"`, `"inception"` or `"pixels"`; an `Extractor`, which passes unchanged; or a Keras model
            or function, as for `model`.
        source: the labeled data set that a classifier is trained on, as `kerasgan.datasets.load` takes it.
        options: options of that function, such as the classifier's `seed`.

    Raises:
        ValueError: for an unknown name, or `"classifier"` without a source.

    Example:

    ```python
    import numpy as np
    from kerasgan import features

    features.get("pixels")(np.zeros((5, 8, 8, 1), "float32")).features.shape  # (5, 64)
    ```
    """
    if isinstance(extractor, Extractor):
        return extractor
    if not isinstance(extractor, str):
        return model(extractor, **options)
    if extractor not in NAMES:
        raise errors.unknown_name("feature extractor", extractor, NAMES)
    if extractor == "pixels":
        return pixels(**options)
    if extractor == "inception":
        return inception(**options)
    if source is None:
        raise ValueError(
            "A classifier needs the data set whose labels it learns. Received: source=None. "
            "Use features.classifier('mnist'), for example."
        )
    return classifier(source, **options)
