"""The logs of every epoch as a CSV file."""

import csv
import io
import os
import pathlib
import time
from collections.abc import Mapping

import keras

from kerasgan import files

from .writer import training_step, warn_of_write_errors

FIRST_COLUMNS = ("epoch", "step", "seconds")


class HistoryCSV(keras.callbacks.Callback):
    """Writes one row per epoch to a CSV file, for a spreadsheet, pandas or `kerasgan compare`.

    The columns are `epoch` (number of finished epochs), `step` (training steps so far), `seconds` (of this epoch,
    validation and callbacks before this one included), then all logs of the epoch, in the order in which they first
    came. A value that is missing in an epoch is an empty cell. Put this callback after those that add logs, such as
    `Evaluate` and `Guard`.

    A training that is resumed by `Checkpoint` goes on in the same file: rows of epochs that are trained again are
    replaced, so that every epoch has one row. A fit that starts from epoch 0 starts a new file. A full disk does not
    end training, but is warned of.

    Args:
        path: the file; its folder is made if it does not exist.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> import kerasgan
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "history.csv"
        >>> images = np.zeros((8, 8, 8, 1), "float32")
        >>> history = gan.fit(images, epochs=2, callbacks=[kerasgan.callbacks.HistoryCSV(path)], verbose=0)
        >>> path.read_text().splitlines()[0]
        'epoch,step,seconds,d_fake,d_loss,d_real,g_loss,loss'
    """

    def __init__(self, path: str | os.PathLike):
        super().__init__()
        self.path: pathlib.Path = pathlib.Path(path)
        self._columns: list[str] | None = None  # None until the first epoch of a fit, and after a failed write
        self._began = 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._columns = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._began = time.perf_counter()
        if self._columns is None:  # `Checkpoint` has restored the epoch by now
            with warn_of_write_errors(self.path):
                self._continue_after(epoch)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        seconds = round(time.perf_counter() - self._began, 3)
        values = {name: float(value) for name, value in (logs or {}).items()}
        row = dict(zip(FIRST_COLUMNS, (epoch + 1, training_step(self.model), seconds), strict=True)) | values
        with warn_of_write_errors(self.path):
            new = [name for name in sorted(row) if name not in (self._columns or FIRST_COLUMNS)]
            if self._columns is None or new:
                rows = read_history(self.path) if self.path.is_file() else []
                self._write([*(self._columns or FIRST_COLUMNS), *new], [*rows, row])
            else:
                columns, self._columns = self._columns, None  # a row that is cut short is removed by the next epoch
                with open(self.path, "a", newline="", encoding="utf-8") as file:
                    csv.DictWriter(file, columns).writerow(row)
                self._columns = columns

    def _continue_after(self, epoch):
        """Keeps the rows of earlier epochs, which a resumed training goes on from."""
        rows = read_history(self.path) if epoch > 0 and self.path.is_file() else []
        rows = [row for row in rows if row["epoch"] <= epoch]
        columns = list(dict.fromkeys([*FIRST_COLUMNS, *(name for row in rows for name in row)]))
        self._write(columns, rows)

    def _write(self, columns, rows):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with (
            files.written_whole(self.path, durable=False) as unfinished,
            open(unfinished, "w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        self._columns = columns


def read_history(path: str | os.PathLike) -> list[dict[str, float]]:
    """Returns the rows of a file that `HistoryCSV` wrote, each with the columns that have a value.

    A last row without its end, as a kill in the middle of a write may leave it, is left out.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is no such file.
    """
    text = pathlib.Path(path).read_text(encoding="utf-8")
    reader = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
    columns = tuple(reader.fieldnames or ())
    if columns[: len(FIRST_COLUMNS)] != FIRST_COLUMNS:
        raise ValueError(
            f"A history is a CSV file that starts with the columns {', '.join(FIRST_COLUMNS)}. Received: {path} with "
            f"columns {str(columns)[:100]}. Pass the history.csv of a run."
        )
    try:
        rows = [{name: float(cell) for name, cell in cells.items() if cell} for cells in reader]
        return [row | {"epoch": int(row["epoch"]), "step": int(row["step"])} for row in rows]
    except (ValueError, TypeError, KeyError, OverflowError, csv.Error) as error:
        raise ValueError(
            f"The rows of a history must hold numbers, one for each column. Received: {path} ({error}). Remove the "
            "file: it is begun anew."
        ) from None
