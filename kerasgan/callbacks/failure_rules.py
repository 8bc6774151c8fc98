"""How training fails, and the diagnostics that show it: rules as pure functions, for `Guard`."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np

WINDOW = 5
"""A rule must hold in this many observations in a row: one odd batch is no failure."""

MAX_OBSERVATIONS = 50
"""Observations that are kept, for failures that only show over a longer time."""

VANISHED = 0.01  # of its largest value a gradient, of a neutral discriminator's loss d_loss
ALL_PAIRS = 0.995
EQUAL_LOGITS = 1e-5
NO_DIVERSITY = 1e-3
WAS_DIVERSE, LOST_DIVERSITY = 0.1, 0.02
WEIGHT_GROWTH, GROWTH_OBSERVATIONS = 3.0, 10
LOSS_GROWTH, MAX_LOGIT_SPREAD = 10.0, 100.0
MIN_SWINGS = 4
MAX_GAP, GAP_EPOCHS = 0.3, 3


@dataclasses.dataclass(frozen=True)
class Observation:
    """The diagnostics of some steps, and the weights after them.

    Attributes:
        step: the training step.
        diagnostics: means over the steps since the last observation (`kerasgan.step.DIAGNOSTICS`); empty for the first.
        weights: for "discriminator" and "generator" the sum of squares of each array of weights, in two parts: the
            trainable ones and all others.
        not_finite_at: the first step since the last observation that had a value that was not finite; None if all were.
        not_finite: the names of these values, in that step.
    """

    step: int
    diagnostics: Mapping[str, float]
    weights: Mapping[str, tuple[np.ndarray, np.ndarray]]
    not_finite_at: int | None = None
    not_finite: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Failure:
    """A failure of training.

    Attributes:
        step: the training step at which it was found.
        what: its name, one of `ADVICE`.
        evidence: the diagnostics that show it, in words.
    """

    step: int
    what: str
    evidence: str

    def __str__(self) -> str:
        return f"step {self.step:,}: {self.what}: {self.evidence}. Try: {ADVICE[self.what]}."


_START_AGAIN = "a positive learning rate for it, trainable layers, leaky activations, or another seed"

ADVICE = {
    "not finite": "a lower learning rate, float32 instead of a smaller type, penalties=['r1'], or data without "
    "outliers",
    "runaway": "a learning rate ten to a hundred times lower",
    "dead discriminator": _START_AGAIN,
    "dead generator": _START_AGAIN,
    "winning discriminator": "objective='relativistic' or 'non_saturating' with penalties=['r1', 'r2'], equal learning "
    "rates, augmentation (augment='ada'), or a smaller discriminator",
    "collapsed generator": "objective='relativistic' with penalties=['r1', 'r2'], Adam with beta_1=0, or a lower "
    "learning rate",
    "oscillation": "penalties=['r1', 'r2'], Adam with beta_1=0, or lower learning rates",
    "overfitted discriminator": "more data, augmentation (augment='ada'), or a smaller discriminator",
}
"""The failures that can be found, and what to try against each."""


def failures(observations: Sequence[Observation], neutral_loss: float) -> list[Failure]:
    """Returns the failures at the last of some observations.

    Args:
        observations: the last ones, the oldest first; `MAX_OBSERVATIONS` of them are enough.
        neutral_loss: the loss of a discriminator whose logits are all 0.
    """
    failure = not_finite(observations)
    if failure is not None:
        return [failure]
    results = [
        runaway(observations, neutral_loss),
        # A dead discriminator stops the generator, too.
        dead(observations, "discriminator") or dead(observations, "generator"),
        winning_discriminator(observations, neutral_loss),
        collapsed_generator(observations),
        oscillation(observations),
    ]
    return [each for each in results if each is not None]


def not_finite(observations: Sequence[Observation]) -> Failure | None:
    """NaN or infinity in a loss, a gradient, an image or a weight."""
    last = observations[-1]
    if last.not_finite_at is not None:
        evidence = f"{_join(last.not_finite)} held NaN or infinity for the first time"
        return Failure(last.not_finite_at, "not finite", evidence)
    for network, arrays in last.weights.items():
        if not all(np.isfinite(each).all() for each in arrays):
            return Failure(last.step, "not finite", f"the weights of the {network} hold NaN or infinity")
    return None


def runaway(observations: Sequence[Observation], neutral_loss: float) -> Failure | None:
    """Weights, a loss or logits that grow without bound: the learning rate is too large."""
    last = observations[-1]
    evidence = _growing_weights(observations) or _exploded_outputs(observations, neutral_loss)
    return None if evidence is None else Failure(last.step, "runaway", evidence)


def dead(observations: Sequence[Observation], network: str) -> Failure | None:
    """A network whose weights do not change, or a discriminator with one logit for all images."""
    window = observations[-WINDOW - 1 :]
    if len(window) <= WINDOW:
        return None
    last = observations[-1]
    if np.array_equal(window[0].weights[network][0], last.weights[network][0]):
        return Failure(last.step, f"dead {network}", f"its weights have not changed since step {window[0].step:,}")
    spreads = _window(observations, "logit_spread")
    if network == "discriminator" and max(spreads) < EQUAL_LOGITS:
        evidence = f"its logits are the same for all images (standard deviation {spreads[-1]:.1g})"
        return Failure(last.step, f"dead {network}", evidence)
    return None


def winning_discriminator(observations: Sequence[Observation], neutral_loss: float) -> Failure | None:
    """A discriminator that separates all images, while its loss or the generator's gradient has vanished."""
    accuracies = _window(observations, "pairwise_accuracy")
    if not accuracies or min(accuracies) < ALL_PAIRS:
        return None
    evidence = f"it separates {100 * np.mean(accuracies):.1f} % of all pairs of a real and a generated image, and "
    norms, largest = _window(observations, "g_grad_norm"), max(_all(observations, "g_grad_norm"))
    losses = _window(observations, "d_loss")
    if max(norms) < VANISHED * largest:
        evidence += f"the norm of the generator's gradient is {norms[-1]:.2g}, where it was {largest:.2g}"
    elif neutral_loss > 0 and max(losses) < VANISHED * neutral_loss:
        evidence += f"d_loss is {losses[-1]:.2g}, where guessing gives {neutral_loss:.2g}"
    else:
        return None
    return Failure(observations[-1].step, "winning discriminator", evidence)


