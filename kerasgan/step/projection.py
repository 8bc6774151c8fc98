"""Spectral normalization after an update: the stored kernels are those that inference and exports use."""

import keras
from keras import ops

from kerasgan import keras_internals


def project_kernels(network: keras.Model) -> None:
    """Divides each kernel in a `keras.layers.SpectralNormalization` by its largest singular value, as training does.

    Keras does it at the beginning of a call in training alone. After an update that no such call follows the stored
    kernel would have the singular value that the update gave it. A kernel of zeros stays as it is.
    """
    for layer in keras_internals.all_layers(network):
        if isinstance(layer, keras.layers.SpectralNormalization):
            is_zero = ops.all(ops.equal(layer.kernel.value, 0))
            unchanged = (layer.vector_u.value, layer.kernel.value)
            vector, kernel = ops.cond(is_zero, lambda unchanged=unchanged: unchanged, layer.normalized_weights)
            layer.vector_u.assign(vector)
            layer.kernel.assign(kernel)
