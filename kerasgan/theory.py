"""The mathematics of the game as functions with names, in NumPy alone.

Natural logarithms throughout, so information is measured in nats. `p` is the distribution of the data, `q` that of
the generator, D(x) the probability that x is real, and l = logit D(x) its logit: positive means real. Distributions are
arrays whose last axis runs over the outcomes; the other axes are a batch. 0 log 0 counts as 0.

These functions define and explain. What is trained on lives in `objectives.py`, in `keras.ops`.
"""

import numpy as np

from kerasgan.validation.errors import unknown_name

EQUILIBRIUM_PROBABILITY = 0.5
"""D(x) for every x once q = p."""

EQUILIBRIUM_VALUE = -np.log(4.0)
"""V(D*, G) once q = p: -log 4 = -1.386."""

EQUILIBRIUM_DISCRIMINATOR_LOSS = np.log(4.0)
"""`discriminator_loss` once q = p: 2 log 2 = 1.386."""

EQUILIBRIUM_GENERATOR_LOSS = np.log(2.0)
"""`generator_loss_non_saturating` once q = p: log 2 = 0.693."""

EQUILIBRIUM_TOTAL_LOSS = EQUILIBRIUM_DISCRIMINATOR_LOSS + EQUILIBRIUM_GENERATOR_LOSS
"""`total_loss` once q = p: 3 log 2 = 2.079."""

SUM_TOLERANCE = 1e-5
"""How far from 1 the sum of a distribution may be: wide enough for float32."""


# -- information --


def information_content(p):
    """Returns the information of an event, I(x) = -log p(x), the surprise at seeing it.

    Args:
        p: probabilities of single events, any shape, in [0, 1]; they need not sum to 1.

    Returns:
        float64 array of that shape, in [0, inf].

    Raises:
        ValueError: if a probability lies outside [0, 1].

    Reference: Shannon, 1948, "A mathematical theory of communication".
    """
    with np.errstate(divide="ignore"):
        return -np.log(_probabilities("p", p)) + 0.0  # + 0.0: an event that is certain carries 0, not -0


def entropy(p):
    """Returns the mean information of a distribution, H(p) = -sum_x p(x) log p(x).

    Args:
        p: distributions, shape (..., outcomes).

    Returns:
        float64, shape (...), in [0, log(outcomes)].

    Raises:
        ValueError: if `p` has a negative entry or does not sum to 1 over the last axis.

    Reference: Shannon, 1948.
    """
    p = _distribution("p", p)
    return -_x_log_y(p, p).sum(axis=-1) + 0.0


def binary_entropy(p):
    """Returns the entropy of a coin, H(p) = -p log p - (1 - p) log(1 - p).

    Args:
        p: probabilities of heads, any shape, in [0, 1].

    Returns:
        float64 array of that shape, in [0, log 2]; log 2 only at p = 1/2.

    Raises:
        ValueError: if a probability lies outside [0, 1].
    """
    p = _probabilities("p", p)
    return -_x_log_y(p, p) - _x_log_y(1.0 - p, 1.0 - p) + 0.0


def kl_divergence(p, q):
    """Returns the relative entropy, KL(p||q) = sum_x p(x) log(p(x) / q(x)).

    It is not a distance: KL(p||q) and KL(q||p) differ, and it is infinite where p has an outcome that q has not.

    Args:
        p: distributions, shape (..., outcomes).
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, inf]; 0 only for p = q.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Reference: Kullback and Leibler, 1951, "On information and sufficiency".
    """
    p, q = _distribution_pair(p, q)
    return _relative_entropy(p, q)


def js_divergence(p, q):
    """Returns the Jensen-Shannon divergence, JS(p, q) = (KL(p||m) + KL(q||m)) / 2 with m = (p + q) / 2.

    Args:
        p: distributions, shape (..., outcomes).
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, log 2]: symmetric, 0 only for p = q, log 2 where the two share no outcome.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Reference: Lin, 1991, "Divergence measures based on the Shannon entropy".
    """
    p, q = _distribution_pair(p, q)
    middle = (p + q) / 2.0
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0


def cross_entropy(p, q):
    """Returns the mean information that q assigns to draws of p, H(p, q) = -sum_x p(x) log q(x) = H(p) + KL(p||q).

    Args:
        p: distributions, shape (..., outcomes); a one-hot label is one.
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, inf].

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.
    """
    p, q = _distribution_pair(p, q)
    return -_x_log_y(p, q).sum(axis=-1) + 0.0


def binary_cross_entropy(label, logit):
    """Returns -(y log D + (1 - y) log(1 - D)) for D = sigmoid(l), as y softplus(-l) + (1 - y) softplus(l).

    The second form neither overflows nor takes the logarithm of 0, however sure the discriminator is.

    Args:
        label: y, any shape, in [0, 1]: 1 for real, 0 for generated.
        logit: l, broadcast against `label`; any real number.

    Returns:
        float64 array, in [0, inf), one value a sample: no mean is taken.

    Raises:
        ValueError: if a label lies outside [0, 1].
    """
    label = _probabilities("label", label)
    return label * softplus(-np.asarray(logit, dtype="float64")) + (1.0 - label) * softplus(logit)


