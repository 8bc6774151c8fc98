"""The endpoints of a SavedModel."""

from typing import Any

import keras
import tensorflow as tf

from kerasgan.networks import inputs

from .inference import LABELS, draw_labels


def add_endpoints(archive: keras.export.ExportArchive, gan: Any) -> None:
    """Adds to an archive the endpoints that `kerasgan.export.export` describes."""
    labels_spec = [] if gan.num_classes is None else [LABELS]

    def clipped(labels):
        return None if labels is None else tf.clip_by_value(labels, 0, gan.num_classes - 1)

    def serving_default(z, labels=None):
        labels = clipped(labels)
        return tf.cast(gan.sampler(inputs.network_inputs(z, labels), training=False), tf.float32)

    def generate(n, seed):
        # The very draw of keras.random.normal with an integer seed, but with the seed as an input.
        latents = tf.random.stateless_normal([n, gan.latent_dim], seed=[seed, 0])
        return serving_default(latents, draw_labels(n, seed, gan.num_classes) if labels_spec else None)

    def discriminate(images, labels=None):
        logits = gan.discriminator(inputs.network_inputs(images, clipped(labels)), training=False)
        return tf.reshape(tf.cast(logits, tf.float32), [-1])

    archive.track(gan.sampler)
    archive.track(gan.discriminator)
    n, seed = (tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed"))
    latents = tf.TensorSpec((None, gan.latent_dim), name="z")
    images = tf.TensorSpec((None, *gan.image_shape), name="images")
    archive.add_endpoint("serving_default", serving_default, [latents, *labels_spec])
    archive.add_endpoint("generate", generate, [n, seed])
    archive.add_endpoint("discriminate", discriminate, [images, *labels_spec])
