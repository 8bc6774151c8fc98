"""Numbers that change over training."""

import copy
import dataclasses
import math
from typing import Any

from keras import ops

from kerasgan.configs import frozen_config
from kerasgan.validation import scalars


@frozen_config
class Cosine:
    """A number that goes from one value to another along half a cosine, and stays there.

    After s steps it is `end + (start - end) * (1 + cos(pi * min(s / steps, 1))) / 2`. The weight of a penalty takes it
    in place of a number: `R1(gamma=Cosine(1.0, 0.1, steps=10_000))`.

    Args:
        start: value at step 0.
        end: value from the last step on.
        steps: updates of the network from one to the other, at least 1.

    Raises:
        ValueError: if `steps` is not a whole number of at least 1.

    Example:

    ```python
    from kerasgan.schedules import Cosine

    gamma = Cosine(1.0, 0.1, steps=100)
    float(gamma(50))  # 0.55
    ```

    Reference: Loshchilov and Hutter, 2017, arXiv:1608.03983 (the cosine); Huang et al., 2024, arXiv:2501.05441.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        scalars.whole_number("steps", self.steps, 1)

    def __call__(self, step: Any) -> Any:
        """Returns the number after `step` updates (a number or a scalar tensor), a float32 scalar tensor."""
        share = ops.minimum(ops.cast(step, "float32") / self.steps, 1.0)
        return self.end + (self.start - self.end) * (1 + ops.cos(math.pi * share)) / 2


def bounds(value: Any) -> tuple[Any, ...]:
    """Returns the lowest and the highest values of a schedule; of a number that number alone."""
    return (value.start, value.end) if isinstance(value, Cosine) else (value,)


def at(value: Any, step: Any) -> Any:
    """Returns a frozen value with the numbers that its schedules have at a step; without schedules the same value.

    Args:
        value: a value of a class that is decorated with `kerasgan.frozen_config`.
        step: updates before this one, a number or a scalar tensor.
    """
    names = [each.name for each in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    scheduled = [name for name in names if isinstance(getattr(value, name), Cosine)]
    if not scheduled:
        return value
    fixed = copy.copy(value)
    for name in scheduled:
        object.__setattr__(fixed, name, getattr(value, name)(step))  # frozen, and the checks take no tensors
    return fixed
