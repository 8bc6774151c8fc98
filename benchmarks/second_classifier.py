"""A classifier that shares nothing with kerasgan's own: is the class that was asked for the one that is seen?

The features of `kerasgan.features.classifier` measure the distances of a table. A generator can be near on those and
still draw nothing that anybody recognizes, so a second classifier names what is on each sample: another network (with
shortcuts, batch norm and ReLU; kerasgan's has neither), another optimizer, augmented
images. It is trained once for each data set and kept in a folder, `KERASGAN_CACHE` or ~/.cache/kerasgan.
"""

import hashlib
import os
import pathlib

import numpy as np

VERSION = 3
BATCH_SIZE = 128
MARGIN = 4
"""Pixels by which the images are shifted at most."""

SURE = 0.9


def load(name, images, labels, flip, epochs=6, seed=1_000_003):
    """Returns a function from images in [-1, 1] to probabilities (n, classes).

    Args:
        name: of the data, for the file that keeps the weights.
        images: float32 (n, height, width, channels) in [-1, 1], to train on.
        labels: int (n,).
        flip: whether the images may be mirrored.
        epochs: passes through the images.
        seed: of the weights and of the order.
    """
    import keras

    from kerasgan.runs import photo_settings

    dtype = "mixed_bfloat16" if photo_settings.multiplies_bfloat16() else "float32"
    facts = images.shape, int(np.sum(labels)), float(np.mean(images))
    settings = repr((VERSION, name, *facts, flip, epochs, seed, dtype))
    folder = pathlib.Path(os.environ.get("KERASGAN_CACHE") or "~/.cache/kerasgan").expanduser()
    file = folder / f"second-{name}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}.weights.h5"
    network = _network(images.shape[1:], int(labels.max()) + 1, seed, dtype)
    if file.exists():
        network.load_weights(file)
    else:
        _train(network, images, labels, flip, epochs, seed)
        folder.mkdir(parents=True, exist_ok=True)
        network.save_weights(file)
    return lambda given: keras.ops.convert_to_numpy(keras.ops.softmax(network.predict(given, 256, verbose=0)))


def figures(probabilities, labels=None):
    """The share of images whose class is seen (None without labels), and the share of which the classifier is sure."""
    seen = None if labels is None else float(np.mean(probabilities.argmax(axis=1) == labels))
    return {"class_seen": seen, "sure": float(np.mean(probabilities.max(axis=1) > SURE))}


def _network(image_shape, num_classes, seed, dtype):
    """A small residual network after He et al., 2016 (arXiv:1512.03385), in bfloat16 where that is faster."""
    import keras
    from keras import layers

    seeds = iter(np.random.default_rng(seed).integers(2**31, size=32))
    policy = {"dtype": dtype}

    def convolution(maps, filters, size=3, stride=1):
        options = policy | {"kernel_initializer": keras.initializers.HeNormal(seed=int(next(seeds)))}
        maps = layers.Conv2D(filters, size, stride, padding="same", use_bias=False, **options)(maps)
        return layers.ReLU(**policy)(layers.BatchNormalization(momentum=0.9, **policy)(maps))

    images = keras.Input(image_shape)
    maps = convolution(convolution(images, 64, size=5, stride=2), 128, stride=2)
    maps = layers.Add(**policy)([maps, convolution(convolution(maps, 128), 128)])
    maps = layers.GlobalMaxPooling2D(**policy)(convolution(maps, 256, stride=2))
    initializer = keras.initializers.HeNormal(seed=int(next(seeds)))
    return keras.Model(images, layers.Dense(num_classes, kernel_initializer=initializer, dtype="float32")(maps))


def _train(network, images, labels, flip, epochs, seed):
    import keras

    num_classes = network.output_shape[-1]
    targets = np.eye(num_classes, dtype="float32")[labels]
    random = np.random.default_rng(seed)
    padding = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))
    padded = np.pad(images, padding, mode="reflect" if flip else "edge")
    height, width = images.shape[1:3]
    steps = len(images) // BATCH_SIZE

    def batches():
        for _ in range(epochs):
            order = random.permutation(len(images))
            for step in range(steps):
                chosen = order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE]
                corners = random.integers(0, 2 * MARGIN + 1, (len(chosen), 2))
                batch = np.stack(
                    [
                        padded[one, top : top + height, left : left + width]
                        for one, (top, left) in zip(chosen, corners, strict=True)
                    ]
                )
                if flip:
                    mirrored = random.random(len(batch)) < 0.5
                    batch[mirrored] = batch[mirrored, :, ::-1]
                yield batch, targets[chosen]

    warm_up = epochs * steps // 5
    rate = keras.optimizers.schedules.CosineDecay(
        1e-2, epochs * steps - warm_up, 0.0, warmup_target=0.1, warmup_steps=warm_up
    )
    optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-4)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    network.compile(optimizer, loss)
    network.fit(batches(), epochs=epochs, steps_per_epoch=steps, verbose=2)
