"""Conditions from tables: several labels or numbers for each image, from an array or a CSV file."""

import csv
import os
import pathlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasgan.conditions import Condition, Labels, Vector
from kerasgan.validation.printable import printable

from .decoding import listed


def condition_of(values: Any, num_images: int) -> tuple[np.ndarray, Condition]:
    """Returns conditions as float32 (n, columns), and the value of `kerasgan.conditions` that describes them.

    Arrays of 0 and 1 alone, or of -1 and 1 alone, are several labels at once (-1 becomes 0); all others are numbers.

    Args:
        values: numbers or bools (n, columns); floats (n,) are one column.
        num_images: how many images they are for.

    Raises:
        ValueError: for another shape or dtype, another number of rows, values that are not finite, or numbers that
            never change.
    """
    values = np.asarray(values)
    received = f"Received: conditions of shape {values.shape} and dtype {values.dtype} for {num_images} images"
    if values.dtype.kind not in "iufb":
        raise ValueError(f"conditions must be numbers. {received}. Encode them as numbers first.")
    if values.ndim == 1 and values.dtype.kind == "f":
        values = values[:, None]
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"conditions must have one row for each image, (n, columns). {received}. {_way_out(values)}.")
    if len(values) != num_images:
        raise ValueError(f"There must be one row of conditions for each image. {received}. Give as many rows.")
    found = set(np.unique(values[:1000]).tolist())
    if found <= {0, 1} or found <= {-1, 1}:
        found = set(np.unique(values).tolist())
    if found <= {0, 1}:
        values = values.astype("float32")
        return values, Labels.from_data(values)
    if found <= {-1, 1}:
        values = (values > 0).astype("float32")
        return values, Labels.from_data(values)
    values = values.astype("float32")
    return values, Vector.from_data(values)


def _way_out(values):
    if values.ndim == 1:
        return "Use load((images, labels), labels=True) for one class for each image, and values[:, None] for a number"
    return (
        "Use kerasgan.datasets.load_pairs(inputs, targets) where the conditions are images"
        if values.ndim > 2
        else ("Check where they come from")
    )


def read_table(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Returns the rows of a CSV file by the name in their first column, float64 each, and the names of the columns.

    Args:
        path: a file whose first line names the columns. Columns are separated by commas, semicolons or tabs.

    Raises:
        ValueError: if it cannot be read, a value is no number, or a name is there twice.
    """
    path = pathlib.Path(os.path.expanduser(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"conditions must be an array or a CSV file. Received: '{printable(path)}', which fails with: "
            f"{printable(str(error))}. Check the path."
        ) from None
    head, *_ = text.splitlines() or [""]
    delimiter = max(",;\t", key=head.count)
    header, *lines = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row] or [[]]
    if len(header) < 2 or not lines:
        raise ValueError(
            "A CSV file of conditions holds a line that names the columns, and for each image a line with its file "
            f"name and one or more numbers. Received: '{printable(path)}' with {len(header)} columns and {len(lines)} "
            "such lines."
        )
    rows = {}
    for number, line in enumerate(lines, start=2):
        name, row = line[0].strip(), _numbers(path, number, line, len(header))
        if name in rows:
            raise ValueError(f"Each image has one line. Received: '{printable(path)}' with {printable(name)!r} twice.")
        rows[name] = row
    return rows, tuple(each.strip() for each in header[1:])


def _numbers(path, number, line, columns):
    try:
        row = np.array([float(each) for each in line[1:]])
    except ValueError:
        row = np.array([np.nan])
    if len(line) != columns or not np.isfinite(row).all():
        raise ValueError(
            f"Each line of a CSV file of conditions holds a file name and {columns - 1} finite numbers. Received: "
            f"'{printable(path)}', line {number}: {printable(line)}. Fill or remove it; encode words as numbers."
        )
    return row


def rows_of(
    names: Sequence[str], rows: dict[str, np.ndarray], source: Any
) -> tuple[list[int], np.ndarray, tuple[str, ...]]:
    """Returns which files have a row, their rows float64 (n, columns), and the names on one side alone.

    Args:
        names: the names of the files, relative to their folder.
        rows: of `read_table`, by such names, with or without their extensions.
        source: the path of the folder, for the error.

    Raises:
        ValueError: if no file has a row.
    """
    keys = [name if name in rows else os.path.splitext(name)[0] for name in names]
    kept = [index for index, key in enumerate(keys) if key in rows]
    if not kept:
        raise ValueError(
            f"The first column must hold the names of files below the folder. Received: '{printable(source)}' with "
            f"files such as {printable(names[0])!r}, and rows such as {printable(next(iter(rows)))!r}."
        )
    used = {keys[index] for index in kept}
    alone = [name for name, key in zip(names, keys, strict=True) if key not in rows]
    without_file = [name for name in rows if name not in used]
    if alone or without_file:
        warnings.warn(
            f"Left out {len(alone)} files without a row in the table of conditions, and {len(without_file)} rows "
            f"without a file: {listed([*alone, *without_file])}",
            stacklevel=7,
        )
    return kept, np.stack([rows[keys[index]] for index in kept]), (*alone, *without_file)
