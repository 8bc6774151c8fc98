"""Laws: statements that hold for every input, tried on generated ones.

A law is a function of generated inputs. It returns None where the input was accepted and what is documented came out,
and the message where the input was refused; it fails otherwise. The ordinary suite tries each law on a few inputs,
always the same ones, the slow suite on thousands of others.
"""

import contextlib
import os
import pathlib
import tempfile
import warnings

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

SLOW_FACTOR = 20


class Laws(dict):
    """The laws of a test file: a dict of names to (function, number of inputs, fixed inputs, strategies)."""

    def law(self, examples, *always, **inputs):
        """Makes a function a law that is tried on so many inputs, and on those that once broke it."""

        def register(holds):
            self[holds.__name__] = (holds, examples, always, inputs)
            return holds

        return register

    def check(self, name):
        """Tries a law on its inputs. Too many refusals are a failure: the law would say nothing."""
        inputs, refused = self._tried(name)
        assert inputs - refused >= inputs / 10

    def check_many(self, name):
        """Tries a law on `SLOW_FACTOR` times as many inputs, other ones each time."""
        inputs, refused = self._tried(name, SLOW_FACTOR)
        print(f"{name}: {inputs:,} inputs, {refused:,} refused")
        assert inputs >= self[name][1] * SLOW_FACTOR / 2

    def _tried(self, name, factor=1):
        """Returns on how many inputs a law was tried, and how many of these were refused."""
        holds, examples, always, inputs = self[name]
        answers = []

        def counted(**drawn):
            answers.append(None)
            answers[-1] = holds(**drawn)

        for each in always:
            counted = example(**each)(counted)
        options = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
        with warnings.catch_warnings(), temporary_folder():
            warnings.simplefilter("ignore")
            settings(max_examples=examples * factor, derandomize=factor == 1, **options)(given(**inputs)(counted))()
        return len(answers), sum(isinstance(answer, str) for answer in answers)


@contextlib.contextmanager
def temporary_folder():
    """Works in an empty folder two levels below another that is empty otherwise."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        inner = pathlib.Path(folder).resolve() / "above" / "here"
        inner.mkdir(parents=True)
        os.chdir(inner)
        try:
            yield
        finally:
            os.chdir(before)


def refusal(call):
    """Returns a pair: what a call returns, and the message with which it was refused; one of them is None."""
    try:
        return call(), None
    except (ValueError, TypeError) as error:
        message = str(error)
        assert "Received" in message, f"{type(error).__name__}: {message}"
        return None, message


# Values of every kind

SPECIAL = st.sampled_from(
    [None, True, False, "", "3", "\0", b"1", 0.5, 2.0, float("nan"), float("inf"), -1, 0, [], {}, ()]
)
HUGE = st.sampled_from([2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**30, -(2**63) - 1])
NUMBERS = st.integers(-3, 12) | st.builds(np.int64, st.integers(-3, 12)) | HUGE
ANYTHING = st.one_of(NUMBERS, SPECIAL, st.floats(), st.text(max_size=5), st.lists(st.integers(-2, 9), max_size=3))
DTYPES = ["u1", "f4", "f2", "f8", "i1", "i4", "i8", "u8", "b1", "c8", "U3", "S2", "O", "M8[s]", ">f4", ">i2"]


def usual(value, others=ANYTHING):
    """Draws the usual value nine times in ten, so that more than the first check is reached."""
    return rarely(others, st.just(value))


def rarely(others, usually):
    """Draws from `others` one time in ten."""
    return st.integers(0, 9).flatmap(lambda roll: others if roll == 9 else usually)


@st.composite
def arrays(draw):
    """Arrays of any shape and type; most of those of floats with values that images have."""
    odd = hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5)
    shape = draw(rarely(odd, hnp.array_shapes(min_dims=1, max_dims=4, max_side=3)))
    dtype = np.dtype(draw(rarely(st.sampled_from(DTYPES), st.sampled_from(DTYPES[:4]))))
    if dtype.kind == "O":
        return np.full(shape, draw(st.sampled_from([None, "3", b"1", 0.5, 1])), dtype="O")
    bound = draw(st.sampled_from([1, 1, 1, 1, 2, None])) if dtype.kind == "f" else None
    array = draw(hnp.arrays(dtype, shape, **({"elements": st.floats(-bound, bound, width=16)} if bound else {})))
    if draw(st.integers(0, 19)) == 0:  # of any size, and yet it takes no memory
        array = np.broadcast_to(np.zeros((), dtype), (2**40, 8, 8))
    return array[..., ::-1] if array.ndim and draw(st.booleans()) else array


def labeled(array):
    """Pairs of an array with labels, mostly one for each row."""
    count = array.shape[0] if 0 < array.ndim and array.shape[0] < 10 else 5
    return st.tuples(st.just(array), rarely(LABELS, hnp.arrays("i4", count, elements=st.integers(0, 9))))


LABELS = st.one_of(arrays(), hnp.arrays("i4", st.tuples(st.integers(0, 5)), elements=st.integers(-1, 9)), ANYTHING)
