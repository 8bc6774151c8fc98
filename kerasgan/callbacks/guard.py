"""Failures of training, reported while there is time."""

import collections
import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping, MutableMapping
from typing import Any

import keras
import numpy as np

from kerasgan import keras_internals, optimizers
from kerasgan.objectives import Objective
from kerasgan.step.diagnostics import square_sums
from kerasgan.validation.scalars import whole_number

from . import failure_rules, guard_state
from .checkpoint import Checkpoint
from .failure_rules import Failure, Observation, Rate, Scales
from .guard_log import GuardLog
from .held_out import AUC, HeldOutMeasures
from .writer import DIAGNOSTICS, ScalarLog, training_step

POLICIES = ("warn", "stop", "rollback")


class Guard(keras.callbacks.Callback):
    """Watches every training step, and reports failures in one line: since when, the evidence, and what to try.

    The rules are in `kerasgan.callbacks.failure_rules`:

    - *not finite*: NaN or infinity in a loss, a gradient, the images or the weights, in any step;
    - *runaway*: weights that grow to three times their usual scale in 200 steps, a discriminator's loss far above that
      of guessing, or huge logits: the learning rate is too large;
    - *dead discriminator*, *dead generator*: weights that do not change, or one logit for all images;
    - *discriminator does not learn*, *generator does not learn*: weights that hardly change. A learning rate that a
      schedule has brought down to 0 is no failure;
    - *flipped labels*: a discriminator that is trained to take generated images for real ones;
    - *too few images*: fewer than ten different real images;
    - *winning discriminator*: it separates all real from all generated images, and its loss or the generator's
      gradient has vanished;
    - *collapsed generator*: samples that are nearly the same, compared with the real images of the same batch;
    - *oscillation*: networks that circle each other;
    - *overfitted discriminator*: with `validation_data`, for three epochs in a row, the discriminator ranks a training
      image above a held-out one with a probability above 0.75. The probability itself is in the epoch's logs as
      `d_memorization_auc`, for callbacks later in the list: 0.5 for a discriminator that cannot tell them apart;
    - *copied training images*: samples that are nearer to training images than they should be, after epochs 1, 2, 4, 8
      and so on, and after the last (`kerasgan.callbacks.held_out`). It is never rolled back, since it would come again.

    Flipped labels, and a network that does not learn, hide what follows from them. Each failure is reported once, and
    again only if it was gone in between. Reports go to Python's `logging`, as warnings, and to `<log_dir>/guard.log`.
    The diagnostics are `training_diagnostics/<name>` in TensorBoard, in the run `<log_dir>/guard`.

    Limits: samples of bad quality are no failure, and neither are modes that are missing while samples differ. Measure
    these with `Evaluate`.

    With `policy="rollback"` the model is restored from the best checkpoint before the failure began, or from the last
    if `checkpoint` monitors nothing. Later checkpoints are removed, both learning rates are multiplied by `lr_factor`,
    and latents are drawn from another seed. The data and the epoch go on as they are, the epoch's running means begin
    anew, and a checkpoint is saved. After `max_rollbacks` rollbacks, or without such a checkpoint, training stops.

    All that the guard has observed is in the checkpoints of a `Checkpoint` later in the list: a guarded training that
    is killed and resumed reports, and rolls back, as one that was not.

    Args:
        policy: `"warn"` only reports; `"stop"` also stops training; `"rollback"` restores a checkpoint.
        checkpoint: for rollback, the `Checkpoint` that is last in the list of callbacks; otherwise None.
        log_dir: folder of the run; None writes nothing.
        every_steps: number of steps between two observations. A failure needs five of them in a row, or one if a value
            is not finite.
        max_rollbacks: largest number of rollbacks.
        lr_factor: factor of the learning rates at each rollback, in (0, 1].

    Attributes:
        failures: all failures so far.
        num_rollbacks: number of rollbacks so far.

    Raises:
        ValueError: for values out of range, or rollback without a `Checkpoint`.

    Example:
        >>> import numpy as np
        >>> import kerasgan
        >>> images = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 1)).astype("float32")
        >>> gan = kerasgan.GAN(*kerasgan.networks.mlp((8, 8, 1), latent_dim=4, width=16), latent_dim=4)
        >>> gan.compile()
        >>> guard = kerasgan.callbacks.Guard("stop", every_steps=1)
        >>> history = gan.fit(images, batch_size=16, epochs=2, callbacks=[guard], verbose=0)
        >>> [str(failure) for failure in guard.failures]
        []
    """

    needs_samples: bool = True
    """Makes `fit` keep a sample of its images: see `kerasgan.datasets.sample`."""

    def __init__(
        self,
        policy: str = "warn",
        checkpoint: Checkpoint | None = None,
        log_dir: str | os.PathLike | None = None,
        every_steps: int = 20,
        max_rollbacks: int = 3,
        lr_factor: float = 0.5,
    ):
        super().__init__()
        _check_settings(policy, checkpoint, lr_factor)
        self.policy: str = policy
        self.checkpoint: Checkpoint | None = checkpoint
        self.every_steps: int = whole_number("every_steps", every_steps, 1)
        self.max_rollbacks: int = whole_number("max_rollbacks", max_rollbacks, 1)
        self.lr_factor: float = lr_factor
        self.failures: list[Failure] = []
        self.num_rollbacks: int = 0
        self._log = GuardLog(log_dir)
        self._scalars = ScalarLog(None if log_dir is None else pathlib.Path(log_dir) / "guard", DIAGNOSTICS)
        self._scales = Scales(0.0)
        self._largest_rates = {}
        self._observations = collections.deque(maxlen=failure_rules.MAX_OBSERVATIONS)
        self._present = set()  # the failures at the last observation
        self._held_out = HeldOutMeasures()

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        model.record_diagnostics()  # before the step is traced

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._scales = scales_of(self.model)
        self._observations.clear()
        self._present, self._largest_rates = set(), {}
        self.model.diagnostics.begin_count()
        self._log.begin_at(0 if self._resumes() else None)
        self._held_out.begin(self.model)
        if self.policy == "rollback":
            execution = self.model.steps_per_execution
            between = -(-self.every_steps // execution) * execution
            self.checkpoint.rollback_steps = between * (failure_rules.WINDOW + 2)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if not self._observations:  # not before: when training begins, `Checkpoint` restores the weights
            self._start_observing()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        if training_step(self.model) - self._observations[-1].step >= self.every_steps:
            self._observe()

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, float] | None = None) -> None:
        is_last = self.model.stop_training or epoch + 1 == self.params.get("epochs")
        values, new = self._held_out.measure(epoch, logs or {}, is_last)
        if AUC in values and logs is not None:
            logs[AUC] = values[AUC]
        self._scalars.write(values, training_step(self.model))
        copied = [failure for failure in new if failure.what == "copied training images"]
        others = [failure for failure in new if failure not in copied]
        if copied:
            self._report(copied, can_roll_back=False)  # the same data would be copied again
        if others:
            self._report(others)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        # An interrupted training is observed again when it is resumed.
        is_over = self.model.current_fit is not None and self._observations
        if is_over and training_step(self.model) > self._observations[-1].step:
            self._observe()
        self._scalars.close()

    def get_state(self) -> dict[str, Any]:
        """Returns what `Checkpoint` saves: all on which later decisions depend."""
        optimizers_of_both = [] if self.model is None else self.model.optimizer.optimizers
        return {
            "num_rollbacks": self.num_rollbacks,
            "observations": guard_state.of_observations(self._observations),
            "present": sorted(self._present),
            "held_out": self._held_out.get_state(),
            "failures": guard_state.of_failures(self.failures),
            "largest_rates": dict(self._largest_rates),
            "schedule_shares": [optimizers.schedule_share(each) for each in optimizers_of_both],
            "diagnostics": {} if self.model is None else self.model.diagnostics.get_state(),
            "log_position": self._log.position,
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores what `get_state` returned, in this or an older version.

        Raises:
            ValueError: for anything else.
        """
        names = ("num_rollbacks", "rolled_back")  # the second until version 0.1
        found = [state[name] for name in names if name in state] if isinstance(state, dict) else []
        if len(found) != 1 or type(found[0]) is not int or not 0 <= found[0] <= self.max_rollbacks:
            raise ValueError(
                f"The state must be one that Guard returned, with at most {self.max_rollbacks} rollbacks. Received: "
                f"state={str(state)[:200]}. Set max_rollbacks as in the run that is resumed."
            )
        self.num_rollbacks = found[0]
        if "observations" in state:
            self._set_memory(state)
        else:  # of an older version: observations start anew
            self._log.begin_at(None)
            for _ in range(self.num_rollbacks):  # learning rates that are numbers are in the checkpoint themselves
                self._scale_schedules()

    def _set_memory(self, state):
        try:
            observations = guard_state.observations_in(state["observations"])
            self._present = guard_state.names_in(state["present"])
            self._held_out.set_state(state["held_out"])
            self.failures = guard_state.failures_in(state["failures"])
            self._largest_rates = guard_state.rates_in(state["largest_rates"])
            shares = guard_state.shares_in(state["schedule_shares"])
            self.model.diagnostics.set_state(state["diagnostics"])
            self._log.begin_at(guard_state.count_in(state["log_position"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The state must be one that Guard returned. Received: state={str(state)[:200]}. Start the training "
                "again."
            ) from error
        self._observations = collections.deque(observations, maxlen=failure_rules.MAX_OBSERVATIONS)
        pairs = zip(self.model.optimizer.optimizers, shares, strict=True)
        changed = [optimizers.set_schedule_share(optimizer, share) for optimizer, share in pairs]
        if any(changed):
            self.model.make_train_function(force=True)  # the schedule is part of the traced step

    def _resumes(self):
        """Returns whether a `Checkpoint` is to resume this training, if there is something to resume from."""
        callbacks = [] if self.model.current_fit is None else self.model.current_fit.callbacks
        return any(isinstance(each, Checkpoint) and each.resume for each in callbacks)

    def _start_observing(self):
        """Observes the weights only: later observations are compared with them."""
        snapshot = self.model.diagnostics.read()
        self._observations.clear()
        images = (snapshot.images, snapshot.different)
        self._observations.append(
            Observation(training_step(self.model), {}, self._weights(), rates=self._rates(), images=images)
        )
        self._present = set()

    def _observe(self):
        snapshot, step, before = self.model.diagnostics.read(), training_step(self.model), self._observations[-1].step
        not_finite_at = None if snapshot.not_finite_after is None else before + snapshot.not_finite_after
        images = (snapshot.images, snapshot.different)
        self._observations.append(
            Observation(
                step, snapshot.means, self._weights(), not_finite_at, snapshot.not_finite, self._rates(), images
            )
        )
        self._forget_old_weights()
        self._scalars.write(snapshot.means, step)
        found = failure_rules.failures(list(self._observations), self._scales)
        new = [failure for failure in found if failure.what not in self._present]
        self._present = {failure.what for failure in found}
        if new:
            self._report(new)

    def _weights(self):
        return {name: square_sums(network) for name, network in _networks(self.model).items()}

    def _forget_old_weights(self):
        number = len(self._observations) - 2 - failure_rules.GROWTH_OBSERVATIONS
        if number >= 0:
            self._observations[number] = dataclasses.replace(self._observations[number], weights={})

    def _rates(self):
        """Returns the learning rate of each network, and remembers the largest so far."""
        rates = {}
        for name, optimizer in zip(guard_state.NETWORKS, self.model.optimizer.optimizers, strict=True):
            now = optimizers.current_rate(optimizer)
            self._largest_rates[name] = max(now, self._largest_rates.get(name, now))
            rates[name] = Rate(now, self._largest_rates[name], optimizers.plain_rate(optimizer) is None)
        return rates

    def _report(self, new, can_roll_back=True):
        self.failures += new
        for failure in new:
            self._log.write(str(failure))
        if self.policy == "rollback" and can_roll_back:
            self._roll_back()
        elif self.policy == "stop":
            self._stop("training stops")

    def _roll_back(self):
        if self.num_rollbacks == self.max_rollbacks:
            return self._stop(f"rolled back {self.max_rollbacks} times already: training stops")
        rates = [optimizers.plain_rate(optimizer) for optimizer in self.model.optimizer.optimizers]
        failed_at = training_step(self.model)
        try:
            path = self.checkpoint.roll_back(self._last_sound_step())
        except (OSError, ValueError) as error:
            return self._stop(f"the rollback failed: {error} Training stops")
        if path is None:
            return self._stop("there is no checkpoint from before the failure to roll back to: training stops")
        self.num_rollbacks += 1
        self._change_course(rates)
        self._log.write(
            f"step {failed_at:,}: rolled back to step {training_step(self.model):,} ({path.name}), rollback "
            f"{self.num_rollbacks} of at most {self.max_rollbacks}; learning rates times {self.lr_factor:g}, "
            "another seed"
        )
        self._start_observing()

    def _change_course(self, rates):
        """Lowers the learning rates and takes another seed: the same again would fail again."""
        for optimizer, rate in zip(self.model.optimizer.optimizers, rates, strict=True):
            if rate is not None:
                optimizer.learning_rate = self.lr_factor * rate
        self._scale_schedules()
        for number, generator in enumerate(keras_internals.seed_generators(self.model)):
            generator.state.assign([another_seed(self.model.seed, self.num_rollbacks, number), 0])

    def _last_sound_step(self):
        """Returns the last step before the observations that show the failure."""
        observations = list(self._observations)
        if observations[-1].not_finite_at is not None or "not finite" in self._present:
            return observations[-2].step
        return observations[max(0, len(observations) - 1 - failure_rules.WINDOW)].step

    def _scale_schedules(self):
        scaled = [optimizers.scale_schedule(each, self.lr_factor) for each in self.model.optimizer.optimizers]
        if any(scaled):
            self.model.make_train_function(force=True)  # the schedule is part of the traced step

    def _stop(self, reason):
        self._log.write(f"step {training_step(self.model):,}: {reason}")
        self.model.stop_training = True


def another_seed(seed: int | None, num_rollbacks: int, number: int) -> int:
    """Returns a seed for a GAN's seed generator of a number, new for each rollback, and the same in each process."""
    return int(np.random.SeedSequence([seed or 0, num_rollbacks, number]).generate_state(1)[0] % 2**31)


def scales_of(gan: Any) -> Scales:
    """Returns the `Scales` of a compiled GAN, which follow from its objective and the shapes of its weights.

    Each unit of a layer has weights of square sum 2 where they keep the variance of a rectifier's inputs (He et al.,
    2015, arXiv:1502.01852).
    """
    weights = {
        name: math.sqrt(sum(2.0 * each.shape[-1] for each in network.trainable_weights if len(each.shape) > 1))
        for name, network in _networks(gan).items()
    }
    return Scales(*scales_of_objective(gan.objective), weights)


def scales_of_objective(objective: Objective) -> tuple[float, float | None]:
    """Returns both losses where the discriminator cannot tell real from generated images.

    The generator's is None for an objective in which only its changes have a meaning.
    """
    zero = np.full(1, objective.neutral_logit or 0.0, "float32")
    d_loss, g_loss = (float(np.mean(loss(zero, zero))) for loss in (objective.d_loss, objective.g_loss))
    return d_loss, g_loss if objective.paired or objective.neutral_logit is not None else None


def _networks(gan):
    return {"discriminator": gan.discriminator, "generator": gan.generator}


def _check_settings(policy, checkpoint, lr_factor):
    if policy not in POLICIES:
        raise ValueError(f"policy must be one of {POLICIES}. Received: policy={policy!r}.")
    if policy == "rollback" and not isinstance(checkpoint, Checkpoint):
        raise ValueError(
            f"A rollback needs checkpoints. Received: policy='rollback' with checkpoint={checkpoint!r}. Pass the "
            "kerasgan.callbacks.Checkpoint that is last in the list of callbacks."
        )
    if not 0 < lr_factor <= 1:
        raise ValueError(f"lr_factor must be in (0, 1]. Received: lr_factor={lr_factor!r}.")
