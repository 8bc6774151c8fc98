"""Checkpoint files: whole or not at all, and nothing is read that was not written."""

import hashlib
import json
import os
import pickle
import signal
import time
import tracemalloc
import warnings

import forked
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kerasgan.resume import checkpoint_files

ARRAYS = {
    "kernel": np.arange(600, dtype="float32").reshape(20, 30),
    "half": np.ones((3, 5), ml_dtypes.bfloat16),
    "step": np.array(7, "int64"),
    "none": np.zeros((0, 4), "float32"),
    "flags": np.array([True, False]),
}
SPEC = {name: (array.shape, array.dtype) for name, array in ARRAYS.items()}
COUNTERS = {"epoch": 3, "best": 0.1, "lost": float("inf"), "none": None}


def write(folder, step, arrays=ARRAYS):
    return checkpoint_files.write(folder, step, arrays, COUNTERS | {"step": step})


def sealed(header, body=b"", length=None):
    """A file as an attacker can make it: any header and body, with a checksum that is right."""
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    start = checkpoint_files.MAGIC + (len(header) if length is None else length).to_bytes(8, "little") + header + body
    return start + hashlib.sha256(start).digest()


def newest(folder, spec=SPEC):
    """The step of the newest sound checkpoint and the warnings there were."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = checkpoint_files.newest(folder, spec)
    return found.counters["step"], [str(each.message) for each in caught]


def test_what_is_read_is_what_was_written(tmp_path):
    path = write(tmp_path / "new", 12)
    assert path.name == "step-00000012.checkpoint" and os.listdir(tmp_path / "new") == [path.name]
    found = checkpoint_files.read(path, SPEC)
    assert found.counters == COUNTERS | {"step": 12}
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype and np.array_equal(found.arrays[name], array)
    assert checkpoint_files.peek(tmp_path / "new") == found.counters


def test_the_newest_is_the_highest_step_and_the_last_are_kept(tmp_path):
    for step in (9, 100_000_000, 10, 99_999_999):
        write(tmp_path, step)
    assert newest(tmp_path) == (100_000_000, [])
    (tmp_path / ".1.step-00000010.checkpoint").write_bytes(b"left by a killed process")
    checkpoint_files.prune(tmp_path, keep=2)
    assert sorted(os.listdir(tmp_path)) == ["step-100000000.checkpoint", "step-99999999.checkpoint"]


@pytest.mark.parametrize("clock", [[], [5], [3, 8, 14, 15, 16, 23], range(1, 200)])
def test_two_planned_ones_that_are_far_apart_are_kept_whenever_the_clock_asked_for_others(clock, tmp_path):
    for step in sorted({*range(2, 101, 2), *(each for each in clock if each <= 100)}):
        counters = COUNTERS | {"step": step, "planned": step % 2 == 0}
        checkpoint_files.write(tmp_path, step, ARRAYS, counters)
        checkpoint_files.prune(tmp_path, keep=3, apart=15)
        steps = [checkpoint_files.step_of(path) for path in checkpoint_files.files(tmp_path)]
        planned = [each for each in range(2, step + 1, 2)]
        kept = {*planned[-3:], *planned[::8][-2:]}
        assert {each for each in steps if each % 2 == 0} == kept
        assert len(steps) <= 8 and steps[0] == step and (step < 33 or min(kept) <= step - 15)


def test_the_best_stays(tmp_path):
    checkpoint_files.mark_best(write(tmp_path, 1))
    for step in range(2, 9):
        write(tmp_path, step)
        checkpoint_files.prune(tmp_path, keep=2)
    assert checkpoint_files.newest(tmp_path, SPEC, best=True).counters["step"] == 1
    (tmp_path / checkpoint_files.BEST).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match=r"Passed over best\.checkpoint .* Used instead: .*step-00000008"):
        assert checkpoint_files.newest(tmp_path, SPEC, best=True).counters["step"] == 8


def test_no_checkpoints_are_no_mistake(tmp_path):
    assert checkpoint_files.newest(tmp_path, SPEC) is None
    assert (
        checkpoint_files.newest(tmp_path / "nowhere", SPEC) is None
        and checkpoint_files.peek(tmp_path / "nowhere") is None
    )


# Damage


def damaged(folder, change):
    """Two checkpoints, the newer one changed: that one is passed over, for the other, with one warning for both."""
    write(folder, 1)
    path = write(folder, 2)
    path.write_bytes(change(path.read_bytes()))
    step, messages = newest(folder)
    assert step == 1 and len(messages) == 1, messages
    assert "step-00000002" in messages[0] and "step-00000001" in messages[0]
    assert checkpoint_files.peek(folder)["step"] == 1


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_checkpoint_is_passed_over(tenth, tmp_path):
    damaged(tmp_path, lambda content: content[: len(content) * tenth // 10])


def test_a_byte_too_few_or_too_many(tmp_path):
    damaged(tmp_path, lambda content: content[:-1])
    damaged(tmp_path, lambda content: content + b"\0")


def test_a_flipped_bit_anywhere_is_found(tmp_path):
    """Every seventh byte of a small checkpoint; in the slow suite, every bit."""
    content = write(tmp_path, 1).read_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (tmp_path / "step-00000001.checkpoint").write_bytes(changed)
        with pytest.raises(ValueError, match=r"^it"):
            checkpoint_files.read(tmp_path / "step-00000001.checkpoint", SPEC)


@pytest.mark.slow
def test_every_flipped_bit_is_found(tmp_path):
    content = write(tmp_path, 1).read_bytes()
    path = tmp_path / "step-00000001.checkpoint"
    for bit in range(8 * len(content)):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        with pytest.raises(ValueError, match=r"^it"):
            checkpoint_files.read(path, SPEC)
    print(f"{8 * len(content):,} flipped bits, all found")


def test_a_deleted_checkpoint_is_not_missed(tmp_path):
    for step in (1, 2, 3):
        write(tmp_path, step)
    (tmp_path / "step-00000003.checkpoint").unlink()
    assert newest(tmp_path) == (2, [])


def test_where_all_are_damaged_it_says_so(tmp_path):
    for step in (1, 2):
        write(tmp_path, step).write_bytes(b"")
    with pytest.raises(ValueError, match=r"must be sound.*step-00000002.*step-00000001"):
        checkpoint_files.newest(tmp_path, SPEC)


# Strangers


class Planted:
    def __reduce__(self):
        return os.mkdir, (os.environ["PLANTED"],)


HEADER = {"arrays": [[n, str(a.dtype), list(a.shape)] for n, a in ARRAYS.items()], "counters": {}}
BODY = b"".join(array.tobytes() for array in ARRAYS.values())
HOSTILE = {
    "a header of many gigabytes": sealed(b"{}", length=2**60),
    "nested for ever": sealed(b"[" * 100_000),
    "a number without end": sealed(b'{"arrays": [], "counters": {"a": ' + b"9" * 10_000 + b"}}"),
    "a list": sealed([]),
    "no arrays": sealed({"arrays": [], "counters": {}}),
    "counters that are none": sealed({"arrays": [], "counters": 3}),
    "arrays of numbers": sealed({"arrays": [1, 2], "counters": {}}),
    "a huge array": sealed({"arrays": [["kernel", "float32", [2**31, 2**31]]], "counters": {}}),
    "a negative size": sealed({"arrays": [["kernel", "float32", [-20, -30]]], "counters": {}}),
    "objects": sealed({"arrays": [["kernel", "object", [20, 30]]], "counters": {}}),
    "twice": sealed({"arrays": HEADER["arrays"] + HEADER["arrays"], "counters": {}}, BODY * 2),
    "a name that leads out": sealed({"arrays": [["../../etc/passwd", "float32", [1]]], "counters": {}}, b"\0" * 4),
    "too much besides": sealed(HEADER, BODY + b"\0" * 2**20),
}


def test_the_planted_files_differ_from_a_true_one_by_what_is_planted(tmp_path):
    path = tmp_path / "step-00000001.checkpoint"
    path.write_bytes(sealed(HEADER, BODY))
    assert checkpoint_files.read(path, SPEC).arrays["step"] == 7


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_refused_and_nothing_large_is_allocated(kind, tmp_path):
    path = tmp_path / "step-00000001.checkpoint"
    path.write_bytes(HOSTILE[kind])
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"^it"):
            checkpoint_files.read(path, SPEC)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_planted_pickle_is_not_run(tmp_path, monkeypatch):
    monkeypatch.setenv("PLANTED", str(tmp_path / "planted"))
    content = pickle.dumps(Planted())
    path = tmp_path / "step-00000001.checkpoint"
    for planted in (content, sealed(content), sealed(HEADER, content)):
        path.write_bytes(planted)
        with pytest.raises(ValueError, match=r"^it"):
            checkpoint_files.read(path, SPEC)
    assert not (tmp_path / "planted").exists()
    pickle.loads(content)
    assert (tmp_path / "planted").exists()  # it would have shown


def test_links_pipes_and_folders_are_not_read(tmp_path):
    outside = write(tmp_path / "outside", 1)
    inside = tmp_path / "inside"
    write(inside, 1)
    (inside / "step-00000002.checkpoint").symlink_to(outside)
    (inside / "step-00000003.checkpoint").mkdir()
    os.mkfifo(inside / "step-00000004.checkpoint")
    step, messages = newest(inside)
    assert step == 1 and all(f"step-0000000{n}" in messages[0] for n in (2, 3, 4))


def test_another_training_is_not_taken_for_this(tmp_path):
    write(tmp_path, 1)
    for name, other in (("kernel", ((20, 31), "float32")), ("kernel", ((20, 30), "float64")), ("more", ((1,), "int8"))):
        with pytest.raises(ValueError, match=name):
            checkpoint_files.newest(tmp_path, SPEC | {name: other})


# Disks that fail


def test_a_write_that_fails_leaves_nothing_and_what_was_there(tmp_path, monkeypatch):
    path = write(tmp_path, 1)
    for name in ("fsync", "replace"):

        def fails(*arguments):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, name, fails)
            for step in (1, 2):
                with pytest.raises(OSError, match="No space"):
                    write(tmp_path, step)
    assert os.listdir(tmp_path) == [path.name] and newest(tmp_path) == (1, [])


def test_a_folder_whose_parent_is_lost_is_not_made_elsewhere(tmp_path):
    with pytest.raises(OSError):
        write(tmp_path / "lost" / "checkpoints", 1)
    assert not (tmp_path / "lost").exists()


def write_for_ever(folder):
    array = np.zeros(500_000, "float32")
    for step in range(1, 10**6):
        array[:] = step
        checkpoint_files.write(folder, step, {"a": array}, {"step": step})
        checkpoint_files.prune(folder, 3)


def kill_writers(folder, kills, seed):
    """Kills a process that does nothing but write, at random moments; returns how often it was in a write."""
    spec, torn, random = {"a": ((500_000,), "float32")}, 0, np.random.default_rng(seed)
    for _ in range(kills):
        writer = forked.start(lambda: write_for_ever(folder))
        time.sleep(random.uniform(0.0, 0.3))
        os.kill(writer, signal.SIGKILL)
        assert forked.exit_code(writer) == -signal.SIGKILL
        torn += any(name.startswith(".") for name in os.listdir(folder))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = checkpoint_files.newest(folder, spec)
        assert found is None or (found.arrays["a"] == found.counters["step"]).all()
        for path in checkpoint_files.files(folder):  # not one is lost but the one in the making
            assert checkpoint_files.read(path, spec).counters["step"] == int(path.stem.removeprefix("step-"))
        checkpoint_files.prune(folder, 3)
    return torn


def test_killed_while_writing(tmp_path):
    kill_writers(tmp_path, kills=3, seed=0)


@pytest.mark.slow
def test_killed_while_writing_many_times(tmp_path):
    torn = kill_writers(tmp_path, kills=100, seed=1)
    print(f"100 kills, {torn} of them in the middle of a write")
    assert torn >= 25


# Any bytes at all

PIECES = st.one_of(
    st.binary(max_size=300),
    st.builds(sealed, st.binary(max_size=300), st.binary(max_size=50)),
    st.builds(
        lambda arrays, counters, body: sealed({"arrays": arrays, "counters": counters}, body),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*SPEC, "float32", "int64"]),
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        ),
        st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5), max_size=3),
        st.binary(max_size=50),
    ),
    st.tuples(st.integers(0, 2700), st.integers(0, 255), st.integers(0, 2700)).map(
        lambda change: _spliced(sealed(HEADER, BODY), *change)
    ),
)


def _spliced(content, place, value, end):
    place = min(place, len(content) - 1)
    return content[:place] + bytes([value]) + content[place + 1 : max(end, place + 1)]


def fuzz(folder, examples):
    path = folder / "step-00000001.checkpoint"
    whole, tried = sealed(HEADER, BODY), []

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(PIECES)
    def any_bytes(content):
        path.write_bytes(content)
        tried.append(content == whole)
        try:
            found = checkpoint_files.read(path, SPEC)
        except ValueError as error:
            assert str(error).startswith(("it ", "its ")) and not tried[-1]
        else:
            assert tried[-1] and all(np.array_equal(found.arrays[name], ARRAYS[name]) for name in ARRAYS)
        checkpoint_files.peek(folder)

    any_bytes()
    return len(tried)


def test_any_bytes_are_read_or_refused(tmp_path):
    fuzz(tmp_path, 150)


@pytest.mark.slow
def test_any_bytes_are_read_or_refused_many_times(tmp_path):
    print(f"{fuzz(tmp_path, 20_000):,} inputs")
