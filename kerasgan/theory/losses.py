"""The minimax game: its value, its losses, its equilibrium and the optimal discriminator."""

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Array
from .information import js_divergence

EQUILIBRIUM_PROBABILITY: float = 0.5
"""D(x) for every x once q = p."""

EQUILIBRIUM_VALUE: float = -float(np.log(4.0))
"""V(D*, G) once q = p: -log 4 = -1.386."""

EQUILIBRIUM_DISCRIMINATOR_LOSS: float = float(np.log(4.0))
"""`discriminator_loss` once q = p: 2 log 2 = 1.386."""

EQUILIBRIUM_GENERATOR_LOSS: float = float(np.log(2.0))
"""`generator_loss_non_saturating` once q = p: log 2 = 0.693."""

EQUILIBRIUM_TOTAL_LOSS: float = EQUILIBRIUM_DISCRIMINATOR_LOSS + EQUILIBRIUM_GENERATOR_LOSS
"""`total_loss` once q = p: 3 log 2 = 2.079."""


def sigmoid(logit: ArrayLike) -> Array:
    """Returns D = 1 / (1 + exp(-l)), without overflow for any l.

    Args:
        logit: any shape.

    Returns:
        float64 array of that shape, in [0, 1].
    """
    return np.exp(-softplus(-np.asarray(logit, dtype="float64")))


def softplus(logit: ArrayLike) -> Array:
    """Returns log(1 + exp(l)), without overflow for any l; -log sigmoid(l) = softplus(-l).

    Args:
        logit: any shape.

    Returns:
        float64 array of that shape, in [0, inf).
    """
    return np.logaddexp(0.0, np.asarray(logit, dtype="float64"))


def binary_cross_entropy(label: ArrayLike, logit: ArrayLike) -> Array:
    """Returns -(y log D + (1 - y) log(1 - D)) for D = sigmoid(l), as y softplus(-l) + (1 - y) softplus(l).

    The second form neither overflows nor takes the logarithm of 0, for any logit.

    Args:
        label: y, any shape, in [0, 1]: 1 for real, 0 for generated.
        logit: l, broadcast against `label`; any real number.

    Returns:
        float64 array, in [0, inf), one value for each sample, not their mean.

    Raises:
        ValueError: if a label lies outside [0, 1].
    """
    label = arguments.probabilities("label", label)
    return label * softplus(-np.asarray(logit, dtype="float64")) + (1.0 - label) * softplus(logit)


def value_function(d_real: ArrayLike, d_fake: ArrayLike) -> float:
    """Returns the value of the minimax game, V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))], as sample means.

    The game is min_G max_D V. The arguments are probabilities; the losses below take logits.

    Args:
        d_real: D(x) for real samples, any shape, in [0, 1].
        d_fake: D(G(z)) for generated samples, any shape, in [0, 1]; the numbers of samples may differ.

    Returns:
        A float in [-inf, 0].

    Raises:
        ValueError: if a probability lies outside [0, 1], or an argument is empty.

    Example:

    ```python
    from kerasgan import theory

    theory.value_function(d_real=[0.5, 0.5], d_fake=[0.5])  # -log 4 = -1.386, the equilibrium
    ```

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, equation 1.
    """
    d_real = arguments.samples("d_real", arguments.probabilities("d_real", d_real))
    d_fake = arguments.samples("d_fake", arguments.probabilities("d_fake", d_fake))
    with np.errstate(divide="ignore"):
        return float(np.log(d_real).mean() + np.log(1.0 - d_fake).mean())


def discriminator_loss(real_logits: ArrayLike, fake_logits: ArrayLike) -> float:
    """Returns L_D = -V = mean softplus(-l_real) + mean softplus(l_fake), the sum of two means.

    Not to be confused with the mean of the binary cross-entropy over all samples, real and generated, which is half of
    it.

    Args:
        real_logits: l for real samples, any shape.
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in [0, inf); 2 log 2 for D = 1/2 everywhere.

    Raises:
        ValueError: if an argument is empty.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661.
    """
    real_logits = arguments.samples("real_logits", real_logits)
    fake_logits = arguments.samples("fake_logits", fake_logits)
    return float(softplus(-real_logits).mean() + softplus(fake_logits).mean())


