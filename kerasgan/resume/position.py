"""A position within a training run."""

import dataclasses
import warnings

LARGEST = 2**31


@dataclasses.dataclass(frozen=True)
class Position:
    """A position in training: `batch` batches of epoch `epoch`, counted from 0, are done.

    `batches_per_epoch` is None where that is not known yet, which can only be in the first epoch.
    """

    epoch: int
    batch: int
    batches_per_epoch: int | None

    @property
    def step(self) -> int:
        """Batches seen since training began, for `kerasgan.datasets.load(..., skip_batches=)`."""
        return self.epoch * (self.batches_per_epoch or 0) + self.batch


def check_data(position: Position, expected: int | None, total: int | None, is_positioned: bool = False) -> None:
    """Checks that an epoch of the data is as long as it was, and begins where it has to.

    Args:
        position: where training goes on.
        expected: the step from which the data were loaded, or None where nobody asked for it.
        total: batches in an epoch, or None if that is not known.
        is_positioned: whether the data begin at the position in any case, as `kerasgan.datasets.Batches` do.

    Raises:
        ValueError: for data that cannot be right. Where they only need not be, it is a warning.
    """
    if position.batch and total not in (None, position.batches_per_epoch):
        raise ValueError(
            "Training goes on within an epoch only with the same data and batches. Received: "
            f"{total} batches in an epoch for a checkpoint with {position.batches_per_epoch}. Use the same batch size."
        )
    if is_positioned and expected is None:
        return
    if expected is None and position.step:
        warnings.warn(
            f"Training goes on at batch {position.step}, but the data may begin at another, and then it is not what it "
            "would have been. Load them with skip_batches=checkpoint.skip_batches().",
            stacklevel=2,
        )
    elif expected not in (None, position.step):
        raise ValueError(
            f"The data must go on at batch {position.step}, as the newest sound checkpoint does. Received: data for batch "
            f"{expected}. Load them again with skip_batches={position.step}."
        )


def position_in(kept: dict | None) -> Position | None:
    """Returns the `Position` in a checkpoint's counters, or None if there is none that can be."""
    kept = kept or {}
    epoch, batch, total = (kept.get(name) for name in ("epoch", "batch", "batches_per_epoch"))
    whole = all(type(each) is int and 0 <= each < LARGEST for each in (epoch, batch, 0 if total is None else total))
    return Position(epoch, batch, total) if whole and (total is None or batch < total) else None
