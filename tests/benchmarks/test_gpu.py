"""The benchmark for a machine with a GPU runs on the CPU, keeps what it has, and goes without PyTorch."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import time

import gpu
import numpy as np
import pytest

from kerasgan import pictures

PARTS = ["torch", "memory", "train"]
SCRIPT = pathlib.Path(gpu.__file__)


class Results:
    """Keeps rows in memory, as `records.Partial` does in a file."""

    path = None

    def __init__(self):
        self.rows = []

    def add(self, part, row):
        self.rows.append((part, row))


def test_a_part_that_dies_keeps_its_rows_and_the_others_go_on(tmp_path, monkeypatch):
    script = tmp_path / "dies.py"
    script.write_text(f"print('{gpu.MARK}' + '{{\"batch\": 1}}', flush=True); print('other'); raise SystemExit(3)")
    monkeypatch.setattr(gpu, "__file__", str(script))
    results = Results()
    assert not gpu.run_part("memory", {"batch": 1, "precisions": ["float32"]}, results, dict(os.environ))
    error = {"batch": 1, "precisions": ["float32"], "error": "ended with exit code 3"}
    assert results.rows == [("memory", {"batch": 1}), ("memory", error)]


def test_a_part_is_stopped_when_the_minutes_are_over(tmp_path, monkeypatch):
    script = tmp_path / "hangs.py"
    script.write_text(f"import time; print('{gpu.MARK}' + '{{\"a\": 1}}', flush=True); time.sleep(600)")
    monkeypatch.setattr(gpu, "__file__", str(script))
    results = Results()
    assert not gpu.run_part("torch", {}, results, dict(os.environ), time.monotonic() + 2)
    assert results.rows[-1] == ("torch", {"error": "ended with exit code -9"})


def test_a_rate_is_the_median_of_rounds_that_last():
    now = [0.0]

    def run(steps):
        now[0] += 0.01 * steps

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "perf_counter", lambda: now[0])
        found = gpu.rate_of(run, {"steps": 50, "seconds": 2.0, "rounds": 3, "batch": 10})
    assert found["steps"] == 200 and found["images_per_second"] == pytest.approx(1000) and len(found["rounds"]) == 3


def test_larger_batches_are_left_out_after_one_that_did_not_fit(monkeypatch):
    asked = []

    def run_part(name, settings, results, environment, ends):
        asked.append((name, settings.get("batch"), settings.get("precisions"), environment.get("JAX_PLATFORMS")))
        return settings.get("batch") != 256

    monkeypatch.setattr(gpu, "run_part", run_part)
    parser_of = type("Options", (), {"quick": False, "parts": PARTS, "folder": None, "minutes": None})
    results = Results()
    gpu.run_all(parser_of, results, {})
    batches = [(precision, batch) for name, batch, precision, _ in asked if name == "memory"]
    assert batches == [([precision], batch) for precision in ("float32", "bfloat16") for batch in (64, 256)]
    assert next(each for each in asked if each[0] == "torch")[3] == "cpu"
    assert results.rows == [("train", {"skipped": "no --folder of photos was given"})]


def test_a_missing_torch_is_a_row(monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    assert list(gpu.measure_torch(gpu.QUICK)) == [{"skipped": "PyTorch is not installed"}]


def test_wheels_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"--wheels takes a folder of \.whl files\. Received: "):
        gpu.install(tmp_path, tmp_path / "target")


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax: pip install .[jax]")
def test_the_quick_form_measures_everything(tmp_path):
    random = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number, image in enumerate(random.integers(0, 256, (30, 32, 32, 3), "uint8")):
            pictures.save_png(tmp_path / "photos" / name / f"{number}.png", image, mark=False)
    out = tmp_path / "gpu.json"
    command = [sys.executable, SCRIPT, "--quick", "--folder", tmp_path / "photos", "--train-minutes", "0.02"]
    # PyTorch's compiler needs minutes; its row is tested on its own.
    command += ["--parts", "kerasgan", "memory", "train", "--out", out]
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0", "KERASGAN_CACHE": str(tmp_path)}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(out.read_text())
    assert not [row for part in found.values() if isinstance(part, list) for row in part if "error" in row], found
    assert found["machine"][0]["platform"] == "cpu"
    assert [row["step"] for row in found["kerasgan"]] == ["one_stage", "one_stage in fit"]
    assert all(row["images_per_second"] > 0 for row in found["kerasgan"])
    assert found["kerasgan"][0]["compile_seconds"] > 0 and found["memory"][0]["process_peak_mib"] > 50
    plan, *curve = found["train"]
    assert plan["plan"]["conditional"] and plan["classes"] == 2 and curve
    assert all(np.isfinite(point["frechet"]) and 0 <= point["class_seen"] <= 1 for point in curve)
    assert out.with_suffix(".png").is_file() and out.with_suffix(".keras").is_file()
    assert curve[0]["real_images"] <= 20 and found["memory"][0]["step_mib"] > 0
