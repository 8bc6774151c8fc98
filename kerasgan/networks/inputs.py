"""How latents, images and labels are passed to a network."""

from typing import Any


def network_inputs(first: Any, labels: Any = None) -> Any:
    """Returns the inputs of a network: latents or images, followed by the labels where there are classes."""
    return first if labels is None else [first, labels]
