"""Information, entropy and divergences of distributions."""

import numpy as np
from numpy.typing import ArrayLike

from . import arguments
from .arguments import Array


def information_content(p: ArrayLike) -> Array:
    """Returns the information of an event, I(x) = -log p(x): the rarer the event, the more.

    Args:
        p: probabilities of single events, any shape, in [0, 1]; they need not sum to 1.

    Returns:
        float64 array of that shape, in [0, inf].

    Raises:
        ValueError: if a probability lies outside [0, 1].

    Example:

    ```python
    from kerasgan import theory

    theory.information_content([0.7, 0.2, 0.1])  # 0.357, 1.609, 2.303
    ```

    Reference: Shannon, 1948, "A mathematical theory of communication".
    """
    with np.errstate(divide="ignore"):
        return -np.log(arguments.probabilities("p", p)) + 0.0  # + 0.0: 0 instead of -0 for a certain event


def entropy(p: ArrayLike) -> Array:
    """Returns the mean information of a distribution, H(p) = -sum_x p(x) log p(x).

    Args:
        p: distributions, shape (..., outcomes).

    Returns:
        float64, shape (...), in [0, log(outcomes)].

    Raises:
        ValueError: if `p` has a negative entry or does not sum to 1 over the last axis.

    Example:

    ```python
    from kerasgan import theory

    theory.entropy([0.5, 0.5])  # log 2 = 0.693
    ```

    Reference: Shannon, 1948.
    """
    p = arguments.distribution("p", p)
    return -_x_log_y(p, p).sum(axis=-1) + 0.0


def binary_entropy(p: ArrayLike) -> Array:
    """Returns the entropy of a coin, H(p) = -p log p - (1 - p) log(1 - p).

    Args:
        p: probabilities of heads, any shape, in [0, 1].

    Returns:
        float64 array of that shape, in [0, log 2]; log 2 only at p = 1/2.

    Raises:
        ValueError: if a probability lies outside [0, 1].
    """
    p = arguments.probabilities("p", p)
    return -_x_log_y(p, p) - _x_log_y(1.0 - p, 1.0 - p) + 0.0


def kl_divergence(p: ArrayLike, q: ArrayLike) -> Array:
    """Returns the relative entropy, KL(p||q) = sum_x p(x) log(p(x) / q(x)).

    It is not a distance: KL(p||q) and KL(q||p) differ. It is infinite where p > 0 and q = 0.

    Args:
        p: distributions, shape (..., outcomes).
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, inf]; 0 only for p = q.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Example:

    ```python
    from kerasgan import theory

    p, q = [0.7, 0.2, 0.1], [0.1, 0.3, 0.6]
    theory.kl_divergence(p, q), theory.kl_divergence(q, p)  # 1.102, 1.002
    ```

    Reference: Kullback and Leibler, 1951, "On information and sufficiency".
    """
    p, q = arguments.distribution_pair(p, q)
    return _relative_entropy(p, q)


def js_divergence(p: ArrayLike, q: ArrayLike) -> Array:
    """Returns the Jensen-Shannon divergence, JS(p, q) = (KL(p||m) + KL(q||m)) / 2 with m = (p + q) / 2.

    Args:
        p: distributions, shape (..., outcomes).
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, log 2]: symmetric, 0 only for p = q, log 2 where the two share no outcome.

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.

    Example:

    ```python
    from kerasgan import theory

    theory.js_divergence([1.0, 0.0], [0.0, 1.0])  # log 2 = 0.693
    ```

    Reference: Lin, 1991, "Divergence measures based on the Shannon entropy".
    """
    p, q = arguments.distribution_pair(p, q)
    middle = (p + q) / 2.0
    return (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2.0


def cross_entropy(p: ArrayLike, q: ArrayLike) -> Array:
    """Returns the mean information by q of samples of p, H(p, q) = -sum_x p(x) log q(x) = H(p) + KL(p||q).

    Args:
        p: distributions, shape (..., outcomes); a one-hot label is one.
        q: distributions over the same outcomes, broadcast against `p`.

    Returns:
        float64, shape (...), in [0, inf].

    Raises:
        ValueError: if an argument is not a distribution, or the two differ in the number of outcomes.
    """
    p, q = arguments.distribution_pair(p, q)
    return -_x_log_y(p, q).sum(axis=-1) + 0.0


def _x_log_y(x, y):
    """Returns x log y with 0 log y = 0 even for y = 0."""
    x, y = np.broadcast_arrays(x, y)
    with np.errstate(divide="ignore"):
        return x * np.log(y, out=np.zeros(x.shape), where=x > 0.0)


def _relative_entropy(p, q):
    """Returns sum p log(p/q) over the last axis; the arguments are already checked."""
    return np.maximum(_x_log_y(p, p).sum(axis=-1) - _x_log_y(p, q).sum(axis=-1), 0.0)  # rounding can give -1e-17