def collapsed_generator(observations: Sequence[Observation]) -> Failure | None:
    """Samples that are nearly the same, or become so. An untrained generator's samples differ little, too."""
    if not _window(observations, "real_diversity"):
        return None
    pairs = zip(_all(observations, "fake_diversity"), _all(observations, "real_diversity"), strict=True)
    ratios = [fake / real if real > 0 else 1.0 for fake, real in pairs]
    limit = LOST_DIVERSITY if max(ratios) > WAS_DIVERSE else NO_DIVERSITY
    if max(ratios[-WINDOW:]) >= limit:
        return None
    evidence = f"the diversity of a batch of samples is {100 * ratios[-1]:.2g} % of that of a batch of real images"
    return Failure(observations[-1].step, "collapsed generator", evidence)


def oscillation(observations: Sequence[Observation]) -> Failure | None:
    """Networks that circle each other: the discriminator is right on nearly all pairs, then wrong on nearly all."""
    accuracies = [each for each in _all(observations, "pairwise_accuracy") if not 0.2 < each < 0.8]
    swings = sum((one > 0.5) != (other > 0.5) for one, other in itertools.pairwise(accuracies))
    if swings < MIN_SWINGS:
        return None
    evidence = f"the discriminator changed {swings} times between right and wrong on nearly all pairs"
    return Failure(observations[-1].step, "oscillation", f"{evidence}, since step {observations[0].step:,}")


def overfitted_discriminator(step: int, d_real: float, val_d_real: float) -> Failure | None:
    """A discriminator that has memorized its training images: D(x) is much lower for held-out images.

    Args:
        step: the training step.
        d_real: mean D(x) of real images of the training data.
        val_d_real: mean D(x) of held-out real images.
    """
    if not d_real - val_d_real > MAX_GAP:
        return None
    evidence = f"mean D(x) is {d_real:.2f} for the training images and {val_d_real:.2f} for held-out images"
    return Failure(step, "overfitted discriminator", evidence)


def _growing_weights(observations):
    earlier = observations[-GROWTH_OBSERVATIONS - 1 :][0]
    for network, arrays in observations[-1].weights.items():
        before, now = (math.sqrt(float(np.sum(each))) for each in (earlier.weights[network][0], arrays[0]))
        if before > 0 and now > WEIGHT_GROWTH * before:
            growth = f"{now / before:.1f} times as large since step {earlier.step:,}"
            return f"the weights of the {network} grew {growth}"
    return None


def _exploded_outputs(observations, neutral_loss):
    losses, spreads = _window(observations, "d_loss"), _window(observations, "logit_spread")
    if not losses or neutral_loss <= 0:
        return None
    if min(losses) > LOSS_GROWTH * neutral_loss:
        return f"d_loss is {np.mean(losses):.3g}, where guessing gives {neutral_loss:.3g}"
    if min(spreads) > MAX_LOGIT_SPREAD:
        return f"the discriminator's logits have a standard deviation of {spreads[-1]:.3g}, where 10 is certainty"
    return None


def _all(observations, name):
    """Returns one of the diagnostics, in all observations that have any."""
    return [each.diagnostics[name] for each in observations if each.diagnostics]


def _window(observations, name):
    """Returns one of the diagnostics in the last `WINDOW` observations, or an empty list if there are fewer."""
    last = _all(observations, name)[-WINDOW:]
    return last if len(last) == WINDOW else []


def _join(names):
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
