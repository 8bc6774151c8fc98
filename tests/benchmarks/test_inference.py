"""The benchmark of inference compares functions that draw the same images; drawing in batches costs one trace."""

import inference
import numpy as np
import pytest
import tensorflow as tf


def test_all_contestants_draw_the_same_images(make_gan, tmp_path):
    gan = make_gan()
    gan.export(tmp_path)
    drawn = {
        name: draw() for name, draw in inference.contestants(gan, tf.saved_model.load(tmp_path), 4, 2, seed=3).items()
    }
    batch_by_batch = np.concatenate([gan.generate(2, seed=3), gan.generate(2, seed=4)])
    np.testing.assert_allclose(drawn.pop("SavedModel generate"), batch_by_batch, atol=1e-6)
    assert len(drawn) == 4
    for images in drawn.values():
        np.testing.assert_allclose(images, gan.generate(4, seed=3), atol=1e-6)


def test_speeds_are_images_over_seconds(make_gan, monkeypatch):
    """On a clock that moves by half a second at each reading, a call takes half a second."""
    clock = iter(np.cumsum([0.5] * 10_000))
    monkeypatch.setattr(inference.time, "perf_counter", lambda: next(clock))
    speeds = inference.compare(make_gan(), images=6, batch_sizes=(1, 4), rounds=2)
    assert {size: len(named) for size, named in speeds.items()} == {1: 5, 4: 5}
    assert all(found == pytest.approx([12.0, 12.0]) for found in speeds[1].values())
    assert all(found == pytest.approx([8.0, 8.0]) for found in speeds[4].values())


def test_rows_are_ratios_to_predict():
    rows = inference.as_rows("pair", {64: {inference.PREDICT: [1.0, 4.0, 2.0], "ours": [3.0, 9.0, 6.0]}})
    assert [row["ratio"] for row in rows] == [1.0, 3.0]
    assert rows[1] | {"name": ""} == {
        "pair": "pair", "batch": 64, "name": "", "median": 6.0, "low": 3.0, "high": 9.0, "ratio": 3.0
    }  # fmt: skip


def test_batches_of_any_size_are_one_trace(make_gan):
    gan = make_gan()
    for n, batch_size in ((10, 4), (3, 256), (1, 1), (0, 2)):
        assert len(gan.generate(n, seed=0, batch_size=batch_size)) == n
    assert gan.sample_function.experimental_get_tracing_count() == 1
