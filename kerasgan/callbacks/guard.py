"""Whether something is going wrong, said while there is time."""

import collections
import logging
import pathlib

import keras
import numpy as np

from kerasgan import optimizers
from kerasgan.backend import vitals

from . import findings
from .checkpoint import Checkpoint
from .writer import SummaryWriter, failures_told, training_step, whole_number

POLICIES = ("warn", "stop", "rollback")
_log = logging.getLogger(__name__)


class Guard(keras.callbacks.Callback):
    """Watches every training step, and says in one line what goes wrong, since when, by what evidence, and what to try.

    It finds (`kerasgan.callbacks.failure_rules` has the rules):

    - *not finite*: NaN or infinity in a loss, a gradient, the images or the weights, in any step;
    - *runaway*: weights that grow threefold in 200 steps, a discriminator's loss far above that of guessing, or logits
      beyond all measure: the learning rate is too large;
    - *dead discriminator*, *dead generator*: weights that do not move, or a discriminator that says the same of all;
    - *winning discriminator*: it tells all real images from all generated ones, and its loss or the generator's
      gradient is gone;
    - *collapsed generator*: samples that are alike, measured against the real images of the same batch;
    - *oscillation*: players that run around each other;
    - *overfitted discriminator*: with `validation_data`, for three epochs in a row, D(x) of training images is above
      that of held-out ones by more than 0.3. The gap itself, `d_real` - `val_d_real`, is in the epoch's logs as
      `d_gap` for callbacks later in the list.

    Each is said once, and again only when it has been gone in between. Lines go to the log of Python's `logging`, at
    the level of warnings, and to `<log_dir>/guard.log`; the vital signs to TensorBoard, run `<log_dir>/guard`.

    What it cannot see: samples that are of bad quality, and modes that are missing while samples differ. Measure these
    (`Evaluate`).

    With `policy="rollback"` the model goes back to its best checkpoint, or else the last from before the finding began;
    later ones are removed; both learning rates are cut, and latents drawn from another seed. The data and the epoch go
    on from where they are. After `rollbacks` times, or where there is no such checkpoint, training stops.

    Args:
        policy: `"warn"` says it, and training goes on; `"stop"` ends training; `"rollback"` goes back.
        checkpoint: for rollback, the `Checkpoint` that stands last in the list.
        log_dir: folder of the run, or None to write nothing there.
        every: steps from one look to the next; a finding needs five looks in a row, or one if it is not finite.
        rollbacks: how often at most it goes back.
        cut: what the learning rates are multiplied by then, in (0, 1].

    Attributes:
        found: all `findings.Finding`s so far.
        rolled_back: how often it went back.

    Raises:
        ValueError: for settings out of range, or rollback without a `Checkpoint`.
    """

    def __init__(self, policy="warn", checkpoint=None, log_dir=None, every=20, rollbacks=3, cut=0.5):
        super().__init__()
        if policy not in POLICIES:
            raise ValueError(f"policy must be one of {POLICIES}. Received: policy={policy!r}.")
        if policy == "rollback" and not isinstance(checkpoint, Checkpoint):
            raise ValueError(
                "To go back there must be checkpoints. Received: policy='rollback' with "
                f"checkpoint={checkpoint!r}. Pass the kerasgan.callbacks.Checkpoint that stands last in the list."
            )
        if not 0 < cut <= 1:
            raise ValueError(f"cut must lie in (0, 1]. Received: cut={cut!r}.")
        self.policy, self.checkpoint, self.cut = policy, checkpoint, cut
        self.every = whole_number("every", every, least=1)
        self.rollbacks = whole_number("rollbacks", rollbacks, least=1)
        self.found, self.rolled_back = [], 0
        self._folder = None if log_dir is None else pathlib.Path(log_dir)
        self._writer = None if log_dir is None else SummaryWriter(self._folder / "guard")
        self._looks = collections.deque(maxlen=findings.MEMORY)
        self._present = set()  # what was wrong at the last look
        self._wide_gaps = 0

    def set_model(self, model):
        super().set_model(model)
        model.watch()  # here, before the step is traced

    def on_train_begin(self, logs=None):
        zero = np.zeros(1, "float32")
        self._undecided_loss = float(np.mean(self.model.objective.d_loss(zero, zero)))
        self._begin()

    def on_train_batch_end(self, batch, logs=None):
        if training_step(self.model) - self._looks[-1].step >= self.every:
            self._look()

    def on_epoch_end(self, epoch, logs=None):
        if logs is None or "d_real" not in logs or "val_d_real" not in logs:
            return
        gap = logs["d_gap"] = logs["d_real"] - logs["val_d_real"]
        self._write({"d_gap": gap})
        finding = findings.overfitted(training_step(self.model), gap, logs["d_real"], logs["val_d_real"])
        if finding is not None:
            self._wide_gaps += 1
            if self._wide_gaps == findings.WIDE_EPOCHS:
                self._act([finding])
        elif gap < findings.OVERFITTED / 2 or self._wide_gaps < findings.WIDE_EPOCHS:
            self._wide_gaps = 0

    def on_train_end(self, logs=None):
        if training_step(self.model) > self._looks[-1].step:
            self._look()
        if self._writer is not None:
            with failures_told(self._folder):
                self._writer.close()

    def get_state(self):
        """Returns how often it went back, for `Checkpoint`. What it has seen is not kept: it looks anew."""
        return {"rolled_back": self.rolled_back}

    def set_state(self, state):
        """Gives it back what `get_state` returned. Raises ValueError for anything else."""
        times = state.get("rolled_back") if isinstance(state, dict) else None
        if type(times) is not int or not 0 <= times <= self.rollbacks:
            raise ValueError(f"The state must be one that Guard returned. Received: state={str(state)[:200]}.")
        self.rolled_back = times
        for _ in range(times):  # rates that are plain numbers stand in the checkpoint themselves
            self._cut_schedules()

    def _begin(self):
        """Looks at nothing but the weights: what follows is measured against them."""
        self.model.vitals.read()
        self._looks.clear()
        self._looks.append(findings.Look(training_step(self.model), {}, self._weights()))
        self._present = set()

    def _look(self):
        reading, step, before = self.model.vitals.read(), training_step(self.model), self._looks[-1].step
        broken_at = None if reading.broken_after is None else before + reading.broken_after
        self._looks.append(findings.Look(step, reading.means, self._weights(), broken_at, reading.broken))
        self._write(reading.means)
        found = findings.findings(list(self._looks), self._undecided_loss)
        new = [each for each in found if each.what not in self._present]
        self._present = {each.what for each in found}
        if new:
            self._act(new)

    def _weights(self):
        players = {"discriminator": self.model.discriminator, "generator": self.model.generator}
        return {name: vitals.square_sums(network) for name, network in players.items()}

    def _act(self, new):
        self.found += new
        for finding in new:
            self._say(str(finding))
        if self.policy == "rollback":
            self._go_back()
        elif self.policy == "stop":
            self._stop("training stops here")

    def _go_back(self):
        if self.rolled_back == self.rollbacks:
            return self._stop(f"gone back {self.rollbacks} times already: training stops here")
        rates = [optimizers.plain_rate(optimizer) for optimizer in self.model.optimizer.optimizers]
        went_wrong = training_step(self.model)
        try:
            path = self.checkpoint.go_back(self._well_until())
        except (OSError, ValueError) as error:
            return self._stop(f"no going back: {error} Training stops here")
        if path is None:
            return self._stop("there is no checkpoint from before that to go back to: training stops here")
        self.rolled_back += 1
        for optimizer, rate in zip(self.model.optimizer.optimizers, rates, strict=True):
            if rate is not None:
                optimizer.learning_rate = self.cut * rate
        self._cut_schedules()
        for number, generator in enumerate(self.model._all_seed_generators()):
            generator.state.assign([_another_seed(self.model.seed, self.rolled_back, number), 0])
        back = f"gone back to step {training_step(self.model):,} ({path.name})"
        times = f"{self.rolled_back} of at most {self.rollbacks} times"
        cut = f"learning rates cut to {self.cut:g} of what they were, another seed"
        self._say(f"step {went_wrong:,}: {back}, {times}; {cut}")
        self._begin()

    def _well_until(self):
        """Returns the last step of which nothing is known to be wrong: before the looks that made up the finding."""
        looks = list(self._looks)
        if looks[-1].broken_at is not None or "not finite" in self._present:
            return looks[-2].step
        return looks[max(0, len(looks) - 1 - findings.WINDOW)].step

    def _cut_schedules(self):
        scaled = [optimizers.scale_schedule(each, self.cut) for each in self.model.optimizer.optimizers]
        if any(scaled):
            self.model.make_train_function(force=True)  # the schedule is part of what was traced

    def _stop(self, why):
        self._say(f"step {training_step(self.model):,}: {why}")
        self.model.stop_training = True

    def _say(self, line):
        _log.warning("guard: %s", line)
        if self._folder is not None:
            with failures_told(self._folder / "guard.log"):
                self._folder.mkdir(parents=True, exist_ok=True)
                with open(self._folder / "guard.log", "a", encoding="utf-8") as file:
                    file.write(line + "\n")

    def _write(self, values):
        if self._writer is not None:
            with failures_told(self._folder):
                for name, value in values.items():
                    self._writer.scalar(name, value, training_step(self.model))
                self._writer.flush()


def _another_seed(seed, times, number):
    """Returns a seed for the state of a generator that depends on the game's seed, and is new after each time."""
    return np.random.SeedSequence([seed or 0, times, number]).generate_state(1)[0] % 2**31
