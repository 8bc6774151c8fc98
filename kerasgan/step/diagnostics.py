"""Diagnostics of each step: what failure rules need to know, computed within the step, so that no step is missed.

Only a GAN that records them (`GAN.record_diagnostics`) computes any of this, and training is the same with it.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

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
    "pairwise_accuracy",
    "logit_spread",
    "real_diversity",
    "fake_diversity",
)
"""The losses and mean probabilities of the logs, and

- `d_grad_norm`, `g_grad_norm`: Euclidean norm of all gradients of a network, before any clipping; 0.0 for a step that a
  loss scale skips, because float16 was too small for its gradients;
- `pairwise_accuracy`: share of the pairs of a real and a generated image in which the real one has the larger logit;
- `logit_spread`: standard deviation of the logits of real and generated images together;
- `real_diversity`, `fake_diversity`: the geometric mean, over all pairs of images in a batch, of the mean squared
  difference of their pixels. With classes, over pairs of the same class; 1.0 without any. It falls by orders of
  magnitude when some images are alike, where a variance would hardly change.
"""

MAX_IMAGES = 64  # all pairs of so many images: enough to compare, and cheap
MAX_DIFFERENT = 251
"""Different real images are counted up to about this number."""

_SMALLEST_DISTANCE = 1e-12
_HASHED_VALUES, _LARGEST_FACTOR = 1024, 63  # 1024 x 255 x 63 < 2**24: such sums are exact in float32
_MAX_COUNT = 2.0**23


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """The diagnostics of the steps since the last snapshot.

    Attributes:
        steps: how many steps.
        means: a dict of `NAMES` to their means over these steps; not finite where one of the values was not.
        not_finite_after: steps up to and with the first that had a value that was not finite; None if all were.
        not_finite: the names of these values, in that step.
        images: how many real images were counted since the counting began.
        different: about how many of them differ, at most `MAX_DIFFERENT`.
    """

    steps: int
    means: dict[str, float]
    not_finite_after: int | None
    not_finite: tuple[str, ...]
    images: int = 0
    different: int = 0


class Recorder:
    """Adds up the diagnostics of the steps, on the device, until they are read."""

    def __init__(self):
        # The number of steps, the first that was not finite, the sums, and which values were finite in that step.
        self.variable = keras.Variable(
            "zeros", shape=(2 + 2 * len(NAMES),), dtype="float32", trainable=False, autocast=False, name="diagnostics"
        )
        # The number of real images that were counted, and which of their hashes occurred.
        self.hashes = keras.Variable(
            "zeros", shape=(1 + MAX_DIFFERENT,), dtype="float32", trainable=False, autocast=False, name="image_hashes"
        )

    @property
    def variables(self) -> list[Any]:
        """What a training step changes."""
        return [self.variable, self.hashes]

    def add(self, logs: Mapping[str, Any]) -> None:
        """Adds one step's logs, a dict of scalar tensors that holds all `NAMES`.

        Raises:
            ValueError: if one is missing.
        """
        missing = [name for name in NAMES if name not in logs]
        if missing:
            raise ValueError(
                f"The logs of an update rule must hold all diagnostics. Received: logs without {missing}. Return the "
                "logs of step.update_discriminator and step.update_generator together: d_logs | g_logs."
            )
        kept = ops.convert_to_tensor(self.variable)
        values = ops.stack([ops.cast(logs[name], "float32") for name in NAMES])
        finite = ops.cast(ops.isfinite(values), "float32")
        steps, first = kept[0] + 1.0, kept[1]
        is_first = ops.logical_and(ops.equal(first, 0.0), ops.min(finite) < 1.0)
        head = ops.stack([steps, ops.where(is_first, steps, first)])
        sums = kept[2 : 2 + len(NAMES)] + values
        tail = ops.where(is_first, finite, kept[2 + len(NAMES) :])
        self.variable.assign(ops.concatenate([head, sums, tail], axis=0))

    def count(self, images: Any) -> None:
        """Counts real images (batch, ...), and which hashes they have."""
        occurred = ops.max(ops.one_hot(image_hashes(images), MAX_DIFFERENT, dtype="float32"), axis=0)
        kept = ops.convert_to_tensor(self.hashes)
        number = ops.minimum(kept[:1] + ops.cast(ops.shape(images)[0], "float32"), _MAX_COUNT)
        self.hashes.assign(ops.concatenate([number, ops.maximum(kept[1:], occurred)], axis=0))

    def begin_count(self) -> None:
        """Begins to count the real images anew."""
        self.hashes.assign(ops.zeros(self.hashes.shape))

    def get_state(self) -> dict[str, list[float]]:
        """Returns all that was recorded since the last snapshot, and counted, as plain numbers."""
        return {each.name: np.array(each.numpy(), "float64").tolist() for each in self.variables}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `get_state` has returned.

        Raises:
            ValueError: for anything else.
        """
        values = {each.name: np.asarray(state[each.name], "float32") for each in self.variables}
        for each in self.variables:
            each.assign(values[each.name])

    def read(self) -> Snapshot:
        """Returns the `Snapshot` since the last one, and begins the next."""
        kept = np.array(self.variable.numpy(), "float64")
        self.variable.assign(ops.zeros(self.variable.shape))
        steps, first = int(kept[0]), int(kept[1])
        sums, finite = np.split(kept[2:], 2)
        means = {name: float(total) / max(steps, 1) for name, total in zip(NAMES, sums, strict=True)}
        not_finite = tuple(name for name, each in zip(NAMES, finite, strict=True) if first and not each)
        images, *occurred = np.array(self.hashes.numpy(), "int64").tolist()
        return Snapshot(steps, means, first or None, not_finite, images, sum(occurred))


