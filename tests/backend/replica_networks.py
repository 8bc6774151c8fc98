"""Networks that replicas are tested with."""

import keras

import kerasgan


def plain_batch_norm(image_shape, latent_dim, width, num_classes=None):
    """A generator with batch norm that is not synchronized over replicas."""
    layers = keras.layers
    generator = [
        keras.Input((latent_dim,)),
        layers.Dense(64),
        layers.BatchNormalization(),
        layers.Reshape((8, 8, 1)),
    ]
    return keras.Sequential(generator), kerasgan.networks.mlp(image_shape, latent_dim, width)[1]


def regularized(image_shape, latent_dim, width, num_classes=None):
    """Networks whose layers add losses of their weights and of their activity, once each."""
    layers, l2 = keras.layers, keras.regularizers.L2(0.1)
    generator = [layers.Dense(64, kernel_regularizer=l2), layers.Reshape(image_shape)]
    discriminator = [
        layers.Flatten(),
        layers.Dense(width, kernel_regularizer=l2, activity_regularizer=l2),
        layers.ActivityRegularization(l2=0.1),
        layers.Dense(1),
    ]
    ends = (((latent_dim,), generator), (image_shape, discriminator))
    return tuple(keras.Sequential([keras.Input(shape), *layers]) for shape, layers in ends)
