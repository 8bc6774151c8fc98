"""A place within a training, and how Keras is brought to begin there."""

import dataclasses
import itertools
import math
import warnings

from kerasgan.backend import engine

LARGEST = 2**31


@dataclasses.dataclass(frozen=True)
class Place:
    """A place in a training: `batch` batches of epoch `epoch`, counted from 0, are done.

    `batches_per_epoch` is None where that is not known yet, which can only be in the first epoch.
    """

    epoch: int
    batch: int
    batches_per_epoch: int | None

    @property
    def step(self):
        """Batches seen since training began, for `kerasgan.datasets.load(..., skip_batches=)`."""
        return self.epoch * (self.batches_per_epoch or 0) + self.batch


def check_data(place, expected, total):
    """Checks that an epoch of the data is as long as it was, and begins where it has to.

    Args:
        place: where training goes on.
        expected: the step from which the data were asked for, or None where nobody asked.
        total: batches an epoch, or None if that is not known.

    Raises:
        ValueError: for data that cannot be right. Where they only need not be, it is a warning.
    """
    if place.batch and total not in (None, place.batches_per_epoch):
        raise ValueError(
            "A training goes on within an epoch only with the same data and batches. Received: "
            f"{total} batches an epoch for a checkpoint with {place.batches_per_epoch}. Use the same batch size."
        )
    if expected is None and place.step:
        warnings.warn(
            f"Training goes on at batch {place.step}, but the data may begin at another, and then it is not what it "
            "would have been. Load them with skip_batches=checkpoint.skip_batches().",
            stacklevel=2,
        )
    elif expected not in (None, place.step):
        raise ValueError(
            f"The data must go on at batch {place.step}, as the newest sound checkpoint does. Received: data for batch "
            f"{expected}. Load them again with skip_batches={place.step}."
        )


def length_of(batches):
    """Returns how many batches Keras takes in an epoch, or None if that is not known yet.

    Of data without end it takes whole calls of several steps, beyond `steps_per_epoch` if need be.
    """
    if batches.steps_per_epoch is None:
        return batches.num_batches
    return math.ceil(batches.steps_per_epoch / batches.steps_per_execution) * batches.steps_per_execution


def begin_at(batches, place):
    """Makes Keras's iterator over the batches of each epoch begin its next epoch where the data begin.

    Its steps are counted from 0 otherwise, and it would look for a whole epoch.
    """
    if batches.steps_per_epoch is None and batches._num_batches is None:
        batches._num_batches = place.batches_per_epoch  # data that begin within an epoch do not know how long it is
    total, whole, per_call = batches.num_batches, batches._enumerate_iterator, batches.steps_per_execution
    calls = None if total is None else math.ceil((total - place.batch) / per_call)

    def rest():
        del batches._enumerate_iterator
        # Data that are repeated within an epoch would go on after its end, and a call of several steps with them.
        own = engine.first_of(batches, total - place.batch) if batches.steps_per_epoch is None and total else None
        for begin, end, iterator in itertools.islice(whole(), calls):
            if total is None:  # then Keras counts the steps of the first epoch
                batches._steps_seen += place.batch
            yield begin + place.batch, end + place.batch, own or iterator
        if calls is not None:  # not seen by `whole`, which was left before its end
            batches.data_adapter.on_epoch_end()

    batches._enumerate_iterator = rest


def place_in(kept):
    """Returns the `Place` in a checkpoint's counters, or None if there is none that can be."""
    kept = kept or {}
    epoch, batch, total = (kept.get(name) for name in ("epoch", "batch", "batches_per_epoch"))
    whole = all(type(each) is int and 0 <= each < LARGEST for each in (epoch, batch, 0 if total is None else total))
    return Place(epoch, batch, total) if whole and (total is None or batch < total) else None
