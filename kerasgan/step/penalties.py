"""The sum of the penalties that are due at a step."""

from typing import Any

from keras import ops

from kerasgan import backend, schedules
from kerasgan.random import BatchRandom

from . import forward


def penalty_loss(gan: Any, images: Any, fake_images: Any, condition: Any, random: BatchRandom) -> Any:
    """Returns the sum of the penalties that are due at this step of the discriminator, a scalar; 0.0 without any.

    Penalties that are due together share one call of the discriminator. Nothing of them flows back to the generator.
    """
    total = ops.zeros(())
    for every in sorted({penalty.every for penalty in gan.penalties}):
        due = [schedules.at(each, gan.d_optimizer.iterations) for each in gan.penalties if each.every == every]
        points = [_points(penalty.where, images, ops.stop_gradient(fake_images), random) for penalty in due]

        def summed(due=due, points=points, every=every):
            return every * _sum_of_means(gan, due, points, condition, random)

        if every == 1:
            total += summed()
        else:
            is_due = ops.equal(ops.mod(gan.d_optimizer.iterations, every), 0)
            total += backend.cond(is_due, summed)
    return total


def _sum_of_means(gan, penalties, points, condition, random):
    count = len(penalties)
    together = ops.concatenate(points, axis=0)
    random, condition = random.of_parts(count), forward.repeat_condition(condition, count)
    needs_gradient = any(penalty.needs_gradient for penalty in penalties)
    evaluate = _logits_and_norms if needs_gradient else _logits_alone
    logits, norms = evaluate(gan, together, condition, random)
    logits = ops.split(logits, count)
    norms = ops.split(norms, count) if needs_gradient else [None] * count
    parts = zip(penalties, logits, norms, strict=True)
    means = [ops.mean(penalty.penalty(at, norm if penalty.needs_gradient else None)) for penalty, at, norm in parts]
    return ops.sum(ops.stack(means))


def _logits_and_norms(gan, points, condition, random):
    """The logit and |grad D|^2 at each point, both (batch,); with augmentation, of D after it."""

    def logits_at(points):
        return _per_image(forward.discriminate(gan, points, condition, True, random)[0]), None

    logits, pullback, _ = backend.vjp(logits_at, [], points)
    _, gradients = pullback(ops.ones_like(logits))
    squares = ops.square(ops.cast(gradients, "float32"))
    return logits, ops.sum(squares, axis=tuple(range(1, len(points.shape))))


def _logits_alone(gan, points, condition, random):
    return _per_image(forward.discriminate(gan, points, condition, True, random)[0]), None


def _per_image(logits):
    """The mean over the patches, (batch,), of a map of logits: a penalty looks at one value for each image."""
    return ops.mean(logits, axis=1) if len(logits.shape) == 2 else logits


def _points(where, images, fake_images, random):
    """The points of a penalty, (batch, ...)."""
    fake_images = ops.cast(fake_images, images.dtype)
    if where == "mixed":
        shape = [forward.batch_size(images)] + [1] * (len(images.shape) - 1)
        share = random.uniform(shape)
        return share * images + (1 - share) * fake_images
    return images if where == "real" else fake_images
