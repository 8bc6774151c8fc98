"""The arc between latents, against its definition."""

import numpy as np
import pytest

from kerasgan.sampling.interpolation import spherical_interpolation


def test_the_arc_joins_its_ends_at_constant_norm_and_speed():
    start, end = np.random.default_rng(0).normal(size=(2, 6, 32))
    start, end = (5 * x / np.linalg.norm(x, axis=1, keepdims=True) for x in (start, end))
    arc = spherical_interpolation(start, end, np.linspace(0, 1, 7))
    assert arc.shape == (6, 7, 32)
    assert arc[:, 0] == pytest.approx(start, abs=1e-12) and arc[:, -1] == pytest.approx(end, abs=1e-12)
    assert np.linalg.norm(arc, axis=-1) == pytest.approx(np.full((6, 7), 5.0), abs=1e-9)
    angles = np.arccos((arc[:, 1:] * arc[:, :-1]).sum(axis=-1) / 25)
    assert angles == pytest.approx(angles[:, :1].repeat(6, axis=1), abs=1e-6)


def test_the_middle_of_a_quarter_circle():
    half = np.sqrt(0.5)
    assert spherical_interpolation([[1.0, 0.0]], [[0.0, 1.0]], [0.5])[0, 0] == pytest.approx([half, half], abs=1e-12)


@pytest.mark.parametrize("end", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_without_a_single_arc_the_straight_line_is_taken(end):
    line = spherical_interpolation([[1.0, 0.0]], [end], [0.0, 0.25, 1.0])[0, :, 0]
    assert line == pytest.approx([1.0, 0.75 + 0.25 * end[0], end[0]], abs=1e-12)
