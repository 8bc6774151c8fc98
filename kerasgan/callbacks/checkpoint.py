"""Training that can be killed at any moment, and goes on as if it had not been."""

import contextlib
import dataclasses
import math
import pathlib
import time
import warnings

import keras

from kerasgan import keras_internals
from kerasgan.resume import callback_state, checkpoint_files, interrupts, model_state
from kerasgan.resume.position import Position, check_data, position_in
from kerasgan.validation import scalars

from .writer import training_step

COUNTERS = ("step", "epoch", "batch", "batches_per_epoch", "best", "stopped", "callbacks")


class Checkpoint(keras.callbacks.Callback):
    """Writes all that training depends on to a folder, again and again, and takes it up again from there.

    A checkpoint holds both networks, both optimizers, the averaged generator, every seed state, the probability of an
    adaptive augmentation, the position in the data, the running means of the epoch, and the counters of the callbacks
    before it in the list. On one machine, with op determinism on and the same data, a training that was killed and
    resumed ends with the same weights and losses, bit for bit, as one that was not:

    ```python
    checkpoint = kerasgan.callbacks.Checkpoint("checkpoints", resume=True)
    dataset, info = kerasgan.datasets.load("digits", skip_batches=checkpoint.skip_batches())
    gan.fit(dataset, epochs=10, callbacks=[early_stopping, checkpoint])  # `epochs` counts those before as well
    ```

    It has to stand last in the list. Files are written whole or not at all (`kerasgan.resume.checkpoint_files`); one that is
    damaged is passed over for the one before, with a warning that names both. Where none can be written, as on a full
    disk, a warning says so, training goes on, and it is tried again when the next is due. States whose losses are not
    finite are not written, so that the last good ones stay.

    `every_epochs`, `every_steps` and `every_seconds` may be combined: whichever is due first.

    Args:
        folder: where the checkpoints go.
        every_epochs: epochs from one to the next; None for none at the ends of epochs.
        every_steps: training steps from one to the next, or None. With `steps_per_execution` above 1 it is the end of
            an execution that counts.
        every_seconds: seconds from one to the next, or None.
        keep: how many are kept, at least 1; the last ones.
        monitor: name of the log by which the best, `best.checkpoint`, is kept besides, judged after each epoch; None
            for none.
        mode: `"min"` or `"max"`: what is best.
        resume: True goes on from the newest sound checkpoint in the folder, where there is one.

    Attributes:
        position: the `Position` that this training was resumed from, or None.
        latest: path of the last checkpoint written or read, or None.

    Raises:
        ValueError: for settings out of range; when training begins, if it does not stand last, the checkpoints in the
            folder are all damaged or of another training, or the data are not those of the checkpoint.
    """

    def __init__(
        self,
        folder,
        every_epochs=1,
        every_steps=None,
        every_seconds=None,
        keep=3,
        monitor=None,
        mode="min",
        resume=False,
    ):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.every_epochs = every_epochs and scalars.whole_number("every_epochs", every_epochs, 1)
        self.every_steps = every_steps and scalars.whole_number("every_steps", every_steps, 1)
        self.every_seconds = every_seconds
        self.keep = scalars.whole_number("keep", keep, 1)
        if mode not in ("min", "max"):
            raise ValueError(f"mode must be 'min' or 'max'. Received: mode={mode!r}.")
        self.monitor, self.mode, self.resume = monitor, mode, resume
        self.position: Position | None = None
        self.latest: pathlib.Path | None = None
        self._expected = None  # the step from which the data were asked for
        self._means = None  # running means, to be put back once Keras has reset them
        self._best = None
        self._stop_signal = None
        self._epoch, self._saved_step, self._saved_at = 0, 0, 0.0

    def request_stop(self, signal_number):
        """Makes training end after this step with a checkpoint and `kerasgan.resume.interrupts.Stopped`.

        `with kerasgan.resume.interrupts.deferred(checkpoint.request_stop): gan.fit(...)` does so on Ctrl-C and SIGTERM.
        """
        self._stop_signal = signal_number

    def skip_batches(self):
        """Returns how many batches the data have to skip; 0 where there is nothing to resume from."""
        position = position_in(checkpoint_files.peek(self.folder)) if self.resume else None
        self._expected = 0 if position is None else position.step
        return self._expected

    def roll_back(self, step: int) -> pathlib.Path | None:
        """Gives the model back the best state, or else the last, of those not later than a training step.

        All that the model remembers goes back: weights, optimizers, seeds. The data, the epoch and the other callbacks
        go on from where they are. Checkpoints that are later are removed: they are of a training that is given up.

        Returns:
            The path of the checkpoint, or None where there is none; then nothing has changed.

        Raises:
            ValueError: if there are such checkpoints, but all are damaged.
            OSError: if a later one cannot be removed.
        """
        files = checkpoint_files.files(self.folder)
        earlier = [path for path in files if checkpoint_files.step_of(path) <= step]
        best = self.monitor is not None and checkpoint_files.peek_at(self.folder / checkpoint_files.BEST)
        best = bool(best) and best["step"] <= step
        if not earlier and not best:
            return None
        for path in set(files) - set(earlier):
            path.unlink()
        found, _ = _restore(self.model, self.folder, best=best)
        self.latest, self._saved_step = found.path, training_step(self.model)
        return found.path

    def on_train_begin(self, logs=None):
        callbacks = self._others()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._warn_of(error)
        if self.resume:
            self._resume(callbacks)
        later = [
            path for path in checkpoint_files.files(self.folder) if checkpoint_files.step_of(path) > training_step(self.model)
        ]
        if later and self.position is None:
            raise ValueError(
                "A training that begins needs a folder without later checkpoints, which would be taken for its own. "
                f"Received: folder={str(self.folder)!r} with {later[0].name}. Go on from it with resume=True, or "
                "choose another folder."
            )
        self._saved_step, self._saved_at = training_step(self.model), time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        keras_internals.set_initial_epoch(self.model, None)
        if self._means is not None:
            model_state.assign(self.model, self._means)
            self._means = None

    def on_train_batch_end(self, batch, logs=None):
        total = self._batches_per_epoch()
        if total is not None and batch + 1 >= total:
            return  # the end of the epoch follows, and has more to save
        steps = training_step(self.model) - self._saved_step
        asked = self.model.placement.agreed_signal(self._stop_signal, batch)
        if asked is not None or (self.every_steps and steps >= self.every_steps) or self._time_is_up():
            self._save(Position(self._epoch, batch + 1, total), logs)
        self._stop_if(asked)

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        better = self._is_better(logs)
        due = self.every_epochs and (epoch + 1) % self.every_epochs == 0
        steps = training_step(self.model) - self._saved_step
        due = due or (self.every_steps and steps >= self.every_steps) or self._time_is_up()
        asked = self.model.placement.agreed_signal(self._stop_signal, batch=-1)
        if due or better or last or asked is not None:
            self._save(Position(epoch + 1, 0, self._batches_per_epoch()), logs, better)
        if not last:
            self._stop_if(asked)

    def on_train_end(self, logs=None):
        self._expected = None

    def _save(self, position, logs, better=False):
        """Writes a checkpoint. Says so where that fails, and lets training go on."""
        self._saved_step, self._saved_at = training_step(self.model), time.monotonic()
        losses = [logs[name] for name in ("d_loss", "g_loss") if name in (logs or {})]
        if not all(math.isfinite(float(loss)) for loss in losses):
            warnings.warn(f"No checkpoint of step {self._saved_step:,}: its losses are not finite.", stacklevel=2)
            return
        best = float(logs[self.monitor]) if better else self._best
        arrays, kept = self._everything(position, best)
        try:
            self.latest = checkpoint_files.write(self.folder, self._saved_step, arrays, kept)
            if better:
                checkpoint_files.mark_best(self.latest)
            self._best = best
            with contextlib.suppress(OSError):  # the old ones may stay
                checkpoint_files.prune(self.folder, self.keep)
        except OSError as error:
            self._warn_of(error)

    def _everything(self, position, best):
        arrays, states = model_state.arrays(self.model), {}
        for name, callback in _named(self._others()):
            states[name] = callback_state.get(callback)
            for number, weight in enumerate(callback_state.weights(callback)):
                arrays[f"callbacks/{name}/{number}"] = weight
        kept = {"step": self._saved_step, "best": best, "stopped": bool(self.model.stop_training), "callbacks": states}
        return arrays, dataclasses.asdict(position) | kept

    def _resume(self, callbacks):
        """Puts everything back where it was, as far as it can be before the epoch begins."""
        found, self.position = _restore(self.model, self.folder, callbacks)
        if found is None:
            return
        current, position = self.model.current_fit, self.position
        total = keras_internals.batches_in_epoch(current.iterator)
        check_data(position, self._expected, total, is_positioned=current.data is not None)
        self.latest, self._best = found.path, found.counters["best"]
        first_epoch = self.params["epochs"] if found.counters["stopped"] else position.epoch
        keras_internals.set_initial_epoch(self.model, first_epoch)
        if current.data is not None:
            current.data.begin_at(position.epoch, position.batch)
        if self.position.batch:
            self._means = {name: each for name, each in found.arrays.items() if name.startswith(model_state.METRICS)}
            keras_internals.begin_epoch_at(current.iterator, position.batch, position.batches_per_epoch)
        if self.position.batches_per_epoch is not None:
            self.params["steps"] = self.position.batches_per_epoch  # of all callbacks: the dict is shared

    def _others(self):
        """Returns the callbacks before this one, and checks that none with counters comes after."""
        callbacks = self.model.current_fit.callbacks
        position = next(number for number, each in enumerate(callbacks) if each is self)
        for each in callbacks[position + 1 :]:
            if callback_state.get(each) is not None:
                raise ValueError(
                    "Checkpoint must stand last in the list, so that it sees what the others have counted. Received: "
                    f"{type(each).__name__} after it. Put Checkpoint at the end."
                )
        return callbacks[:position]

    def _batches_per_epoch(self):
        return keras_internals.batches_in_epoch(self.model.current_fit.iterator)

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

    def _stop_if(self, number):
        if number is not None:
            self._stop_signal = None
            written = self.latest is not None and checkpoint_files.step_of(self.latest) == self._saved_step
            raise interrupts.Stopped(number, self.latest if written else None)

    def _warn_of(self, error):
        last = "There is none yet." if self.latest is None else f"The last good one is {self.latest}."
        warnings.warn(
            f"No checkpoint of step {training_step(self.model):,} could be written: {error}. Training goes on, and "
            f"another is tried when it is due. {last}",
            stacklevel=2,
        )


