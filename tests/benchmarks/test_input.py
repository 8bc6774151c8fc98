"""The benchmark of the input counts what it says."""

import pathlib

import input as benchmark
import numpy as np
import pytest

from kerasgan import datasets
from kerasgan.datasets import load, source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(source, "MEMORY_SHARE", source.MEMORY_SHARE)  # the benchmark sets it
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 12, 3)])
def test_all_ways_load_the_same_photos(folder, shape, monkeypatch):
    monkeypatch.setattr(benchmark, "BATCH", 3)
    benchmark.draw_photos(folder, 7, shape)
    assert load(folder, 1, image_size=shape[:2], channels=shape[2])[1].num_images == 7
    found = {}
    for way in benchmark.SHARES:
        (pipelines, seconds), kept = benchmark.loaded(folder, shape, way), folder.with_name("cache")
        assert seconds > 0 and kept.exists() == (way != "in memory")
        found[way] = [np.concatenate([np.asarray(batch) for batch in batches]) for batches in pipelines.values()]
    plain, mirrored = found["in memory"]
    assert plain.shape == (6, *shape) and plain.std() > 0.1 and not np.array_equal(plain, mirrored)
    for others in found.values():
        assert np.array_equal(others[0], plain) and np.array_equal(others[1], mirrored)


def test_speed_is_images_over_seconds(monkeypatch):
    """On a clock that moves by two seconds at each reading."""
    clock = iter(range(0, 100, 2))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: next(clock))
    batches, _ = datasets.load(np.zeros((12, 2), "float32"), 4)
    assert benchmark.images_per_second(batches, 7) == 4 * 7 / 2


def test_rows_are_medians_and_ratios():
    speeds = {
        "in memory": [{"a": 10.0, "b": 1.0}, {"a": 30.0, "b": 3.0}, {"a": 20.0, "b": 9.0}],
        "step": [{"step": 2.0}, {"step": 8.0}, {"step": 4.0}],
    }
    (row,) = benchmark.as_rows({"in memory": {"seconds": 1.5, "mib": None}, "step": {}}, speeds)
    assert row["images_per_second"] == {"a": 20.0, "b": 3.0} and row["to_step"] == {"a": 5.0, "b": 0.75}
    assert (row["way"], row["seconds"], row["step"]) == ("in memory", 1.5, 4.0)


@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="needs /proc")
def test_the_peak_of_memory_stays_when_memory_is_given_back():
    now = benchmark.memory_mib("VmRSS")
    held = np.ones(2**25)
    assert benchmark.memory_mib("VmRSS") - now == pytest.approx(256, abs=64)
    del held
    assert benchmark.memory_mib("VmHWM") >= now + 190
    assert benchmark.memory_mib("NoSuch") is None
