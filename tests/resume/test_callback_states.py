"""States of callbacks that checkpoints cannot hold cost no training: the callback is named, and all else is saved."""

import warnings

import keras
import ml_dtypes
import numpy as np
import pytest

from kerasgan.callbacks import Checkpoint
from kerasgan.resume import checkpoint_files

IMAGES = np.random.default_rng(0).uniform(-1, 1, (32, 8, 8, 1)).astype("float32")


class Stateful(keras.callbacks.Callback):
    """A callback of a user's, whose state is what `make()` returns."""

    def __init__(self, make):
        super().__init__()
        self.make, self.restored = make, None

    def get_state(self):
        return self.make()

    def set_state(self, state):
        self.restored = state


class Other(Stateful):
    """The callback after it, whose state is sound."""

    def __init__(self):
        super().__init__(lambda: {"count": 3})


def train(make_gan, folder, callbacks, epochs=2, **options):
    """Returns the messages of all warnings."""
    gan = make_gan(width=4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        checkpoint = Checkpoint(folder, **options)
        gan.fit(IMAGES, batch_size=32, epochs=epochs, callbacks=[*callbacks, checkpoint], verbose=0)
    assert gan.g_optimizer.iterations == epochs
    return [str(each.message) for each in caught if each.category is UserWarning]


def cycle():
    state = {"a": []}
    state["a"].append(state)
    return state


def wide_cycle():
    state = []
    state.extend([state] * 10)
    return {"a": state}


def shared_parts():
    state = [0]
    for _ in range(60):
        state = [state] * 10
    return {"a": state}


def deep():
    state = 0
    for _ in range(5000):
        state = [state]
    return {"a": state}


def raising(error):
    def make():
        raise error

    return make


SCALARS = {
    "float32": (np.float32(0.1), float(np.float32(0.1))),
    "float64": (np.float64(0.1), 0.1),
    "float16": (np.float16(0.5), 0.5),
    "bfloat16": (ml_dtypes.bfloat16(0.5), 0.5),
    "longdouble": (np.longdouble(0.25), 0.25),
    "int64": (np.int64(-7), -7),
    "uint8": (np.uint8(200), 200),
    "largest uint64": (np.uint64(2**64 - 1), 2**64 - 1),
    "bool_": (np.bool_(True), True),
    "str_": (np.str_("x"), "x"),
    "0-d array": (np.array(3.5), 3.5),
    "0-d array of int": (np.array(3, "int32"), 3),
    "infinity": (np.float32("inf"), float("inf")),
    "tuple": ((1, np.int8(2)), [1, 2]),
    "nested": ({"a": [{"b": np.float32(0.5)}]}, {"a": [{"b": 0.5}]}),
    "surrogate": ("caf\udce9", "caf\udce9"),
    "None": (None, None),
}


def test_numbers_of_numpy_are_written(make_gan, tmp_path):
    state = {kind: value for kind, (value, _) in SCALARS.items()}
    assert not train(make_gan, tmp_path / "c", [Stateful(lambda: state)])
    resumed = Stateful(lambda: state)
    train(make_gan, tmp_path / "c", [resumed], epochs=3, resume=True)
    assert resumed.restored == {kind: expected for kind, (_, expected) in SCALARS.items()}
    for kind, (_, expected) in SCALARS.items():
        assert type(resumed.restored[kind]) is type(expected)


def test_nan_and_keys_of_numpy(make_gan, tmp_path):
    train(make_gan, tmp_path / "c", [Stateful(lambda: {"x": np.float32("nan"), np.int64(3): 1})])
    resumed = Stateful(dict)
    train(make_gan, tmp_path / "c", [resumed], epochs=3, resume=True)
    assert np.isnan(resumed.restored["x"]) and resumed.restored["3"] == 1


REFUSED = {
    "set": (lambda: {"a": {1, 2}}, "holds a set"),
    "bytes": (lambda: {"a": b"x"}, "holds a bytes"),
    "object": (lambda: {"a": object()}, "holds a object"),
    "array": (lambda: {"a": np.zeros(3)}, "holds a ndarray"),
    "complex": (lambda: {"a": np.complex64(1j)}, "holds a complex64"),
    "date": (lambda: {"a": np.datetime64("2026-01-01")}, "holds a datetime64"),
    "key": (lambda: {(1, 2): 3}, "holds a tuple"),
    "variable": (lambda: {"a": keras.Variable(1.0)}, "Variable"),
    "function": (lambda: {"a": len}, "holds a builtin"),
    "no dict": (lambda: Stateful, "holds a type"),
    "cycle": (cycle, "nested deeper"),
    "wide cycle": (wide_cycle, "nested deeper"),
    "deep": (deep, "nested deeper"),
    "huge": (lambda: {"a": "x" * 2**23}, "too long"),
    "huge list": (lambda: {"a": list(range(10**6))}, "too long"),
    "shared parts": (shared_parts, "too long"),
    "huge number": (lambda: {"a": 10**6000}, "ValueError: Exceeds the limit"),
    "ValueError": (raising(ValueError("boom")), "ValueError: boom"),
    "KeyError": (raising(KeyError("boom")), "KeyError: 'boom'"),
    "OSError": (raising(OSError(5, "boom")), "OSError"),
    "RecursionError": (raising(RecursionError("boom")), "RecursionError"),
    "assertion": (raising(AssertionError()), "AssertionError"),
}


def test_states_that_cannot_be_written_are_left_out(make_gan, tmp_path):
    """All in one training, each in a callback of its own, and one callback whose state is sound."""
    broken, other = [Stateful(make) for make, _ in REFUSED.values()], Other()
    messages = train(make_gan, tmp_path / "c", [*broken, other], epochs=1)
    assert len(messages) == len(REFUSED)
    for number, (kind, (_, reason)) in enumerate(REFUSED.items()):
        (message,) = [each for each in messages if f"'{number} Stateful'" in each]
        assert reason in message, kind
        assert "Training goes on" in message and "starts anew" in message and "\n" not in message
    name = f"{len(REFUSED)} Other"
    assert checkpoint_files.peek(tmp_path / "c")["callbacks"] == {name: {"count": 3}}
    messages = train(make_gan, tmp_path / "c", [*broken, other], epochs=2, resume=True)
    anew = [each for each in messages if "has no state of the callback" in each and "starts anew" in each]
    assert len(anew) == len(REFUSED)
    assert all(each.restored is None for each in broken) and other.restored == {"count": 3}


def test_a_state_that_grows_is_left_out_once_it_is_too_long(make_gan, tmp_path):
    class Growing(Stateful):
        def __init__(self):
            super().__init__(lambda: {"log": ["x" * 2**20] * self.epochs})
            self.epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 2

    messages = train(make_gan, tmp_path / "c", [Growing(), Other()], epochs=3)
    assert len(messages) == 2 and all("'0 Growing'" in each and "too long" in each for each in messages)
    newest, _, oldest = checkpoint_files.files(tmp_path / "c")
    assert set(checkpoint_files.peek_at(newest)["callbacks"]) == {"1 Other"}
    assert len(checkpoint_files.peek_at(oldest)["callbacks"]["0 Growing"]["log"]) == 2


def test_the_longest_of_several_states_gives_way(make_gan, tmp_path):
    sizes = [2**21, 2**20, 2**21 + 1, 10]
    callbacks = [Stateful(lambda size=size: {"a": "x" * size}) for size in sizes]
    messages = train(make_gan, tmp_path / "c", callbacks, epochs=1)
    assert len(messages) == 1 and "'2 Stateful'" in messages[0]
    assert list(checkpoint_files.peek(tmp_path / "c")["callbacks"]) == ["0 Stateful", "1 Stateful", "3 Stateful"]


def test_a_state_that_recovers_is_saved_again(make_gan, tmp_path):
    results = iter([{"a": 1}, object(), {"a": 2}])
    found = []

    class Keeps(Stateful):
        def on_epoch_end(self, epoch, logs=None):
            found.append(next(results))

    messages = train(make_gan, tmp_path / "c", [Keeps(lambda: found[-1] if found else {})], epochs=3)
    assert len(messages) == 1
    assert checkpoint_files.peek(tmp_path / "c")["callbacks"] == {"0 Keeps": {"a": 2}}


BEST_WEIGHTS = {
    "strings": ["a", "b"],
    "lists": [[1.0], [2.0]],
    "other shapes": [np.zeros((2, 2), "float32")],
    "number": 3,
    "array": np.zeros((2, 2)),
}


@pytest.mark.parametrize("restores", [True, False])
def test_weights_that_are_not_the_models(make_gan, tmp_path, restores):
    """Written, they would make a checkpoint that cannot be read again."""

    class Keeps(Stateful):
        restore_best_weights = restores

    def callbacks():
        found = [Keeps(lambda: {"a": 1}) for _ in BEST_WEIGHTS]
        for callback, weights in zip(found, BEST_WEIGHTS.values(), strict=True):
            callback.best_weights = weights
        return found

    messages = train(make_gan, tmp_path / "c", callbacks(), epochs=1)
    assert len(messages) == (len(BEST_WEIGHTS) if restores else 0)
    resumed = callbacks()
    train(make_gan, tmp_path / "c", resumed, resume=True)
    assert all(each.restored == (None if restores else {"a": 1}) for each in resumed)


def test_best_weights_of_early_stopping_are_kept(make_gan, tmp_path):
    class Same(keras.callbacks.Callback):
        """A log that never gets better."""

        def on_epoch_end(self, epoch, logs=None):
            logs["same"] = 1.0

    def stopping():
        return keras.callbacks.EarlyStopping("same", patience=9, restore_best_weights=True, mode="min")

    first, second = stopping(), stopping()
    assert not train(make_gan, tmp_path / "c", [Same(), first])
    train(make_gan, tmp_path / "c", [Same(), second], epochs=3, resume=True)
    assert first.best_epoch == second.best_epoch == 0
    assert all(np.array_equal(*pair) for pair in zip(first.best_weights, second.best_weights, strict=True))


def test_a_callback_after_the_checkpoint_whose_state_raises_is_refused(make_gan, tmp_path):
    gan = make_gan()
    callbacks = [Checkpoint(tmp_path / "c"), Stateful(raising(KeyError("boom")))]
    with pytest.raises(ValueError, match="Checkpoint must be the last callback"):
        gan.fit(IMAGES, callbacks=callbacks, verbose=0)