def restore(gan, folder, callbacks=(), best=False):
    """Gives a compiled GAN, and callbacks, the state of the newest sound checkpoint in a folder, outside of a fit.

    Args:
        gan: a GAN of the same networks and settings.
        folder: where the checkpoints are.
        callbacks: those whose counters are to be restored; all that had counters then, in the same order, or none.
        best: True for `best.checkpoint`, where there is one.

    Returns:
        The `Position` to which that brings the training, or None where there are no checkpoints.

    Raises:
        ValueError: if there are checkpoints, but all are damaged or of another training.
    """
    return _restore(gan, folder, callbacks, best)[1]


def _restore(gan, folder, callbacks=(), best=False):
    found = checkpoint_files.newest(folder, *_specs(gan, callbacks), best=best)
    if found is None:
        return None, None
    position = _checked_position(found)
    _give_counters(found, callbacks)
    model_state.assign(gan, {name: each for name, each in found.arrays.items() if not name.startswith(model_state.METRICS)})
    return found, position


def _named(callbacks):
    """Pairs callbacks that have counters with names: their place among those, and their class."""
    with_counters = [each for each in callbacks if callback_state.get(each) is not None]
    return [(f"{number} {type(each).__name__}", each) for number, each in enumerate(with_counters)]


def _specs(gan, callbacks):
    required, optional = model_state.spec(gan), {}
    for name, callback in _named(callbacks):
        if callback_state.keeps_weights(callback):
            for number, weight in enumerate(gan.weights):
                dtype = keras.backend.standardize_dtype(weight.dtype)
                optional[f"callbacks/{name}/{number}"] = (tuple(weight.shape), dtype)
    return required, optional


def _give_counters(found, callbacks):
    kept = found.counters["callbacks"]
    for name, callback in _named(callbacks):
        if name not in kept:
            warnings.warn(f"{found.path} has no counters for callback {name}, which starts anew.", stacklevel=2)
            continue
        callback_state.give(callback, kept[name])
        weights = [array for key, array in found.arrays.items() if key.startswith(f"callbacks/{name}/")]
        if weights:
            callback.best_weights = weights


def _checked_position(found):
    position, best = position_in(found.counters), found.counters.get("best")
    sound = set(found.counters) == set(COUNTERS) and type(found.counters["step"]) is int
    sound = sound and position is not None and isinstance(best, int | float | None)
    if not sound or not isinstance(found.counters["callbacks"], dict):
        raise ValueError(
            f"A checkpoint's counters must be those that Checkpoint writes. Received: {found.path} with "
            f"{str(found.counters)[:200]}."
        )
    return position
