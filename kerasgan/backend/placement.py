"""Where a model is trained: on one device, or on the replicas of a distribution strategy."""

import contextlib
from typing import Any


class SingleDevice:
    """One device, as Keras trains on it; the base class of other placements.

    Attributes:
        is_single: whether a step runs on one device.
        count: how many replicas share a batch.
    """

    is_single: bool = True
    count: int = 1

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the context in which variables are made."""
        return contextlib.nullcontext()

    def check_here(self) -> None:
        """Checks that a model made outside of any strategy is not trained in the scope of one.

        Raises:
            ValueError: if it is.
        """
        from kerasgan import backend

        if not backend.placement().is_single:
            raise ValueError(
                "A GAN is trained by the strategy in whose scope it was made. Received: one made outside, within a "
                "`strategy.scope()`. Build the networks, the GAN and its optimizers within it; fit may be anywhere."
            )

    def agreed_signal(self, signal_number: int | None, batch: int) -> int | None:
        """Returns the signal by which training is to end after a batch, or None: on one device, at once."""
        return signal_number

    def check_networks(self, gan: Any) -> None:
        """Accepts any networks."""

    def check_compiled(self, gan: Any, jit_compile: Any) -> None:
        """Accepts any settings of `compile`."""

    def checked_steps(self, steps_per_execution: int) -> int:
        """Returns how many steps one call runs: as many as given."""
        return steps_per_execution

    def step_function(self, step: Any, eagerly: bool) -> Any:
        """Returns what Keras calls with an iterator to run a step, or None for Keras's own."""
        return None

    def required_batch_multiple(self, minibatches: int) -> int:
        """Returns the number of which the size of every batch must be a multiple."""
        return 1

    def is_distributed(self, x: Any) -> bool:
        """Returns whether these data have been distributed already."""
        return False

    def distribute(
        self, x: Any, y: Any, gan: Any, batch_size: int | None, minibatches: int, options: Any
    ) -> tuple[Any, Any]:
        """Returns the data of `fit` or `evaluate` as they are."""
        return x, y
