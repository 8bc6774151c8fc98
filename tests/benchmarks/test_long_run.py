"""A run that goes on and on keeps to its threads, open files and memory: the benchmark `long_run.py`, shortened."""

import pathlib

import long_run
import pytest


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="reads /proc, which only Linux has")
def test_a_run_of_four_thousand_steps_takes_no_more_at_its_end(tmp_path):
    readings = long_run.run(epochs=8, folder=tmp_path)
    start, end = readings[long_run.WARM_UP], readings[-1]
    assert end["threads"] <= start["threads"] and end["open_files"] <= start["open_files"]
    assert end["resident_mib"] - start["resident_mib"] < 4  # Keras's own TensorBoard alone would add 9


def test_what_is_measured_follows_what_is_opened(tmp_path):
    before = long_run.measured()
    with open(tmp_path / "file", "w"):
        assert long_run.measured()["open_files"] == before["open_files"] + 1
    held = bytearray(b"x" * 2**26)
    assert long_run.measured()["resident_mib"] >= before["resident_mib"] + 48 and len(held) == 2**26
