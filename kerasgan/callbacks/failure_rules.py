"""How training fails, and the diagnostics that show it: rules as pure functions, for `Guard`."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kerasgan import metrics

WINDOW = 5
"""A rule must hold in this many observations in a row: one odd batch is no failure."""

MAX_OBSERVATIONS = 50
"""Observations that are kept, for failures that only show over a longer time."""

GROWTH_OBSERVATIONS = 10
"""Observations over which weights are compared. Older ones need no weights."""

VANISHED = 0.01  # of its largest value a gradient, of a neutral discriminator's loss d_loss
ALL_PAIRS = 0.995
EQUAL_LOGITS = 1e-5
NO_DIVERSITY = 1e-3
WAS_DIVERSE, LOST_DIVERSITY = 0.1, 0.02
WEIGHT_GROWTH = 3.0
NO_CHANGE = 1e-6  # of the square sum of an array, over the window
ANNEALED = 1e-3  # of its largest value a learning rate
WRONG_PAIRS, RIGHT_PAIRS = 0.05, 0.95
FEW_IMAGES, COUNTED_IMAGES = 10, 500
LOSS_GROWTH, MAX_LOGIT_SPREAD = 10.0, 100.0
MIN_SWINGS, SWING = 3, 0.1
MAX_AUC, MAX_AUC_SIGMAS, AUC_EPOCHS = 0.75, 4.0, 3


class Rate(NamedTuple):
    """A learning rate.

    Attributes:
        now: its value.
        largest: the largest value that was observed so far.
        scheduled: whether the optimizer follows a schedule or a function.
    """

    now: float
    largest: float
    scheduled: bool = False


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
        rates: the learning rates of "discriminator" and "generator", where they are known.
        images: how many real images were counted so far, and how many of them differ.
    """

    step: int
    diagnostics: Mapping[str, float]
    weights: Mapping[str, tuple[np.ndarray, np.ndarray]]
    not_finite_at: int | None = None
    not_finite: tuple[str, ...] = ()
    rates: Mapping[str, Rate] = dataclasses.field(default_factory=dict)
    images: tuple[int, int] = (0, 0)


@dataclasses.dataclass(frozen=True)
class Scales:
    """What diagnostics are compared with.

    Attributes:
        d_loss: the discriminator's loss where it cannot tell real from generated images.
        g_loss: the generator's loss there; None for an objective in which only its changes have a meaning.
        weights: for "discriminator" and "generator" the Euclidean norm of trainable weights that keep the variance of
            their inputs. An initialization may be smaller.
    """

    d_loss: float
    g_loss: float | None = None
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)


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


_RATE = "a learning rate of 1e-5 to 1e-3 for it, with Adam"
_START_AGAIN = "a positive learning rate for it, trainable layers, leaky activations, or another seed"

ADVICE = {
    "not finite": "a lower learning rate, float32 instead of a smaller type, penalties=['r1'], or data without "
    "outliers",
    "runaway": "a learning rate ten to a hundred times lower",
    "dead discriminator": _START_AGAIN,
    "dead generator": _START_AGAIN,
    "discriminator does not learn": _RATE,
    "generator does not learn": _RATE,
    "flipped labels": "real logits as the first argument of the discriminator's loss and generated ones as the second, "
    "and positive logits for real images",
    "too few images": "hundreds of different images, and a look at the batches that training gets",
    "winning discriminator": "objective='relativistic' or 'non_saturating' with penalties=['r1', 'r2'], equal learning "
    "rates, augmentation (augment='ada'), or a smaller discriminator",
    "collapsed generator": "objective='relativistic' with penalties=['r1', 'r2'], Adam with beta_1=0, or a lower "
    "learning rate",
    "oscillation": "penalties=['r1', 'r2'], Adam with beta_1=0, or lower learning rates",
    "overfitted discriminator": "more data, augmentation (augment='ada'), or a smaller discriminator",
    "copied training images": "more data, augmentation (augment='ada'), fewer epochs, or a smaller generator",
}
"""The failures that can be found, and what to try against each."""


