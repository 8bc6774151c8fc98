"""What can go wrong in a game, and by which vital signs it is known: rules as pure functions, for `Guard`."""

import dataclasses
import itertools
import math

import numpy as np

WINDOW = 5
"""Looks in a row in which a rule must hold, so that one odd batch is no finding."""

MEMORY = 50
"""Looks that are remembered, for what is only seen over a longer time."""

GONE = 0.01
ALL_TOLD_APART = 0.995
ALIKE_LOGITS = 1e-5
ALIKE = 1e-3
DIVERSE, NO_LONGER = 0.1, 0.02
OUTGROWN = 3.0
OUTGROWN_LOOKS = 10
HOPELESS, ABSURD = 10.0, 100.0
SWINGS = 4
OVERFITTED, WIDE_EPOCHS = 0.3, 3


@dataclasses.dataclass(frozen=True)
class Look:
    """One look at a game in training.

    Attributes:
        step: the training step.
        signs: the means of the vital signs (`kerasgan.step.diagnostics.NAMES`) over the steps since the look before.
        weights: for "discriminator" and "generator" the sums of squares of their arrays of weights: those of the
            trainable ones, and of all others.
        broken_at: the first step since the look before in which a sign was not finite, or None.
        broken: the names of those signs.
    """

    step: int
    signs: dict
    weights: dict
    broken_at: int | None = None
    broken: tuple = ()


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that is wrong: since which `step`, `what` it is (one of `ADVICE`), and the `evidence` in words."""

    step: int
    what: str
    evidence: str

    def __str__(self):
        return f"step {self.step:,}: {self.what}: {self.evidence}. Try: {ADVICE[self.what]}."


ADVICE = {
    "not finite": "a lower learning rate, float32 in place of a shorter type, a penalty such as R1, or sounder data",
    "runaway": "a learning rate ten to a hundred times lower",
    "dead discriminator": "a positive learning rate for it, trainable layers, leaky activations, or another start",
    "dead generator": "a positive learning rate for it, trainable layers, leaky activations, or another start",
    "winning discriminator": "the relativistic or non-saturating objective with R1 and R2, equal learning rates, "
    "augmentation, or a smaller discriminator",
    "collapsed generator": "the relativistic objective with R1 and R2, beta_1=0, or a lower learning rate",
    "oscillation": "R1 and R2, beta_1=0, or lower learning rates",
    "overfitted discriminator": "more data, augmentation (augment='adaptive'), or a smaller discriminator",
}
"""What is looked for, and what to try against it."""


def findings(looks, neutral_loss):
    """Returns what is wrong at the last of some looks, a list of `Finding`.

    Args:
        looks: the last `Look`s, the oldest first; no more than `MEMORY` of them are needed.
        neutral_loss: the discriminator's loss when all its logits are 0.
    """
    broken = not_finite(looks)
    if broken is not None:
        return [broken]
    found = [
        runaway(looks, neutral_loss),
        dead(looks, "discriminator") or dead(looks, "generator"),  # the one leaves the other nothing to learn
        winning(looks, neutral_loss),
        collapsed(looks),
        oscillation(looks),
    ]
    return [each for each in found if each is not None]


def not_finite(looks):
    """NaN or infinity in a loss, a gradient, an image, or a weight."""
    look = looks[-1]
    if look.broken_at is not None:
        return Finding(look.broken_at, "not finite", f"{_and(look.broken)} held NaN or infinity for the first time")
    for player, arrays in look.weights.items():
        if not all(np.isfinite(each).all() for each in arrays):
            return Finding(look.step, "not finite", f"the weights of the {player} hold NaN or infinity")
    return None


def runaway(looks, neutral_loss):
    """Steps so large that weights or the loss run away."""
    earlier = looks[-OUTGROWN_LOOKS - 1 :][0]
    for player in looks[-1].weights:
        before, now = _size(earlier.weights[player]), _size(looks[-1].weights[player])
        if before > 0 and now > OUTGROWN * before:
            evidence = f"the weights of the {player} grew {now / before:.1f} times as large since step {earlier.step:,}"
            return Finding(looks[-1].step, "runaway", evidence)
    losses, spreads = _window(looks, "d_loss"), _window(looks, "logit_spread")
    if not losses or neutral_loss <= 0:
        return None
    if min(losses) > HOPELESS * neutral_loss:
        evidence = f"d_loss is {np.mean(losses):.3g}, where a discriminator that only guesses has {neutral_loss:.3g}"
        return Finding(looks[-1].step, "runaway", evidence)
    if min(spreads) > ABSURD:
        evidence = f"the discriminator's logits spread by {spreads[-1]:.3g}, where 10 would be as good as certain"
        return Finding(looks[-1].step, "runaway", evidence)
    return None


def dead(looks, player):
    """A player that does not move, or a discriminator that says the same of every image."""
    what, window = f"dead {player}", looks[-WINDOW - 1 :]
    if len(window) <= WINDOW:
        return None
    first, last = window[0].weights[player][0], window[-1].weights[player][0]
    if np.array_equal(first, last):
        return Finding(looks[-1].step, what, f"its weights have not moved since step {window[0].step:,}")
    spreads = _window(looks, "logit_spread")
    if player == "discriminator" and max(spreads) < ALIKE_LOGITS:
        evidence = f"it says the same of every image (its logits spread by {spreads[-1]:.1g})"
        return Finding(looks[-1].step, what, evidence)
    return None


def winning(looks, neutral_loss):
    """A discriminator that tells all images apart, and has nothing left to learn or leaves nothing to learn from."""
    pairwise_accuracy, norms, losses = (_window(looks, name) for name in ("pairwise_accuracy", "g_grad_norm", "d_loss"))
    if not pairwise_accuracy or min(pairwise_accuracy) < ALL_TOLD_APART:
        return None
    strongest = max(look.signs["g_grad_norm"] for look in looks if look.signs)
    share = f"it tells {100 * np.mean(pairwise_accuracy):.1f} % of all pairs apart"
    if max(norms) < GONE * strongest:
        evidence = f"{share}, and the generator's gradient is {norms[-1]:.2g} where it was {strongest:.2g}"
        return Finding(looks[-1].step, "winning discriminator", evidence)
    if neutral_loss > 0 and max(losses) < GONE * neutral_loss:
        evidence = f"{share}, and d_loss is {losses[-1]:.2g} where one that only guesses has {neutral_loss:.2g}"
        return Finding(looks[-1].step, "winning discriminator", evidence)
    return None


def collapsed(looks):
    """Samples that are alike, or have become so; before they have learnt anything, samples differ little."""
    if not _window(looks, "real_diversity"):
        return None
    pairs = [(look.signs["fake_diversity"], look.signs["real_diversity"]) for look in looks if look.signs]
    shares = [fake / real if real > 0 else 1.0 for fake, real in pairs]
    highest = max(shares[-WINDOW:])
    if highest >= (NO_LONGER if max(shares) > DIVERSE else ALIKE):
        return None
    evidence = f"the diversity of a batch of samples is {100 * shares[-1]:.2g} % of that of real images"
    return Finding(looks[-1].step, "collapsed generator", evidence)


def oscillation(looks):
    """Players that run around each other: now nearly all pairs are told apart, now nearly all the wrong way round."""
    shares = [look.signs["pairwise_accuracy"] for look in looks if look.signs]
    ahead = [share > 0.5 for share in shares if not 0.2 < share < 0.8]
    swings = sum(one != other for one, other in itertools.pairwise(ahead))
    if swings < SWINGS:
        return None
    evidence = f"the discriminator was right of nearly all pairs and wrong of nearly all, {swings} times in turn"
    return Finding(looks[-1].step, "oscillation", f"{evidence}, since step {looks[0].step:,}")


def overfitted(step, gap, d_real, val_d_real):
    """A discriminator that knows its training images by heart: it believes others much less."""
    if not gap > OVERFITTED:
        return None
    evidence = f"D says {d_real:.2f} of real images that it trains on, and {val_d_real:.2f} of others"
    return Finding(step, "overfitted discriminator", evidence)


def _window(looks, name):
    """Returns one vital sign over the last `WINDOW` looks, or an empty list while there are fewer."""
    last = [look.signs[name] for look in looks if look.signs][-WINDOW:]
    return last if len(last) == WINDOW else []


def _size(arrays):
    trainable, _ = arrays
    return math.sqrt(float(np.sum(trainable)))


def _and(names):
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
