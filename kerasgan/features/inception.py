"""The usual network for photos."""

from typing import Any

import keras
from keras import ops

from .extractor import Extractor, inference

SIZE = (299, 299)
INCEPTION_CHANNELS = (1, 3)
"""Of the images that it takes."""


def inception(weights: str | None = "imagenet") -> Extractor:
    """Returns the pooled features of Keras's InceptionV3, width 2048, as an `Extractor`.

    Its figures are *not* those of the original FID network, which has other weights and other pooling: compare them
    with each other, never with published FIDs. For published FIDs write samples with `kerasgan evaluate RUN --samples`
    and pass them to torch-fidelity or clean-fid. Images of any size are resized to 299x299, bilinear, antialiased where
    they shrink; gray images become three equal channels.

    Args:
        weights: as for `keras.applications.InceptionV3`: `"imagenet"`, downloaded (88 MB) at first use and kept by
            Keras; the path of a weights file without the top; or None for random weights, for tests.

    Raises:
        ValueError: when it is applied to images of other than 1 or 3 channels.
        OSError: if the weights are not there and cannot be downloaded.

    Reference: Szegedy et al., 2015, arXiv:1512.00567; Heusel et al., 2017, arXiv:1706.08500.
    """
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float32")  # lower precision would change the features
        network = keras.applications.InceptionV3(include_top=False, weights=weights, pooling="avg")
    except Exception as error:  # Keras raises bare exceptions here
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise OSError(
            f"InceptionV3 needs its weights. Received: weights={weights!r}, which fails with: {reason}. Put the "
            "file into ~/.keras/models, or use other features: 'classifier' where images have labels, 'pixels' (as in "
            "`kerasgan evaluate RUN --features pixels`) to compare runs roughly, or a model."
        ) from None
    finally:
        keras.config.set_dtype_policy(policy)
    pooled = inference(network)

    def features(images: Any) -> Any:
        if images.shape[-1] not in INCEPTION_CHANNELS:
            raise ValueError(
                f"InceptionV3 takes images of 1 or 3 channels. Received: images of {images.shape[-1]}. Use "
                "'classifier' where they have labels, 'pixels', or a model of your own."
            )
        images = ops.image.resize(images, SIZE, interpolation="bilinear", antialias=True, data_format="channels_last")
        return pooled(ops.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images)

    settings = {"weights": weights, "keras": keras.__version__}
    return Extractor("inception (Keras)", features, batch_size=50, settings=settings)