def failures(observations: Sequence[Observation], scales: Scales) -> list[Failure]:
    """Returns the failures at the last of some observations.

    A network that does not learn, and flipped labels, hide what follows from them.

    Args:
        observations: the last ones, the oldest first; `MAX_OBSERVATIONS` of them are enough.
        scales: the `Scales` of the GAN.
    """
    failure = not_finite(observations)
    if failure is not None:
        return [failure]
    # A dead discriminator stops the generator, too.
    cause = (
        flipped_labels(observations, scales)
        or not_learning(observations, "discriminator")
        or not_learning(observations, "generator")
    )
    results = [too_few_images(observations), cause]
    if cause is None:
        results += [
            runaway(observations, scales),
            winning_discriminator(observations, scales),
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


def too_few_images(observations: Sequence[Observation]) -> Failure | None:
    """A handful of different real images, or a single one."""
    last = observations[-1]
    counted, different = last.images
    if counted < COUNTED_IMAGES or not 0 < different < FEW_IMAGES:
        return None
    evidence = f"{counted:,} real images were the same {different if different > 1 else 'one'} again and again"
    return Failure(last.step, "too few images", evidence)


def flipped_labels(observations: Sequence[Observation], scales: Scales) -> Failure | None:
    """A discriminator that is trained to take generated images for real ones, and real ones for generated.

    Each loss says on which side of its neutral value the logits of generated images are. In sound training a low loss
    goes with the right order of the logits, and no logit makes both losses low.
    """
    accuracies, d_losses, g_losses = (_window(observations, name) for name in ("pairwise_accuracy", "d_loss", "g_loss"))
    if not accuracies or max(d_losses) >= scales.d_loss:
        return None
    losses = f"d_loss is {d_losses[-1]:.3g}, where guessing gives {scales.d_loss:.3g}"
    if max(accuracies) < WRONG_PAIRS:
        evidence = (
            f"generated images have larger logits than real ones in {100 - 100 * accuracies[-1]:.1f} % of all pairs"
        )
    elif (
        scales.g_loss is not None and min(accuracies) > RIGHT_PAIRS and _both_losses_are_low(d_losses, g_losses, scales)
    ):
        evidence = f"g_loss is {g_losses[-1]:.3g}, where guessing gives {scales.g_loss:.3g}"
    else:
        return None
    return Failure(observations[-1].step, "flipped labels", f"{evidence}, and yet {losses}")


def _both_losses_are_low(d_losses, g_losses, scales):
    return max(d_losses) < scales.d_loss / 2 and max(g_losses) < scales.g_loss


def not_learning(observations: Sequence[Observation], network: str) -> Failure | None:
    """A network whose weights change hardly or not at all, or a discriminator with one logit for all images.

    Where the learning rate has fallen to next to nothing as it was meant to, by a schedule or for both networks, that
    is no failure. Neither is a gradient that has vanished: another rule names it.
    """
    window = observations[-WINDOW - 1 :]
    if len(window) <= WINDOW:
        return None
    first, last = window[0], observations[-1]
    change = _largest_change(first.weights[network][0], last.weights[network][0])
    if change < NO_CHANGE and not _is_annealed(last.rates, network):
        rate = f" (learning rate {last.rates[network].now:.2g})" if network in last.rates else ""
        if change == 0:
            return Failure(
                last.step, f"dead {network}", f"its weights have not changed since step {first.step:,}{rate}"
            )
        if not _has_vanished(observations, f"{network[0]}_grad_norm"):
            evidence = f"its weights have hardly changed since step {first.step:,}{rate}"
            return Failure(last.step, f"{network} does not learn", evidence)
    spreads = _window(observations, "logit_spread")
    if network == "discriminator" and max(spreads) < EQUAL_LOGITS:
        evidence = f"its logits are the same for all images (standard deviation {spreads[-1]:.1g})"
        return Failure(last.step, f"dead {network}", evidence)
    return None


def runaway(observations: Sequence[Observation], scales: Scales) -> Failure | None:
    """Weights, a loss or logits that grow without bound: the learning rate is too large."""
    last = observations[-1]
    evidence = _growing_weights(observations, scales) or _exploded_outputs(observations, scales.d_loss)
    return None if evidence is None else Failure(last.step, "runaway", evidence)


def winning_discriminator(observations: Sequence[Observation], scales: Scales) -> Failure | None:
    """A discriminator that separates all images, while its loss or the generator's gradient has vanished."""
    accuracies = _window(observations, "pairwise_accuracy")
    if not accuracies or min(accuracies) < ALL_PAIRS:
        return None
    evidence = f"it separates {100 * np.mean(accuracies):.1f} % of all pairs of a real and a generated image, and "
    norms, losses = _all(observations, "g_grad_norm"), _window(observations, "d_loss")
    if _has_vanished(observations, "g_grad_norm"):
        evidence += f"the norm of the generator's gradient is {norms[-1]:.2g}, where it was {max(norms):.2g}"
    elif scales.d_loss > 0 and max(losses) < VANISHED * scales.d_loss:
        evidence += f"d_loss is {losses[-1]:.2g}, where guessing gives {scales.d_loss:.2g}"
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
    """Networks that circle each other: the discriminator is right on nearly all pairs, then wrong on nearly all.

    Each must last for two observations. A critic that learns slowly, as with few steps, is now and then wrong for one.
    """
    accuracies = _all(observations, "pairwise_accuracy")
    sides = [0 if SWING < each < 1 - SWING else 1 if each > 0.5 else -1 for each in accuracies]
    runs = [(side, len(list(run))) for side, run in itertools.groupby(sides)]
    lasting = [side for side, length in runs if side and length > 1]
    swings = sum(one != other for one, other in itertools.pairwise(lasting))
    if swings < MIN_SWINGS:
        return None
    evidence = f"the discriminator changed {swings} times between right and wrong on nearly all pairs"
    return Failure(observations[-1].step, "oscillation", f"{evidence}, since step {observations[0].step:,}")


def overfitted_discriminator(step: int, auc: float, num_training: int, num_held_out: int) -> Failure | None:
    """A discriminator that has memorized its training images: it ranks them above held-out images.

    Args:
        step: the training step.
        auc: the probability that it gives a training image a larger logit than a held-out one.
        num_training, num_held_out: how many images of each kind that is measured on.
    """
    # The standard deviation of the statistic of Mann and Whitney for values that do not differ.
    sigma = math.sqrt((num_training + num_held_out + 1) / (12 * num_training * num_held_out))
    if not (auc > MAX_AUC and auc - 0.5 > MAX_AUC_SIGMAS * sigma):
        return None
    evidence = (
        f"it ranks a training image above a held-out one with a probability of {auc:.2f}, where 0.50 is chance "
        f"({num_training} and {num_held_out} images)"
    )
    return Failure(step, "overfitted discriminator", evidence)


def copied_images(step: int, found: metrics.Copying, num_training: int, num_held_out: int) -> Failure | None:
    """A generator that copies training images.

    Args:
        step: the training step.
        found: what `kerasgan.metrics.copying` has found.
        num_training, num_held_out: how many images of each kind the samples were compared with.
    """
    if not found.suspicious:
        return None
    evidence = f"{100 * found.close:.0f} % of the samples nearly equal one of {num_training} training images"
    if found.share is not None:
        evidence += (
            f", and {100 * found.share:.0f} % are nearer to one of them than to any of {num_held_out} held-out images "
            f"({100 * found.expected:.0f} % by chance)"
        )
    return Failure(step, "copied training images", evidence)


def _growing_weights(observations, scales):
    """Growth is measured against the usual scale of such weights, too: many networks start far below it."""
    earlier = observations[-GROWTH_OBSERVATIONS - 1 :][0]
    for network, arrays in observations[-1].weights.items():
        before, now = (math.sqrt(float(np.sum(each))) for each in (earlier.weights[network][0], arrays[0]))
        if before > 0 and now > WEIGHT_GROWTH * max(before, scales.weights.get(network, 0.0)):
            growth = f"{now / before:.1f} times as large since step {earlier.step:,}"
            return f"the weights of the {network} grew {growth}"
    return None


def _largest_change(before, now):
    """Returns the largest relative change of a square sum. Arrays next to nothing, such as new biases, count less."""
    if len(now) != len(before):
        return math.inf
    if len(now) == 0:
        return 0.0
    scale = np.maximum(now, NO_CHANGE * np.sum(now))
    return float(np.max(np.abs(now - before) / np.where(scale > 0, scale, 1.0)))


def _is_annealed(rates, network):
    """Returns whether a learning rate has fallen to next to nothing, as it was meant to."""
    low = {name: rate.now < ANNEALED * rate.largest for name, rate in rates.items()}
    return low.get(network, False) and (rates[network].scheduled or all(low.values()))


def _has_vanished(observations, name):
    """Returns whether the last values of one of the diagnostics are far below its largest."""
    last = _window(observations, name)
    return bool(last) and max(last) < VANISHED * max(_all(observations, name))


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