# -- from logits to probabilities --


def sigmoid(logit):
    """Returns D = 1 / (1 + exp(-l)), without overflow for any l.

    Args:
        logit: any shape.

    Returns:
        float64 array of that shape, in [0, 1].
    """
    return np.exp(-softplus(-np.asarray(logit, dtype="float64")))


def softplus(logit):
    """Returns log(1 + exp(l)), without overflow for any l; -log sigmoid(l) = softplus(-l).

    Args:
        logit: any shape.

    Returns:
        float64 array of that shape, in [0, inf).
    """
    return np.logaddexp(0.0, np.asarray(logit, dtype="float64"))


# -- the game --


def value_function(d_real, d_fake):
    """Returns what the players fight over, V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))], as sample means.

    The game is min_G max_D V. These are probabilities; the losses below take logits.

    Args:
        d_real: D(x) for real samples, any shape, in [0, 1].
        d_fake: D(G(z)) for generated samples, any shape, in [0, 1]; the two need not be equally many.

    Returns:
        A float in [-inf, 0].

    Raises:
        ValueError: if a probability lies outside [0, 1], or an argument is empty.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, equation 1.
    """
    d_real, d_fake = _samples("d_real", _probabilities("d_real", d_real)), _samples("d_fake", d_fake)
    with np.errstate(divide="ignore"):
        return float(np.log(d_real).mean() + np.log(1.0 - _probabilities("d_fake", d_fake)).mean())


def discriminator_loss(real_logits, fake_logits):
    """Returns L_D = -V = mean softplus(-l_real) + mean softplus(l_fake), the sum of two means.

    Not to be confused with the mean of the binary cross-entropy over all samples of both kinds, which is half of this.

    Args:
        real_logits: l for real samples, any shape.
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in [0, inf); 2 log 2 for a discriminator that says 1/2 everywhere.

    Raises:
        ValueError: if an argument is empty.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661.
    """
    real_logits, fake_logits = _samples("real_logits", real_logits), _samples("fake_logits", fake_logits)
    return float(softplus(-real_logits).mean() + softplus(fake_logits).mean())