def of_discriminator(
    gan: Any, gradients: Any, images: Any, fake_images: Any, condition: Any, real_logits: Any, fake_logits: Any
) -> dict[str, Any]:
    """Returns the diagnostics of an update of the discriminator, a dict of scalars; empty if none are recorded."""
    if gan.diagnostics is None:
        return {}
    labels = condition if gan.num_classes is not None else None
    return {
        "d_grad_norm": _gradient_norm(gan.d_optimizer, gradients),
        "pairwise_accuracy": ops.mean(ops.cast(real_logits > fake_logits, "float32")),
        "logit_spread": ops.std(ops.concatenate([real_logits, fake_logits], axis=0)),
        "real_diversity": diversity(images, labels),
        "fake_diversity": diversity(fake_images, labels),
    }


def of_generator(gan: Any, gradients: Any) -> dict[str, Any]:
    """Returns the diagnostics of an update of the generator, a dict of scalars; empty if none are recorded."""
    return {} if gan.diagnostics is None else {"g_grad_norm": _gradient_norm(gan.g_optimizer, gradients)}


def diversity(images: Any, labels: Any = None) -> Any:
    """The diversity of a batch of images (batch, ...), as `NAMES` has it, a scalar; of the first 64 images."""
    flat = ops.cast(ops.reshape(images, [ops.shape(images)[0], -1])[:MAX_IMAGES], "float32")
    squares = ops.sum(ops.square(flat), axis=1)
    products = ops.matmul(flat, ops.transpose(flat))
    distances = (squares[:, None] + squares[None] - 2.0 * products) / ops.cast(ops.shape(flat)[1], "float32")
    pairs = 1.0 - ops.eye(ops.shape(flat)[0])
    if labels is not None:
        labels = labels[:MAX_IMAGES]
        pairs *= ops.cast(labels[:, None] == labels[None], "float32")
    total = ops.sum(pairs * ops.log(ops.maximum(distances, _SMALLEST_DISTANCE)))
    return ops.exp(total / ops.maximum(ops.sum(pairs), 1.0))


def image_hashes(images: Any) -> Any:
    """Returns a hash of each image (batch, ...), int32 (batch,), in [0, `MAX_DIFFERENT`).

    Images whose pixels are the same 8-bit values have the same hash on every device: all sums are of whole numbers, and
    exact. Of images with more than 1,024 values that many are looked at.
    """
    size = math.prod(images.shape[1:])
    flat = ops.reshape(images, [-1, size])
    generator = np.random.default_rng(0)
    if size > _HASHED_VALUES:
        flat = ops.take(flat, np.sort(generator.permutation(size)[:_HASHED_VALUES]).astype("int32"), axis=1)
    factors = generator.integers(1, _LARGEST_FACTOR + 1, min(size, _HASHED_VALUES)).astype("float32")
    levels = ops.mod(ops.round((ops.cast(flat, "float32") + 1.0) * 127.5), 256.0)
    sums = ops.cast(ops.sum(levels * factors, axis=1), "int32")
    return ops.mod(sums, MAX_DIFFERENT)


def square_sums(network: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sum of squares of each array of a network's weights, float64, in two parts.

    The first part is of the trainable weights, the second of all others, such as moving statistics.
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
