"""Curves are read at images and at minutes."""

import pytest
import quality_points

CURVE = [
    {"images": 100_000, "frechet": 30.0},
    {"images": 300_000, "frechet": 10.0},
    {"images": 749_760, "frechet": 4.0},
]


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (50_000, (None, None)),
        (100_000, (30.0, None)),
        (150_000, (25.0, None)),
        (300_000, (10.0, None)),
        (750_000, (4.0, None)),  # an epoch without its last, partial batch
        (900_000, (4.0, 749_760)),
    ],
)
def test_a_curve_is_interpolated_between_its_points_and_has_an_end(images, found):
    assert quality_points.at(CURVE, "frechet", images) == found


def test_a_row_is_read_where_its_own_rate_has_brought_it():
    """100 images a second are 90,000, 180,000 and 360,000 in 15, 30 and 60 minutes."""
    runs = [{"row": "ours", "curve": CURVE}]
    cells = quality_points.points(runs, {"ours": [90.0, 100.0, 130.0]}, "frechet")["ours"]
    assert cells == ["15", "7.33", "4", "", "22", "9.2"]


def test_the_mean_of_seeds_has_its_standard_error():
    other = [point | {"frechet": point["frechet"] + 2.0} for point in CURVE]
    runs = [{"row": "ours", "curve": curve} for curve in (CURVE, other)]
    assert quality_points.points(runs, {"ours": [100.0]}, "frechet")["ours"][2] == "5±1"


def test_minutes_beyond_the_curve_are_named():
    """500 images a second reach the curve's end after 25 minutes."""
    runs = [{"row": "ours", "curve": CURVE}]
    rates = {"ours": [500.0]}
    cells = quality_points.points(runs, rates, "frechet")
    assert cells["ours"][3:] == ["8", "4 (at 25 min)", "4 (at 25 min)"]
    table = quality_points.as_markdown(cells, rates).splitlines()
    assert table[0].startswith("| row | images/s | 0.25 M images |") and table[2].startswith("| ours | 500 (500-500) |")
