"""Random numbers for the images of a batch: the same ones however many replicas share the batch.

Every replica draws the numbers of the whole batch, which cost little, and takes those of its own images. So no two
replicas use the same latents, and all of them together use those of one device with the same seed. Outside of a step
that is shared these are `keras.random.normal` and `keras.random.uniform`.
"""

import contextlib
import contextvars

from keras import ops, random

_parts = contextvars.ContextVar("parts", default=1)
_replicas = []


def share_by(replicas):
    """Has replicas share the draws: `replicas()` returns how many there are and which one asks, (1, 0) for one alone.

    An engine that runs a step on replicas calls it once, when it is imported.
    """
    _replicas[:] = [replicas]


@contextlib.contextmanager
def batch_of(parts):
    """Within it, what is drawn is for batches of several parts of one size, such as real images before generated ones.

    On a replica each of them is a share of the whole part.
    """
    before = _parts.set(parts)
    try:
        yield
    finally:
        _parts.reset(before)


def normal(shape, seed):
    """Draws from N(0, 1), float32, as `keras.random.normal`; the first axis of the shape is that of the images."""
    return _own(random.normal, shape, seed)


def uniform(shape, seed):
    """Draws from U(0, 1), float32, as `keras.random.uniform`; the first axis of the shape is that of the images."""
    return _own(random.uniform, shape, seed)


def _own(draw, shape, seed):
    count, which = _replicas[0]() if _replicas else (1, 0)
    if count == 1:
        return draw(shape, dtype="float32", seed=seed)
    rows, *rest = shape
    whole = draw((rows * count, *rest), dtype="float32", seed=seed)
    shares = ops.reshape(whole, (_parts.get(), count, rows // _parts.get(), *rest))
    return ops.reshape(ops.take(shares, which, axis=1), (rows, *rest))
