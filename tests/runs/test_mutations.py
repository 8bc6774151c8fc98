"""Damaged and crafted files through the commands: success, or one line and exit code 2 (`benchmarks/mutations.py`)."""

import json
import pathlib
import subprocess
import sys

import pytest

BENCHMARK = pathlib.Path(__file__).resolve().parents[2] / "benchmarks" / "mutations.py"

needs_fork = pytest.mark.skipif(sys.platform != "linux", reason="forks, and measures memory as Linux does")


def mutate(tmp_path, count, seed):
    """Runs some cases in a process that has computed nothing, as forking needs; returns the record."""
    out = tmp_path / "mutations.json"
    command = [sys.executable, str(BENCHMARK), "--count", str(count), "--seed", str(seed), "--out", str(out)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert out.exists(), ended.stdout + ended.stderr
    return json.loads(out.read_text()), ended.stdout


@needs_fork
def test_a_few_mutations_end_well(tmp_path):
    found, printed = mutate(tmp_path, 12, seed=101)
    assert found["cases"] == 12 and not found["bad"], printed
    assert found["verdicts"].get("refused", 0) >= 3, "the mutations change too little to say anything"


@needs_fork
@pytest.mark.slow
def test_many_mutations_end_well(tmp_path):
    found, printed = mutate(tmp_path, 300, seed=102)
    assert found["cases"] == 300 and not found["bad"], printed
    assert found["verdicts"]["refused"] >= 75 and found["verdicts"]["success"] >= 10
