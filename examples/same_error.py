"""Two digits with the same mean squared error from an original, distinguished by the discriminator.

You learn: why a GAN is trained by a discriminator and not by mean squared error. A digit shifted by one pixel and a
digit with a part of its stroke erased can be equally far from the original, yet only the first is a good digit. The
discriminator was trained neither on the originals nor on this damage, but on digits at different positions. At a single
moment it reacts above all to the current errors of the generator, so its logits are averaged over many moments.

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


def digits(split, positions):
    """Returns digits of 14x14 pixels, each at every one of the positions (row, column) on a canvas of 16x16."""
    images, _, _ = kerasgan.datasets.load_arrays("digits", image_size=14, split=split)
    margins = [((0, 0), (row, 2 - row), (column, 2 - column), (0, 0)) for row, column in positions]
    return np.concatenate([np.pad(images, margin, constant_values=-1.0) for margin in margins])


def damage(image, target):
    """Erases the smallest disc around the stroke's most central pixel that makes an error of `target`."""
    rows, columns = np.indices(image.shape[:2])
    stroke = np.argwhere(image[..., 0] > 0)
    row, column = stroke[np.argmin(np.sum((stroke - 7.5) ** 2, axis=1))]
    for radius in np.arange(0.5, 16, 0.25):
        erased = np.where(np.hypot(rows - row, columns - column)[..., None] <= radius, -1.0, image)
        error = np.mean((erased - image) ** 2)
        if error >= target:
            return image + (erased - image) * np.sqrt(target / error)  # partly erased, for equal errors
    raise ValueError("Erasing everything makes a smaller error than the shift.")


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
    batches, info = kerasgan.datasets.load(digits("train[:80%]", positions=np.ndindex(3, 3)))
    originals = digits("train[80%:]", positions=[(1, 1)])
    shifted = np.roll(originals, 1, axis=2)  # the last column is empty
    errors = np.mean((shifted - originals) ** 2, axis=(1, 2, 3))
    damaged = np.stack([damage(*each) for each in zip(originals, errors, strict=True)])
    triples = np.stack([originals, shifted, damaged]).astype("float32")
    gan = kerasgan.GAN(*kerasgan.networks.mlp(info.image_shape, latent_dim=64, width=256), latent_dim=64)
    gan.compile(*(keras.optimizers.Adam(5e-4, beta_1=0.5) for _ in range(2)), steps_per_execution=10)
    logits_at = []
    for moment in range(moments):
        gan.fit(batches, initial_epoch=moment, epochs=moment + 1, steps_per_epoch=steps, verbose=0)
        logits_at.append([gan.discriminator.predict(each, batch_size=512, verbose=0)[:, 0] for each in triples])
    logits, singly = np.mean(logits_at, axis=0), [np.mean(one > other) for _, one, other in logits_at]
    share = float(np.mean(logits[1] > logits[2]))
    draw(pathlib.Path(folder) / "same_error.png", triples, logits)
    print(
        f"Of {len(originals)} held-out digits the discriminator finds {share:.0%} more real shifted than damaged, by "
        f"its mean logit over {moments} moments, though the errors are equal.\nAt a single moment it is "
        f"{np.mean(singly):.0%} on average, between {min(singly):.0%} and {max(singly):.0%}."
    )
    return triples, share


if __name__ == "__main__":
    main(*sys.argv[1:2])