def generator_loss_minimax(fake_logits):
    """Returns L_G = E_z[log(1 - D(G(z)))] = -mean softplus(l_fake), the half of V that the generator can move.

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
    return float(-softplus(_samples("fake_logits", fake_logits)).mean())


def generator_loss_non_saturating(fake_logits):
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
    return float(softplus(-_samples("fake_logits", fake_logits)).mean())


def total_loss(real_logits, fake_logits):
    """Returns L_D + L_G with the non-saturating L_G: two terms that are both minimised, both in [0, inf).

    With the minimax L_G the sum means nothing: the generator cancels out and -E_x[log D(x)] is left.

    Args:
        real_logits: l for real samples, any shape.
        fake_logits: l for generated samples, any shape.

    Returns:
        A float in [0, inf); 3 log 2 at the equilibrium.

    Raises:
        ValueError: if an argument is empty.
    """
    return discriminator_loss(real_logits, fake_logits) + generator_loss_non_saturating(fake_logits)


def optimal_discriminator(p, q):
    """Returns the best answer to a fixed generator, D*(x) = p(x) / (p(x) + q(x)).

    Args:
        p: densities or probabilities of the data, any shape, not negative; they need not sum to 1.
        q: those of the generator at the same places, broadcast against `p`.

    Returns:
        float64 array, in [0, 1]. Where neither has mass every answer is optimal; 1/2 is given.

    Raises:
        ValueError: if an entry is negative.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, proposition 1.
    """
    p, q = np.broadcast_arrays(_not_negative("p", p), _not_negative("q", q))
    both = p + q
    return np.divide(p, both, out=np.full(both.shape, EQUILIBRIUM_PROBABILITY), where=both > 0.0)


def value_at_optimum(p, q):
    """Returns V(D*, G) = -log 4 + 2 JS(p, q): what the generator minimises if D is always optimal.

    Args:
        p: distributions of the data, shape (..., outcomes).
        q: distributions of the generator over the same outcomes.

    Returns:
        float64, shape (...), in [-log 4, 0]: the least only for p = q.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1.
    """
    return EQUILIBRIUM_VALUE + 2.0 * js_divergence(p, q)


def js_lower_bound(d_loss):
    """Returns the lower bound of JS(p, q) that a discriminator proves by its loss, (log 4 - L_D) / 2.

    It is tight for D = D*. It is a bound in expectation: a discriminator that has learnt its images by heart breaks it,
    so take L_D from images it has not trained on where there are some. Below 0 it says nothing more than 0 does.

    Args:
        d_loss: L_D as the sum of two means of cross-entropy, any shape, with no penalty in it.

    Returns:
        float64 of that shape, in (-inf, log 2].

    Reference: Goodfellow et al., 2014, arXiv:1406.2661, theorem 1.
    """
    return (EQUILIBRIUM_DISCRIMINATOR_LOSS - np.asarray(d_loss, dtype="float64")) / 2.0


# -- why training circles --


def dirac_gan_vector_field(theta, psi, objective="non_saturating", r1_gamma=0.0):
    """Returns where simultaneous gradient steps push the smallest GAN there is, (-dL_G/dtheta, -dL_D/dpsi).

    The data is one point at 0, the generator one point at theta, the discriminator the logit psi x. With
    L_D = log 2 + softplus(psi theta) + gamma/2 psi^2 (R1 at the data point, where the gradient of the logit is psi):

        minimax          (psi sigmoid( psi theta), -theta sigmoid(psi theta) - gamma psi)
        non-saturating   (psi sigmoid(-psi theta), -theta sigmoid(psi theta) - gamma psi)

    At the equilibrium (0, 0) both have the Jacobian ((0, 1/2), (-1/2, -gamma)) with the eigenvalues
    (-gamma +- sqrt(gamma^2 - 1)) / 2: imaginary without R1, so that training circles for ever, and with a negative real
    part with it, so that training converges.

    Args:
        theta: the generator's point, any shape.
        psi: the discriminator's slope, broadcast against `theta`.
        objective: what the generator minimises, `"non_saturating"` or `"minimax"`.
        r1_gamma: weight of the R1 penalty, 0 for none.

    Returns:
        float64 array, shape (..., 2): the movement of theta, then that of psi.

    Raises:
        ValueError: for an unknown objective, or a negative `r1_gamma`.

    Reference: Mescheder et al., 2018, arXiv:1801.04406, sections 2 and 4. Their discriminator is positive on generated
    points; here, as everywhere in kerasgan, a positive logit means real.
    """
    signs = {"non_saturating": -1.0, "minimax": 1.0}
    if objective not in signs:
        raise unknown_name("objective", objective, signs)
    if not r1_gamma >= 0.0:
        raise ValueError(f"A penalty's weight is not negative. Received: r1_gamma={r1_gamma}. Use 0.0 for no penalty.")
    theta, psi = np.asarray(theta, dtype="float64"), np.asarray(psi, dtype="float64")
    along_theta = psi * sigmoid(signs[objective] * psi * theta)
    along_psi = -theta * sigmoid(psi * theta) - r1_gamma * psi
    return np.stack(np.broadcast_arrays(along_theta, along_psi), axis=-1)


# -- what an argument has to be --


def _x_log_y(x, y):
    """Returns x log y with 0 log y = 0 even for y = 0."""
    x, y = np.broadcast_arrays(x, y)
    with np.errstate(divide="ignore"):
        return x * np.log(y, out=np.zeros(x.shape), where=x > 0.0)


def _relative_entropy(p, q):
    """Returns sum p log(p/q) over the last axis, for arguments already checked."""
    return np.maximum(_x_log_y(p, p).sum(axis=-1) - _x_log_y(p, q).sum(axis=-1), 0.0)  # rounding can give -1e-17


def _not_negative(name, values):
    values = np.asarray(values, dtype="float64")
    if not np.all(values >= 0.0):
        raise ValueError(
            f"Probabilities and densities are not negative. Received: {name}={values}. Pass no logits here."
        )
    return values


def _probabilities(name, values):
    values = np.asarray(values, dtype="float64")
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError(
            f"Probabilities lie in [0, 1]. Received: {name}={values}. Use sigmoid() to make them from logits."
        )
    return values


def _distribution(name, values):
    values = _not_negative(name, values)
    if values.ndim == 0 or not np.all(np.abs(values.sum(axis=-1) - 1.0) <= SUM_TOLERANCE):
        raise ValueError(
            f"A distribution sums to 1 over its last axis. Received: {name}={values}. "
            f"Divide by {name}.sum(axis=-1, keepdims=True)."
        )
    return values


def _distribution_pair(p, q):
    p, q = _distribution("p", p), _distribution("q", q)
    if p.shape[-1] != q.shape[-1]:
        raise ValueError(
            f"Both distributions are over the same outcomes. Received: p with shape {p.shape}, q with shape {q.shape}. "
            "Give an outcome that one of them never shows the probability 0."
        )
    return p, q


def _samples(name, values):
    values = np.asarray(values, dtype="float64")
    if values.size == 0:
        raise ValueError(f"A mean needs at least one sample. Received: {name} with shape {values.shape}. Pass a batch.")
    return values
