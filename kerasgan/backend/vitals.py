"""The vital signs of a game: what a guard needs to know of each step, computed inside it, so that none is missed.

Only a game that is watched (`GAN.watch`) computes any of this, and nothing of it changes what is learnt.
"""

import dataclasses

import keras
import numpy as np
from keras import ops

NAMES = (
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "d_grad_norm",
    "g_grad_norm",
    "told_apart",
    "logit_spread",
    "real_diversity",
    "fake_diversity",
)
"""The losses and mean probabilities of the logs, and

- `d_grad_norm`, `g_grad_norm`: Euclidean norms of all of a player's gradients together, before any clipping; 0.0 for a
  step that a loss scale skips, because float16 was too small for its gradients;
- `told_apart`: share of the pairs of a real and a generated image in which the real one has the larger logit;
- `logit_spread`: standard deviation of the logits of real and generated images together;
- `real_diversity`, `fake_diversity`: how far the images of a batch lie from one another: the geometric mean, over all
  pairs, of the mean squared difference of their pixels. In a conditional game, over pairs of the same class; 1.0 where
  there are none. It falls by orders of magnitude when some images are alike, which a variance would forgive.
"""

MOST_IMAGES = 64  # all pairs of so many images: enough to tell, and cheap
_ALIKE = 1e-12


@dataclasses.dataclass(frozen=True)
class Reading:
    """The vital signs of the steps since the last reading.

    Attributes:
        steps: how many steps.
        means: a dict of `NAMES` to their means over these steps; not finite where one of the values was not.
        broken_after: steps up to and with the first that had a value that was not finite; None where all were.
        broken: the names of the values that were not, in that step.
    """

    steps: int
    means: dict
    broken_after: int | None
    broken: tuple


class Vitals:
    """Keeps the vital signs of the steps, where they are computed, until they are read."""

    def __init__(self):
        # How many steps, which of them broke first, the sums, and what was finite in that step.
        self.variable = keras.Variable(
            "zeros", shape=(2 + 2 * len(NAMES),), dtype="float32", trainable=False, autocast=False, name="vitals"
        )

    def add(self, results):
        """Adds one step's results, a dict of scalar tensors that holds all `NAMES`."""
        kept = ops.convert_to_tensor(self.variable)
        values = ops.stack([ops.cast(results[name], "float32") for name in NAMES])
        finite = ops.cast(ops.isfinite(values), "float32")
        steps, broken_after = kept[0] + 1.0, kept[1]
        breaks = ops.logical_and(ops.equal(broken_after, 0.0), ops.min(finite) < 1.0)
        head = ops.stack([steps, ops.where(breaks, steps, broken_after)])
        sums = kept[2 : 2 + len(NAMES)] + values
        self.variable.assign(ops.concatenate([head, sums, ops.where(breaks, finite, kept[2 + len(NAMES) :])], axis=0))

    def read(self):
        """Returns the `Reading` since the last one, and begins the next."""
        kept = np.array(self.variable.numpy(), "float64")
        self.variable.assign(ops.zeros(self.variable.shape))
        steps, broken_after = int(kept[0]), int(kept[1])
        sums, finite = np.split(kept[2:], 2)
        means = {name: float(total) / max(steps, 1) for name, total in zip(NAMES, sums, strict=True)}
        broken = tuple(name for name, fine in zip(NAMES, finite, strict=True) if broken_after and not fine)
        return Reading(steps, means, broken_after or None, broken)


def of_discriminator(game, gradients, images, fake_images, labels, real_logits, fake_logits):
    """The vital signs of one step of the discriminator, a dict of scalars; empty for a game that is not watched."""
    if game.vitals is None:
        return {}
    return {
        "d_grad_norm": _gradient_norm(game.d_optimizer, gradients),
        "told_apart": ops.mean(ops.cast(real_logits > fake_logits, "float32")),
        "logit_spread": ops.std(ops.concatenate([real_logits, fake_logits], axis=0)),
        "real_diversity": diversity(images, labels),
        "fake_diversity": diversity(fake_images, labels),
    }


def of_generator(game, gradients):
    """The vital signs of one step of the generator, a dict of scalars; empty for a game that is not watched."""
    return {} if game.vitals is None else {"g_grad_norm": _gradient_norm(game.g_optimizer, gradients)}


def diversity(images, labels=None):
    """The diversity of a batch of images (batch, ...), as `NAMES` has it, a scalar; of the first 64 images."""
    flat = ops.cast(ops.reshape(images, [ops.shape(images)[0], -1])[:MOST_IMAGES], "float32")
    squares = ops.sum(ops.square(flat), axis=1)
    products = ops.matmul(flat, ops.transpose(flat))
    distances = (squares[:, None] + squares[None] - 2.0 * products) / ops.cast(ops.shape(flat)[1], "float32")
    pairs = 1.0 - ops.eye(ops.shape(flat)[0])
    if labels is not None:
        labels = labels[:MOST_IMAGES]
        pairs *= ops.cast(labels[:, None] == labels[None], "float32")
    total = ops.sum(pairs * ops.log(ops.maximum(distances, _ALIKE)))
    return ops.exp(total / ops.maximum(ops.sum(pairs), 1.0))


def square_sums(network):
    """Returns the sums of squares of a network's weights, one for each array of floats: float64, in two parts.

    The first are those of the trainable weights, the second of all others, such as moving statistics.
    """
    return tuple(
        np.array([float(ops.sum(ops.square(ops.cast(weight.value, "float32")))) for weight in weights])
        for weights in (network.trainable_weights, [w for w in network.non_trainable_weights if "float" in w.dtype])
    )


def _gradient_norm(optimizer, gradients):
    squares = [ops.sum(ops.square(ops.cast(each, "float32"))) for each in gradients if each is not None]
    norm = ops.sqrt(ops.sum(ops.stack(squares))) if squares else ops.zeros(())
    scale = getattr(optimizer, "dynamic_scale", None)
    if scale is None:
        return norm
    return ops.where(ops.isfinite(norm), norm / ops.cast(scale, "float32"), 0.0)
