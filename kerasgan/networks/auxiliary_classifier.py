"""The layer by which a discriminator learns to tell the classes of real images."""

import math
from typing import Any

import keras
from keras import layers, ops

from kerasgan import keras_internals
from kerasgan.validation import scalars


@keras.saving.register_keras_serializable(package="kerasgan")
class AuxiliaryClassifier(layers.Layer):
    """Features as they are; in training it adds, for each image, the cross-entropy of a linear classifier on them.

    So the features of a conditional discriminator become such as tell the classes apart, and with these it judges
    whether an image is of its class. Training counts the cross-entropy of real images alone
    (`kerasgan.step.forward.mean_image_loss`), and the generator is not trained to please the classifier. In the AC-GAN
    the generator minimizes the cross-entropy as well, and prefers samples of which the classifier is sure to those that
    are as varied as the data (Gong et al., 2019, arXiv:1907.02690).

    The classifier starts from 0, and computes in float32. In inference the layer does nothing. A `GAN` logs
    what it adds to the discriminator's loss as `d_class_loss`, at first `weight * log(num_classes)`.

    Args:
        num_classes: number of classes, at least 2.
        weight: of the cross-entropy, positive.

    Shapes: features (batch, n) and labels, int32 (batch,) or (batch, 1), to the features.

    Raises:
        ValueError: for fewer classes, or a weight that is not a positive number.

    Reference: Odena et al., 2017 (AC-GAN), arXiv:1610.09585.
    """

    def __init__(self, num_classes: int, weight: float = 1.0, **options: Any):
        super().__init__(**({"dtype": "float32"} | options))
        if not is_weight(weight) or weight == 0:
            raise ValueError(f"weight must be a positive number. Received: weight={weight!r}. Use 1.0.")
        self.num_classes, self.weight = scalars.whole_number("num_classes", num_classes, 2), float(weight)

    def build(self, features_shape: tuple[int | None, ...], labels_shape: tuple[int | None, ...]) -> None:
        self.classifier_kernel = self.add_weight(
            (features_shape[-1], self.num_classes), initializer="zeros", name="kernel"
        )
        self.classifier_bias = self.add_weight((self.num_classes,), initializer="zeros", name="bias")

    def call(self, features: Any, labels: Any, training: bool = False) -> Any:
        if training:
            logits = ops.matmul(features, self.classifier_kernel) + self.classifier_bias
            labels = ops.reshape(labels, [-1])
            self.add_loss(self.weight * keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True))
        return features

    def compute_output_shape(
        self, features_shape: tuple[int | None, ...], labels_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return features_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_classes": self.num_classes, "weight": self.weight}


def is_in(discriminator: keras.Model) -> bool:
    """Returns whether a discriminator has such a layer: a GAN with it logs `d_class_loss`."""
    return any(isinstance(layer, AuxiliaryClassifier) for layer in keras_internals.all_layers(discriminator))


def is_weight(weight: Any) -> bool:
    """Returns whether something is a finite number of at least 0."""
    return isinstance(weight, int | float) and not isinstance(weight, bool) and 0 <= weight < math.inf
