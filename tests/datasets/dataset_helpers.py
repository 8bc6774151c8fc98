"""What the tests of data sets share."""

import numpy as np


def values(batches):
    """Returns the images of epoch 0, one batch after another, as one array."""
    return np.concatenate([np.asarray(batch) for batch in batches])


def first_batch(batches):
    """Returns the images and the labels of the first batch as arrays."""
    return [np.asarray(part) for part in next(iter(batches))]


def numbered_images(num_images=100):
    """Returns uint8 images (num_images, 2, 2, 1) whose pixels all hold the number of the image."""
    return np.broadcast_to(np.arange(num_images, dtype="uint8")[:, None, None, None], (num_images, 2, 2, 1)).copy()


def numbers(batches):
    """Returns the numbers of `numbered_images` in epoch 0, in order."""
    return np.round((values(batches)[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist()


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(256, size=(height, width, channels), dtype="uint8")


def save(folder, name, image, **options):
    """Saves an image of Pillow's below a folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
