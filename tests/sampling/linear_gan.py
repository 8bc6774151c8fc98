"""A GAN whose generator is one matrix, so that inversion and directions have closed forms."""

import keras
import numpy as np

import kerasgan

MATRIX = np.array(
    [[3.0, 0.0, 0.0, 1.0, 0.0], [0.0, 2.0, 0.0, 0.0, 0.5], [0.0, 0.0, 0.5, 0.0, 0.0]], "float32"
)  # (latent_dim, dimensions); its rows are orthogonal


def linear_gan(matrix=MATRIX, num_classes=None, offset=10.0):
    """Points z @ matrix; with classes, plus `offset` times the label in the first dimension."""
    latent_dim, dimensions = matrix.shape
    z = keras.Input((latent_dim,))
    dense = keras.layers.Dense(dimensions, use_bias=False)
    if num_classes is None:
        inputs, points, kernel = z, dense(z), matrix
        logit_inputs = keras.Input((dimensions,))
        logit = keras.layers.Dense(1)(logit_inputs)
    else:
        labels = keras.Input((), dtype="int32")
        one_hot = keras.layers.CategoryEncoding(num_classes, output_mode="one_hot")(labels)
        inputs, points = [z, labels], dense(keras.layers.Concatenate()([one_hot, z]))  # the label comes first
        rows = np.zeros((num_classes, dimensions), "float32")
        rows[:, 0] = offset * np.arange(num_classes)
        kernel = np.concatenate([rows, matrix])
        point, label = keras.Input((dimensions,)), keras.Input((), dtype="int32")
        logit_inputs = [point, label]
        encoded = keras.layers.CategoryEncoding(num_classes, output_mode="one_hot")(label)
        logit = keras.layers.Dense(1)(keras.layers.Concatenate()([point, encoded]))
    generator = keras.Model(inputs, points)
    dense.set_weights([kernel])
    return kerasgan.GAN(generator, keras.Model(logit_inputs, logit), latent_dim, num_classes=num_classes, seed=0)
