"""The clock of a training stops while samples are drawn, and curves are read at distances."""

import argparse
import time

import numpy as np
import time_to_quality

CURVE = [{"images": 100 * n, "minutes": 1.0 * n, "frechet": far} for n, far in ((1, 90.0), (2, 50.0), (3, 60.0))]


def test_drawing_does_not_count(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    points = time_to_quality.Points(tmp_path, minutes=1.0)

    def draw():
        now[0] += 1000.0
        return np.zeros((2, 4, 4, 1))

    for seconds, expected in ((30.0, False), (29.0, False), (1.0, True)):
        now[0] += seconds
        assert points.add(64, draw) is expected
    assert [round(60 * point["minutes"]) for point in points.found] == [30, 59, 60]
    assert np.load(tmp_path / "2.npy").shape == (2, 4, 4, 1)


def test_batches_show_each_image_once_a_pass_in_another_order():
    images = np.arange(130)
    batches = time_to_quality.batches_of(images, seed=0)
    first, second = ([next(batches) for _ in range(2)] for _ in range(2))
    assert all(len(batch) == time_to_quality.BATCH for batch in first + second)
    assert len(set(np.concatenate(first))) == 128 and np.any(np.concatenate(first) != np.concatenate(second))


def test_the_first_point_at_a_distance_counts_and_none_if_it_is_missed():
    assert time_to_quality.reached(CURVE, 90) == 1.0
    assert time_to_quality.reached(CURVE, 60) == 2.0
    assert time_to_quality.reached(CURVE, 49.9) is None


def test_the_table_has_medians_of_seeds_and_the_best_distance():
    later = [point | {"minutes": point["minutes"] + 1.0} for point in CURVE]
    runs = [{"row": "ours", "curve": CURVE}, {"row": "ours", "curve": later}]
    assert time_to_quality.as_markdown("mnist", runs).splitlines()[0].startswith("| mnist | to 100 | to 70 | to 40 |")
    assert time_to_quality.as_markdown("mnist", runs).splitlines()[2] == (
        "| ours | 1.5 | 2.5 | not reached | not reached | not reached | 50.0 after 2.0 min |"
    )


def test_each_row_adds_points_until_the_time_is_up(tmp_path, monkeypatch):
    """The examples go on as long as they are given; the recipe ends after its images."""
    monkeypatch.setitem(time_to_quality.SAMPLES, "mnist", 3)
    options = argparse.Namespace(name="mnist", every=64, minutes=0.0, folder=None)
    images = np.random.default_rng(0).uniform(-1, 1, (128, 28, 28, 1)).astype("float32")
    for row in ("kerasgan", "keras.io"):
        folder = tmp_path / row
        folder.mkdir()
        points = time_to_quality.Points(folder, options.minutes)
        time_to_quality.ROWS[row](options, images, points, 0)
        assert [point["images"] for point in points.found] == [64]
        assert np.load(folder / "0.npy").shape == (3, 28, 28, 1)
