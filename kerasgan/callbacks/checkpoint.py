"""Checkpoints of the whole state of training, from which a killed training goes on as if it had not been killed."""

import contextlib
import dataclasses
import math
import os
import pathlib
import time
import warnings
from collections.abc import Mapping
from typing import Any

import keras

from kerasgan import keras_internals
from kerasgan.resume import callback_state, checkpoint_files, interrupts, model_state
from kerasgan.resume.position import Position, check_data, position_in
from kerasgan.resume.restore import named, restore
from kerasgan.validation import scalars

from .writer import training_step


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state of training to a folder regularly, and resumes from it.

    A checkpoint holds both networks, both optimizers, the averaged generator, every seed state, the probability of an
    adaptive augmentation, the position in the data, the running means of the epoch, and the state of the callbacks
    before it in the list. On one machine, with op determinism on and the same data, a training that was killed and
    resumed ends with the same weights and losses, bit for bit, as one that was not.

    It has to be the last callback in the list. Files are written whole or not at all
    (`kerasgan.resume.checkpoint_files`). A damaged file is passed over for the one before, with a warning that names
    both. If no file can be written, as on a full disk, a warning says so, training goes on, and the callback tries
    again when the next checkpoint is due. States whose losses are not finite are not written, so that the last good
    ones stay.

    `every_epochs`, `every_steps` and `every_seconds` may be combined: whichever is due first.

    Args:
        folder: where the checkpoints go.
        every_epochs: epochs from one checkpoint to the next; None for none at the ends of epochs.
        every_steps: training steps from one checkpoint to the next, or None. With `steps_per_execution` above 1 they
            are written at the end of an execution.
        every_seconds: seconds from one checkpoint to the next, or None.
        keep: how many are kept, at least 1: the newest.
        monitor: name of the log by which the best checkpoint is chosen after each epoch, and kept as
            `best.checkpoint`; None for no such file.
        mode: `"min"` or `"max"`: whether a lower or a higher value of the log is better.
        resume: True goes on from the newest sound checkpoint in the folder, where there is one.

    Attributes:
        folder, every_epochs, every_steps, every_seconds, keep, monitor, mode, resume: the arguments.
        position: the `kerasgan.resume.position.Position` from which this training was resumed, or None.
        latest: path of the last checkpoint written or read, or None.
        rollback_steps: set by `Guard` for rollbacks: a checkpoint is saved when training begins, and besides the newest
            two are kept that are so many steps apart.
        goes_on: set to True, a training that another callback had stopped is resumed at its next epoch; False, the
            default, leaves it stopped.

    Raises:
        ValueError: for settings out of range; when training begins, if it is not the last callback, the checkpoints in
            the folder are all damaged or of another training, or the data are not those of the checkpoint.

    Example:

    ```python
    import tempfile

    import kerasgan

    checkpoint = kerasgan.callbacks.Checkpoint(tempfile.mkdtemp(), resume=True)
    batches, info = kerasgan.datasets.load("digits", batch_size=64)
    gan = kerasgan.GAN(*kerasgan.networks.mlp(info.image_shape, latent_dim=8, width=8), latent_dim=8)
    gan.compile()
    gan.fit(batches.take(2), epochs=1, callbacks=[checkpoint], verbose=0)  # resumed, `epochs` counts those before too
    ```
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every_epochs: int | None = 1,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        keep: int = 3,
        monitor: str | None = None,
        mode: str = "min",
        resume: bool = False,
    ):
        super().__init__()
        self.folder: pathlib.Path = pathlib.Path(folder)
        self.every_epochs: int | None = _interval("every_epochs", every_epochs)
        self.every_steps: int | None = _interval("every_steps", every_steps)
        self.every_seconds: float | None = every_seconds
        if every_seconds is not None and not every_seconds > 0:
            raise ValueError(f"every_seconds must be positive. Received: every_seconds={every_seconds!r}.")
        self.keep: int = scalars.whole_number("keep", keep, 1)
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max'. Received: mode={mode!r}.")
        self.monitor: str | None = monitor
        self.mode: str = mode
        self.resume: bool = resume
        self.position: Position | None = None
        self.latest: pathlib.Path | None = None
        self._expected = None  # the step from which the data were asked for
        self.goes_on: bool = False
        self._means = None  # running means, to be put back once Keras has reset them
        self._best = None
        self._stop_signal = None
        self._epoch, self._saved_step, self._saved_at = 0, 0, 0.0
        self._planned_step = 0  # of the last checkpoint that the steps and epochs asked for, not the clock or a signal
        self._rolled_back = False  # since the last checkpoint
        self._begins = False  # a training that is not resumed, until its first epoch
        self.rollback_steps: int | None = None

    def request_stop(self, signal_number: int) -> None:
        """Makes training end after this step, with a checkpoint and the exception `kerasgan.resume.interrupts.Stopped`.

        `with kerasgan.resume.interrupts.deferred(checkpoint.request_stop): gan.fit(...)` does so on Ctrl-C and SIGTERM.

        Args:
            signal_number: the signal that asks for it.
        """
        self._stop_signal = signal_number

    def skip_batches(self) -> int:
        """Returns how many batches the data have to skip; 0 where there is nothing to resume from.

        It is for `kerasgan.datasets.load(..., skip_batches=)`. Training then checks that the data begin there.
        """
        position = position_in(checkpoint_files.peek(self.folder)) if self.resume else None
        self._expected = 0 if position is None else position.step
        return self._expected

    def roll_back(self, step: int) -> pathlib.Path | None:
        """Gives the model the state of the best checkpoint, or else of the last, not later than a training step.

        Where `every_epochs` or `every_steps` is set, only checkpoints that these asked for count. Those of the clock
        and of signals are at other steps in a training that was killed, which must roll back as one that was not.

        The whole state of the model is restored: weights, optimizers, seeds. The data, the epoch and the other
        callbacks go on from where they are. Later checkpoints are removed: they belong to the training that is undone.
        At the end of this step or epoch a checkpoint is saved, with the new position in the data, and the running means
        of the epoch begin anew.

        Returns:
            The path of the checkpoint, or None where there is none; then nothing has changed.

        Raises:
            ValueError: if there are such checkpoints, but all are damaged.
            OSError: if a later one cannot be removed.
        """
        files = checkpoint_files.files(self.folder)
        has_plan = self.every_epochs is not None or self.every_steps is not None
        choice = checkpoint_files.planned(files) if has_plan else files
        earlier = [path for path in choice if checkpoint_files.step_of(path) <= step]
        best = self.monitor is not None and checkpoint_files.peek_at(self.folder / checkpoint_files.BEST)
        best = bool(best) and best["step"] <= step
        if not earlier and not best:
            return None
        last = step if best else checkpoint_files.step_of(earlier[0])
        _remove_after(last, files)
        found, _ = restore(self.model, self.folder, self._others(), best=best, states=False)
        self.latest, self._rolled_back = found.path, True
        self._saved_step = self._planned_step = training_step(self.model)
        _remove_after(self._saved_step, checkpoint_files.files(self.folder))  # than the best
        return found.path

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        callbacks = self._others()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._warn_of(error)
        if self.resume:
            self._resume(callbacks)
        files, step = checkpoint_files.files(self.folder), training_step(self.model)
        later = [path for path in files if checkpoint_files.step_of(path) > step]
        if later and self.position is None:
            raise ValueError(
                "A training that begins needs a folder without later checkpoints, which would be taken for its own. "
                f"Received: folder={str(self.folder)!r} with {later[0].name}. Go on from it with resume=True, or "
                "choose another folder."
            )
        self._saved_step, self._saved_at = training_step(self.model), time.monotonic()
        self._begins = self.position is None
        if self._begins:
            self._planned_step = self._saved_step

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._epoch = epoch
        keras_internals.set_initial_epoch(self.model, None)
        if self._means is not None:
            model_state.assign(self.model, self._means)
            self._means = None
        if self._begins and self.rollback_steps is not None:  # so that there is always one to roll back to
            self._save(Position(epoch, 0, self._batches_per_epoch()), {}, planned=True)
        self._begins = False

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        total = self._batches_per_epoch()
        if total is not None and batch + 1 >= total:
            return  # the end of the epoch follows, which saves more
        signal_number = self.model.placement.agreed_signal(self._stop_signal, batch)
        planned = self._rolled_back or self._steps_are_up()
        if self._rolled_back:  # the running means are of steps that were undone
            for metric in self.model.metrics:
                metric.reset_state()
        if planned or self._time_is_up() or signal_number is not None:
            self._save(Position(self._epoch, batch + 1, total), logs, planned)
        self._stop_if(signal_number)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        better = self._is_better(logs) and not self._rolled_back
        planned = self.every_epochs is not None and (epoch + 1) % self.every_epochs == 0
        planned = planned or self._rolled_back or self._steps_are_up()
        signal_number = self.model.placement.agreed_signal(self._stop_signal, batch=-1)
        if planned or better or last or self._time_is_up() or signal_number is not None:
            self._save(Position(epoch + 1, 0, self._batches_per_epoch()), logs, planned, better)
        if not last:
            self._stop_if(signal_number)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        if self._rolled_back:
            self._save(Position(self._epoch + 1, 0, self._batches_per_epoch()), logs, planned=True)
        self._expected = None

    def _save(self, position, logs, planned, better=False):
        """Writes a checkpoint. Where that fails, a warning says so, and training goes on."""
        self._saved_step, self._saved_at = training_step(self.model), time.monotonic()
        self._planned_step = self._saved_step if planned else self._planned_step
        losses = [logs[name] for name in ("d_loss", "g_loss") if name in (logs or {}) and not self._rolled_back]
        self._rolled_back = False
        if not all(math.isfinite(float(loss)) for loss in losses):
            warnings.warn(f"No checkpoint of step {self._saved_step:,}: its losses are not finite.", stacklevel=2)
            return
        best = float(logs[self.monitor]) if better else self._best
        arrays, counters = self._state(position, planned, best)
        try:
            self.latest = checkpoint_files.write(self.folder, self._saved_step, arrays, counters)
            if better:
                checkpoint_files.mark_best(self.latest)
            self._best = best
            with contextlib.suppress(OSError):  # the old ones may stay
                checkpoint_files.prune(self.folder, self.keep, self.rollback_steps)
        except OSError as error:
            self._warn_of(error)

    def _state(self, position, planned, best):
        """Returns the arrays and the counters of a checkpoint."""
        arrays = model_state.arrays(self.model)
        counters = dataclasses.asdict(position) | {
            "step": self._saved_step,
            "planned": planned,
            "planned_step": self._planned_step,
            "best": best,
            "stopped": bool(self.model.stop_training),
        }
        room = checkpoint_files.room_in_header(arrays, counters)
        states, weights = callback_state.collect(named(self._others()), room, self.model.weights)
        return arrays | weights, counters | {"callbacks": states}

    def _resume(self, callbacks):
        """Restores everything that can be restored before the epoch begins."""
        restored = restore(self.model, self.folder, callbacks)
        if restored is None:
            return
        found, self.position = restored
        current, position = self.model.current_fit, self.position
        total = keras_internals.batches_in_epoch(current.iterator)
        check_data(position, self._expected, total, is_positioned=current.data is not None)
        self.latest, self._best = found.path, found.counters["best"]
        self._planned_step = found.counters.get("planned_step", found.counters["step"])
        is_over = found.counters["stopped"] and not self.goes_on
        first_epoch = self.params["epochs"] if is_over else position.epoch
        keras_internals.set_initial_epoch(self.model, first_epoch)
        if current.data is not None:
            current.data.begin_at(position.epoch, position.batch)
        if self.position.batch:
            self._means = {name: each for name, each in found.arrays.items() if name.startswith(model_state.METRICS)}
            keras_internals.begin_epoch_at(current.iterator, position.batch, position.batches_per_epoch)
        if self.position.batches_per_epoch is not None:
            self.params["steps"] = self.position.batches_per_epoch  # of all callbacks: the dict is shared

    def _others(self):
        """Returns the callbacks before this one, and checks that none with a state comes after."""
        callbacks = self.model.current_fit.callbacks
        position = next(number for number, each in enumerate(callbacks) if each is self)
        for each in callbacks[position + 1 :]:
            if callback_state.has_state(each):
                raise ValueError(
                    "Checkpoint must be the last callback, so that it saves the state of all others. Received: "
                    f"{type(each).__name__} after it. Put Checkpoint at the end."
                )
        return callbacks[:position]

    def _batches_per_epoch(self):
        return keras_internals.batches_in_epoch(self.model.current_fit.iterator)

    def _steps_are_up(self):
        return self.every_steps is not None and training_step(self.model) - self._planned_step >= self.every_steps

    def _time_is_up(self):
        return self.every_seconds is not None and time.monotonic() - self._saved_at >= self.every_seconds

    def _is_better(self, logs):
        if self.monitor is None:
            return False
        if self.monitor not in (logs or {}):
            warnings.warn(
                f"There is no best checkpoint without the monitored log. Received: monitor={self.monitor!r}, logs "
                f"{sorted(logs or {})}.",
                stacklevel=2,
            )
            return False
        value = float(logs[self.monitor])
        if self._best is None or not math.isfinite(value):
            return math.isfinite(value)
        return value < self._best if self.mode == "min" else value > self._best

    def _stop_if(self, signal_number):
        if signal_number is not None:
            self._stop_signal = None
            written = self.latest is not None and checkpoint_files.step_of(self.latest) == self._saved_step
            raise interrupts.Stopped(signal_number, self.latest if written else None)

    def _warn_of(self, error):
        last = "There is none yet." if self.latest is None else f"The last good one is {self.latest}."
        warnings.warn(
            f"No checkpoint of step {training_step(self.model):,} could be written: {error}. Training goes on, and "
            f"another is tried when it is due. {last}",
            stacklevel=2,
        )


def _remove_after(step, files):
    for path in files:  # the newest first: what a kill here leaves are checkpoints without a gap
        if checkpoint_files.step_of(path) > step:
            path.unlink()


def _interval(name, value):
    return None if value is None else scalars.whole_number(name, value, 1)
