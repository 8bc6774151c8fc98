"""What `Guard` remembers, as a dict that JSON can hold: it goes into each checkpoint."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .failure_rules import ADVICE, MAX_OBSERVATIONS, Failure, Observation, Rate

MAX_FAILURES = 200
"""Failures that a checkpoint holds: the last ones."""

NETWORKS = ("discriminator", "generator")


def of_observations(observations: Iterable[Observation]) -> list[dict[str, Any]]:
    """Returns observations as plain values. Numbers that are not finite become strings."""
    return [_of_observation(each) for each in observations]


def observations_in(state: Any) -> list[Observation]:
    """Returns the observations that `of_observations` made into plain values.

    Raises:
        ValueError: for anything else.
    """
    _check(isinstance(state, list) and len(state) <= MAX_OBSERVATIONS, state)
    return [_observation_in(each) for each in state]


def of_failures(failures: Sequence[Failure]) -> list[list[Any]]:
    """Returns the last `MAX_FAILURES` failures as plain values."""
    return [[each.step, each.what, each.evidence] for each in failures[-MAX_FAILURES:]]


def failures_in(state: Any) -> list[Failure]:
    """Returns the failures that `of_failures` made into plain values.

    Raises:
        ValueError: for anything else.
    """
    _check(isinstance(state, list) and len(state) <= MAX_FAILURES, state)
    for each in state:
        _check(isinstance(each, list) and list(map(type, each)) == [int, str, str] and each[1] in ADVICE, each)
    return [Failure(*each) for each in state]


def names_in(state: Any) -> set[str]:
    """Returns a list of names of failures as a set.

    Raises:
        ValueError: for anything else.
    """
    _check(isinstance(state, list) and all(isinstance(each, str) and each in ADVICE for each in state), state)
    return set(state)


def count_in(state: Any) -> int:
    """Returns a count.

    Raises:
        ValueError: for anything but a whole number of at least 0.
    """
    _check(type(state) is int and 0 <= state < 2**53, state)
    return state


def rates_in(state: Any) -> dict[str, float]:
    """Returns a rate for each of some networks.

    Raises:
        ValueError: for anything else.
    """
    _check(isinstance(state, dict) and set(state) <= set(NETWORKS), state)
    return {name: _number_in(each) for name, each in state.items()}


def shares_in(state: Any) -> list[float | None]:
    """Returns the shares of two schedules, None for an optimizer without one.

    Raises:
        ValueError: for anything else.
    """
    _check(isinstance(state, list) and len(state) == len(NETWORKS), state)
    shares = [None if each is None else _number_in(each) for each in state]
    _check(all(each is None or 0 < each <= 1 for each in shares), state)
    return shares


def _of_observation(observation):
    return {
        "step": observation.step,
        "diagnostics": {name: _plain(value) for name, value in observation.diagnostics.items()},
        "weights": {
            network: [[_plain(each) for each in array] for array in arrays]
            for network, arrays in observation.weights.items()
        },
        "not_finite_at": observation.not_finite_at,
        "not_finite": list(observation.not_finite),
        "rates": {
            name: [_plain(rate.now), _plain(rate.largest), rate.scheduled] for name, rate in observation.rates.items()
        },
        "images": list(observation.images),
    }


def _observation_in(state):
    names = {"step", "diagnostics", "weights", "not_finite_at", "not_finite", "rates", "images"}
    _check(isinstance(state, dict) and set(state) == names, state)
    diagnostics, weights, rates = state["diagnostics"], state["weights"], state["rates"]
    _check(all(isinstance(each, dict) for each in (diagnostics, weights, rates)), state)
    _check(set(weights) in (set(), set(NETWORKS)) and set(rates) <= set(NETWORKS), state)
    _check(all(isinstance(each, list) and len(each) == 2 for each in (*weights.values(), state["images"])), state)
    _check(all(isinstance(each, list) and len(each) == 3 and type(each[2]) is bool for each in rates.values()), state)
    _check(isinstance(state["not_finite"], list) and all(isinstance(each, str) for each in state["not_finite"]), state)
    not_finite_at = state["not_finite_at"]
    return Observation(
        count_in(state["step"]),
        {name: _number_in(value) for name, value in diagnostics.items()},
        {network: tuple(_array_in(each) for each in arrays) for network, arrays in weights.items()},
        None if not_finite_at is None else count_in(not_finite_at),
        tuple(state["not_finite"]),
        {name: Rate(*map(_number_in, each[:2]), each[2]) for name, each in rates.items()},
        tuple(map(count_in, state["images"])),
    )


def _plain(value):
    value = float(value)
    return value if math.isfinite(value) else str(value)


def _number_in(state):
    """Returns a number, which is a string where it is not finite."""
    is_number = isinstance(state, int | float) and not isinstance(state, bool)
    _check(is_number or state in ("nan", "inf", "-inf"), state)
    return float(state)


def _array_in(state):
    _check(isinstance(state, list), state)
    return np.array([_number_in(each) for each in state], "float64")


def _check(holds, state):
    if not holds:
        raise ValueError(f"A guard's state must be one that it wrote. Received: {str(state)[:200]}. Start again.")
