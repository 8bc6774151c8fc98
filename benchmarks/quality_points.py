"""Reads the curves of `quality.py` at numbers of images and at minutes: `quality_points.py CURVES RATES`.

The curves are those of `quality.py cifar10-conditional`, which may have been trained on one core, next to other work;
the rates are those of `quality.py cifar10-conditional --rates` on idle cores, and say how many images a row has seen
after some minutes: the median of the rounds. Between the points of a curve, figures are interpolated. A row that has
seen more images by then than its curve has is read at the curve's end, which is marked with its minutes.
"""

import argparse
import json
import pathlib
import statistics

import numpy as np
import records

IMAGES = (250_000, 500_000, 750_000)
MINUTES = (15, 30, 60)
SHORT = 0.01
"""Share of the images by which a curve may end before a point: an epoch ends with its last whole batch."""


def at(curve, figure, images):
    """Returns a figure of a curve after a number of images, and the images of the curve's last point if that is before.

    Args:
        curve: list of dicts with "images" and the figure.
        figure: its name.
        images: how many images were seen.

    Returns:
        A pair (value, end): `end` is None where the curve reaches as far. The value is None before the first point.
    """
    seen = [point["images"] for point in curve]
    if images < seen[0] * (1 - SHORT):
        return None, None
    end = seen[-1] if images * (1 - SHORT) > seen[-1] else None
    return float(np.interp(images, seen, [point[figure] for point in curve])), end


def points(runs, rates, figure):
    """Returns for each row its cells: texts with the mean over its runs and the standard error, at images and minutes.

    Args:
        runs: the runs of `quality.py`, dicts with "row" and "curve".
        rates: for each row, images a second in each round.
        figure: name of the figure.
    """
    cells = {}
    for row in dict.fromkeys(run["row"] for run in runs):
        rate = statistics.median(rates[row])
        asked = [*IMAGES, *(60 * rate * minutes for minutes in MINUTES)]
        curves = [run["curve"] for run in runs if run["row"] == row]
        cells[row] = [_cell([at(curve, figure, images) for curve in curves], rate) for images in asked]
    return cells


def _cell(found, rate):
    values = [value for value, _ in found if value is not None]
    if not values:
        return ""
    error = f"±{np.std(values, ddof=1) / np.sqrt(len(values)):.2g}" if len(values) > 1 else ""
    ends = [end for _, end in found if end is not None]
    return f"{np.mean(values):.3g}{error}" + (f" (at {min(ends) / rate / 60:.0f} min)" if ends else "")


def as_markdown(cells, rates):
    """Returns a table of the cells of `points`, with the median and range of each row's images a second."""
    headings = [f"{images / 1e6:g} M images" for images in IMAGES] + [f"{minutes} min" for minutes in MINUTES]
    lines = [f"| row | images/s | {' | '.join(headings)} |", "|---" * (len(headings) + 2) + "|"]
    for row, texts in cells.items():
        found = rates[row]
        lines.append(
            f"| {row} | {statistics.median(found):.0f} ({min(found):.0f}-{max(found):.0f}) | {' | '.join(texts)} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curves", type=pathlib.Path, help="JSON of quality.py")
    parser.add_argument("rates", type=pathlib.Path, help="JSON of quality.py --rates")
    parser.add_argument("--figures", nargs="+", default=["frechet", "class_seen"], help="default: %(default)s")
    records.add_options(parser, "quality-points")
    options = parser.parse_args()
    runs, rates = json.loads(options.curves.read_text())["runs"], json.loads(options.rates.read_text())["rates"]
    found = {figure: points(runs, rates, figure) for figure in options.figures}
    for figure, cells in found.items():
        print(f"\n{figure}\n\n{as_markdown(cells, rates)}\n")
    records.write(options, {"images": IMAGES, "minutes": MINUTES, "cells": found})


if __name__ == "__main__":
    main()