def generator_loss_minimax(fake_logits: ArrayLike) -> float:
    """Returns L_G = E_z[log(1 - D(G(z)))] = -mean softplus(l_fake), the part of V that depends on G.

    Its gradient with respect to the logit is -sigmoid(l): it vanishes where D rejects with confidence, so it saturates
    early in training.

    Args:
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in (-inf, 0].

    Raises:
        ValueError: if the argument is empty.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, equation 1.
    """
    return float(-softplus(arguments.samples("fake_logits", fake_logits)).mean())


def generator_loss_non_saturating(fake_logits: ArrayLike) -> float:
    """Returns L_G = -E_z[log D(G(z))] = mean softplus(-l_fake): the same fixed point, a strong gradient early.

    Its gradient with respect to the logit is -sigmoid(-l): near -1 where D rejects with confidence.

    Args:
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in [0, inf).

    Raises:
        ValueError: if the argument is empty.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, section 3.
    """
    return float(softplus(-arguments.samples("fake_logits", fake_logits)).mean())


def total_loss(real_logits: ArrayLike, fake_logits: ArrayLike) -> float:
    """Returns L_D + L_G with the non-saturating L_G: two terms that are both minimized, both in [0, inf).

    With the minimax L_G the sum is not useful: the generator cancels out and -E_x[log D(x)] is left.

    Args:
        real_logits: l for real samples, any shape.
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in [0, inf); 3 log 2 at the equilibrium.

    Raises:
        ValueError: if an argument is empty.
    """
    return discriminator_loss(real_logits, fake_logits) + generator_loss_non_saturating(fake_logits)


def optimal_discriminator(p: ArrayLike, q: ArrayLike) -> Array:
    """Returns the optimal discriminator for a fixed generator, D*(x) = p(x) / (p(x) + q(x)).

    Args:
        p: densities or probabilities of the data, any shape, not negative; they need not sum to 1.
        q: densities or probabilities of the generator at the same points, broadcast against `p`.

    Returns:
        float64 array, in [0, 1]. Where both are 0 every value is optimal; 1/2 is returned.

    Raises:
        ValueError: if an entry is negative.

    Example:

    ```python
    from kerasgan import theory

    theory.optimal_discriminator([3.0, 1.0], [1.0, 1.0])  # 0.75, 0.5
    ```

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, proposition 1.
    """
    p, q = np.broadcast_arrays(arguments.not_negative("p", p), arguments.not_negative("q", q))
    both = p + q
    return np.divide(p, both, out=np.full(both.shape, EQUILIBRIUM_PROBABILITY), where=both > 0.0)


def value_at_optimum(p: ArrayLike, q: ArrayLike) -> Array:
    """Returns V(D*, G) = -log 4 + 2 JS(p, q): the objective of the generator if D is always optimal.

    Args:
        p: distributions of the data, shape (..., outcomes).
        q: distributions of the generator over the same outcomes.

    Returns:
        float64, shape (...), in [-log 4, 0]; -log 4 only for p = q.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1.
    """
    return EQUILIBRIUM_VALUE + 2.0 * js_divergence(p, q)


def js_lower_bound(d_loss: ArrayLike) -> Array:
    """Returns the lower bound of JS(p, q) that follows from the discriminator's loss, (log 4 - L_D) / 2.

    It is tight for D = D*. It is a bound in expectation: a discriminator that has memorized its training images breaks
    it, so compute L_D on held-out images where there are some. Below 0 it says no more than 0 does.

    Args:
        d_loss: L_D as the sum of two means of cross-entropy, any shape, with no penalty in it.

    Returns:
        float64 of that shape, in (-inf, log 2].

    Example:

    ```python
    from kerasgan import theory

    theory.js_lower_bound(1.0)  # 0.193: p and q differ at least that much
    ```

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1.
    """
    return (EQUILIBRIUM_DISCRIMINATOR_LOSS - np.asarray(d_loss, dtype="float64")) / 2.0
