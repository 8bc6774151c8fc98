"""Conditions: shapes, limits and draws of classes, labels, numbers and images."""

import numpy as np
import pytest

from kerasgan import conditions


def test_num_classes_is_the_short_form_of_classes():
    assert conditions.resolve(num_classes=3) == conditions.Classes(3)
    assert conditions.resolve() is None
    with pytest.raises(ValueError, match=r"one condition.*num_classes=3"):
        conditions.resolve(3, conditions.Classes(3))
    with pytest.raises(ValueError, match=r"value of kerasgan.conditions.*Received: condition=3"):
        conditions.resolve(condition=3)


def test_numbers_are_drawn_with_the_mean_and_deviation_of_the_data():
    data = np.array([[10.0, -1.0], [30.0, 1.0], [50.0, 3.0]])
    vector = conditions.Vector.from_data(data)
    assert vector.mean == (30.0, 1.0) and np.allclose(vector.std, [np.sqrt(800 / 3), np.sqrt(8 / 3)])
    drawn = vector.draw(20_000, seed=0)
    assert drawn.shape == (20_000, 2) and drawn.dtype == np.float32
    # Four standard errors of a mean and of a deviation.
    assert np.all(np.abs(drawn.mean(axis=0) - vector.mean) < 4 * np.array(vector.std) / np.sqrt(20_000))
    assert np.all(np.abs(drawn.std(axis=0) - vector.std) < 4 * np.array(vector.std) / np.sqrt(40_000))
    assert np.array_equal(drawn, vector.draw(20_000, seed=0))


def test_labels_are_drawn_with_the_frequencies_of_the_data():
    labels = conditions.Labels.from_data(np.array([[1, 0, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0]]))
    assert labels.frequencies == (1.0, 0.0, 0.25, 0.25)
    drawn = labels.draw(10_000, seed=0)
    assert set(np.unique(drawn)) == {0.0, 1.0} and drawn[:, 0].all() and not drawn[:, 1].any()
    assert np.all(np.abs(drawn[:, 2:].mean(axis=0) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 10_000))


def test_values_are_read_back_from_their_config():
    for condition in (
        conditions.Classes(4),
        conditions.Labels(2, (0.5, 0.25)),
        conditions.Vector(2, (1.0, 2.0), (3.0, 4.0)),
        conditions.Image((8, 16, 3)),
    ):
        assert type(condition).from_config(condition.get_config()) == condition


IMAGE = np.zeros((2, 8, 8, 1), "float32")
BAD = {
    "another shape": (conditions.Image((8, 8, 1)), np.zeros((2, 8, 8, 3), "float32"), r"shape \(batch, 8, 8, 1\)"),
    "image out of range": (conditions.Image((8, 8, 1)), IMAGE + 255, r"must lie in \[-1, 1\].*from 255 to 255"),
    "NaN in an image": (conditions.Image((8, 8, 1)), IMAGE * np.nan, "must be finite"),
    "too few": (conditions.Image((8, 8, 1)), IMAGE[:1], "one condition for each image.*1 conditions for 2 images"),
    "labels of 2": (conditions.Labels(3), np.full((2, 3), 2), r"must lie in \[0, 1\]"),
    "other labels": (conditions.Labels(3), np.zeros((2, 4)), r"shape \(batch, 3\).*\(2, 4\)"),
    "infinite number": (conditions.Vector(1), np.full((2, 1), np.inf), "must be finite"),
    "texts": (conditions.Vector(1), np.array([["a"], ["b"]]), "must be numbers"),
    "classes for an image": (conditions.Image((8, 8, 1)), np.zeros(2, "int32"), "shape"),
    "class out of range": (conditions.Classes(2), np.array([0, 2]), r"\[0, 2\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_conditions_are_refused(case):
    condition, values, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        condition.check_array(values, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: conditions.Classes(0), "at least 1"),
        (lambda: conditions.Labels(2, (0.5,)), "frequencies must be 2 finite numbers"),
        (lambda: conditions.Labels(1, (1.5,)), r"frequencies must lie in \[0, 1\]"),
        (lambda: conditions.Vector(1, std=(0.0,)), "std must be above 0"),
        (lambda: conditions.Vector.from_data(np.ones((4, 1))), r"must vary.*columns \[0\]"),
        (lambda: conditions.Vector.from_data(np.ones(4)), r"shape \(n, columns\)"),
        (lambda: conditions.Image((8, 8)), r"\(height, width, channels\)"),
        (lambda: conditions.Image((8, 8, 1)).draw(2, seed=0), "must be given"),
        (lambda: conditions.Classes(3).draw(2, seed=0), "Labels are drawn by the GAN. .* Use gan.generate"),
    ],
)
def test_bad_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
