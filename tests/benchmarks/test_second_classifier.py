"""The second classifier names what it was trained on, and counts by hand."""

import numpy as np
import pytest
import second_classifier


def test_figures_by_hand():
    probabilities = np.array([[0.95, 0.05], [0.6, 0.4], [0.08, 0.92], [0.3, 0.7]])
    found = second_classifier.figures(probabilities, np.array([0, 1, 1, 1]))
    assert found == {"class_seen": 0.75, "sure": 0.5}
    assert second_classifier.figures(probabilities)["class_seen"] is None


@pytest.mark.slow
def test_it_learns_what_is_plain_to_see_and_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASGAN_CACHE", str(tmp_path))
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 512)
    images = random.normal(0, 0.1, (512, 16, 16, 1)).astype("float32")
    images[labels == 1, 4:12, 4:12] += 0.8
    first = second_classifier.load("squares", images, labels, flip=True, epochs=4)
    assert second_classifier.figures(first(images), labels)["class_seen"] > 0.98
    (file,) = tmp_path.iterdir()
    changed = file.stat().st_mtime_ns
    again = second_classifier.load("squares", images, labels, flip=True, epochs=4)
    assert file.stat().st_mtime_ns == changed
    np.testing.assert_allclose(again(images[:8]), first(images[:8]), atol=1e-3)
