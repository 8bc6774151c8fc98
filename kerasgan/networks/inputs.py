"""How latents, images and conditions are passed to a network."""

from typing import Any


def network_inputs(first: Any, condition: Any = None) -> Any:
    """Returns the inputs of a network: latents or images, followed by the condition where there is one.

    Args:
        first: latents or images; None for a generator of its condition alone.
        condition: the conditions of a batch, or None.
    """
    if condition is None:
        return first
    return condition if first is None else [first, condition]
