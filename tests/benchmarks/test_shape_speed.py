"""Shapes that are timed have as many values, and their operations and ratios are what they are by hand."""

import math

import keras
import pairs
import pytest
import shape_speed
from keras import layers


def test_all_shapes_have_as_many_values():
    assert {math.prod(shape) for shape in shape_speed.SHAPES.values()} == {4096}


@pytest.mark.parametrize(
    ("layer", "shape", "operations"),
    [
        (layers.Conv1D(2, 3, padding="same"), (8, 5), 2 * 3 * 5 * 2 * 8),
        (layers.Conv2D(2, 3, strides=2, padding="same"), (8, 6, 5), 2 * 9 * 5 * 2 * 4 * 3),
        (layers.Conv3D(2, 3, padding="same"), (2, 4, 6, 5), 2 * 27 * 5 * 2 * 2 * 4 * 6),
        (layers.Conv1DTranspose(2, 4, strides=2, padding="same"), (8, 5), 2 * 4 * 5 * 2 * 8),
        (layers.Conv3DTranspose(2, 2, strides=2, padding="same"), (2, 4, 6, 5), 2 * 8 * 5 * 2 * 2 * 4 * 6),
    ],
)
def test_operations_by_hand(layer, shape, operations):
    assert pairs.forward_flops(keras.Sequential([keras.Input(shape), layer])) == operations


def test_ratios_are_those_of_each_round():
    found = {"signal": [0.002, 0.006, 0.004], shape_speed.SQUARE: [0.001, 0.002, 0.004]}
    rows = shape_speed.rows_of(found, {"signal": 30, shape_speed.SQUARE: 20})
    assert rows["signal"]["ratio"] == 2 and rows["signal"]["range"] == [1, 3]
    assert rows["signal"]["milliseconds"] == 4 and rows["signal"]["operations_ratio"] == 1.5
    assert rows[shape_speed.SQUARE]["ratio"] == 1
