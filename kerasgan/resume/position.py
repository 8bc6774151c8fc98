"""A position within a training run."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any

LARGEST = 2**31


@dataclasses.dataclass(frozen=True)
class Position:
    """A position in training: `batch` batches of epoch `epoch` are done, and all epochs before it.

    Attributes:
        epoch: the number of the epoch, from 0.
        batch: how many of its batches are done.
        batches_per_epoch: batches in an epoch; None where that is not known yet, which can only be in the first epoch.
    """

    epoch: int
    batch: int
    batches_per_epoch: int | None

    @property
    def step(self) -> int:
        """Batches that training has had, for `kerasgan.datasets.load(..., skip_batches=)`."""
        return self.epoch * (self.batches_per_epoch or 0) + self.batch


def check_data(position: Position, expected: int | None, total: int | None, is_positioned: bool = False) -> None:
    """Checks that the epochs of the data are as long as they were, and that the data begin where training goes on.

    Args:
        position: where training goes on.
        expected: how many batches the data skip, or None if `Checkpoint.skip_batches` was not called.
        total: batches in an epoch, or None if that is not known.
        is_positioned: whether `fit` begins the data at the position by itself, as `kerasgan.datasets.Batches`.

    Raises:
        ValueError: for data that must be wrong. Data that may be wrong are warned of.
    """
    if position.batch and total not in (None, position.batches_per_epoch):
        raise ValueError(
            "Training goes on within an epoch only with the same data and batches. Received: "
            f"{total} batches in an epoch for a checkpoint with {position.batches_per_epoch}. Use the same batch size."
        )
    if expected is None and position.step and not is_positioned:
        warnings.warn(
            f"Training goes on at batch {position.step}, but the data may begin at another. It then ends with other "
            "weights. Load them with skip_batches=checkpoint.skip_batches().",
            stacklevel=2,
        )
    elif expected not in (None, position.step):
        raise ValueError(
            f"The data must go on at batch {position.step}, as the newest sound checkpoint does. Received: data for "
            f"batch {expected}. Load them again with skip_batches={position.step}."
        )


def position_in(counters: Mapping[str, Any] | None) -> Position | None:
    """Returns the `Position` in a checkpoint's counters, or None if they hold none that is possible."""
    counters = counters or {}
    epoch, batch, total = (counters.get(name) for name in ("epoch", "batch", "batches_per_epoch"))
    whole = all(type(each) is int and 0 <= each < LARGEST for each in (epoch, batch, 0 if total is None else total))
    return Position(epoch, batch, total) if whole and (total is None or batch < total) else None
