"""Two digits at the same mean squared error from an original, told apart by the discriminator.

You learn: why a GAN is trained by a discriminator and not by mean squared error. A digit shifted by one pixel and a
digit with a piece of its stroke rubbed out can be equally far from the original, yet only the first is a good digit.
The discriminator has seen neither the originals nor this damage; it has seen that digits lie now here, now there. At a
single moment it minds above all what the generator is just then getting wrong, so it is asked at many moments.

Run:      python examples/same_error.py [FOLDER]
Takes:    15 seconds on two CPU cores.
Writes:   same_error.png into FOLDER (tensorboard_logs/example-same_error): eight triples and their mean logits.
"""

import pathlib
import sys

import keras
import numpy as np
from matplotlib.figure import Figure

import kerasgan


def digits(split, places):
    """Returns digits of 14x14 pixels, each at every one of the places (row, column) on a canvas of 16x16."""
    dataset, _ = kerasgan.datasets.load("digits", batch_size=1, image_size=14, split=split)
    images = np.concatenate(list(dataset.as_numpy_iterator()))
    rooms = [((0, 0), (row, 2 - row), (column, 2 - column), (0, 0)) for row, column in places]
    return np.concatenate([np.pad(images, room, constant_values=-1.0) for room in rooms])


def damage(image, target):
    """Rubs out the smallest disc, about the stroke's pixel nearest the middle, that makes an error of `target`."""
    rows, columns = np.indices(image.shape[:2])
    stroke = np.argwhere(image[..., 0] > 0)
    row, column = stroke[np.argmin(np.sum((stroke - 7.5) ** 2, axis=1))]
    for radius in np.arange(0.5, 16, 0.25):
        rubbed = np.where(np.hypot(rows - row, columns - column)[..., None] <= radius, -1.0, image)
        error = np.mean((rubbed - image) ** 2)
        if error >= target:
            return image + (rubbed - image) * np.sqrt(target / error)  # a touch of the stroke is left: errors are equal
    raise ValueError("The shift moves more than there is to rub out.")


def draw(path, triples, logits):
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    for column, axes in enumerate(figure.subplots(3, 8).T):
        for row, name in enumerate(("original", "shifted", "damaged")):
            axes[row].imshow(triples[row, column, ..., 0], cmap="gray", vmin=-1, vmax=1)
            axes[row].set(xticks=[], yticks=[], title=f"{name}\n{logits[row, column]:+.2f}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(folder="tensorboard_logs/example-same_error", moments=40, steps=50):
    keras.utils.set_random_seed(0)
    dataset, info = kerasgan.datasets.load(digits("train[:80%]", places=np.ndindex(3, 3)))
    originals = digits("train[80%:]", places=[(1, 1)])
    shifted = np.roll(originals, 1, axis=2)  # the last column is empty
    errors = np.mean((shifted - originals) ** 2, axis=(1, 2, 3))
    damaged = np.stack([damage(*each) for each in zip(originals, errors, strict=True)])
    triples = np.stack([originals, shifted, damaged]).astype("float32")
    gan = kerasgan.GAN(*kerasgan.networks.mlp(info.image_shape, latent_dim=64, width=256), latent_dim=64)
    gan.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.5) for _ in range(2)), steps_per_execution=10)
    asked = []
    for _ in range(moments):
        gan.fit(dataset.repeat(), steps_per_epoch=steps, verbose=0)
        asked.append([gan.discriminator.predict(each, batch_size=512, verbose=0)[:, 0] for each in triples])
    logits, singly = np.mean(asked, axis=0), [np.mean(one > other) for _, one, other in asked]
    share = float(np.mean(logits[1] > logits[2]))
    draw(pathlib.Path(folder) / "same_error.png", triples, logits)
    print(
        f"Of {len(originals)} unseen digits the discriminator finds {share:.0%} more real shifted than damaged, by its "
        f"mean logit over {moments} moments, though the errors are equal.\nAsked at a single moment it is "
        f"{np.mean(singly):.0%} on average, between {min(singly):.0%} and {max(singly):.0%}."
    )
    return triples, share


if __name__ == "__main__":
    main(*sys.argv[1:2])
