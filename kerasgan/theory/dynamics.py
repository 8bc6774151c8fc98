"""The dynamics of training, on the smallest GAN."""

import numpy as np
from numpy.typing import ArrayLike

from kerasgan.validation.errors import unknown_name

from .arguments import Array
from .losses import sigmoid


def dirac_gan_vector_field(
    theta: ArrayLike, psi: ArrayLike, objective: str = "non_saturating", r1_gamma: float = 0.0
) -> Array:
    """Returns the vector field of simultaneous gradient steps of the Dirac-GAN, (-dL_G/dtheta, -dL_D/dpsi).

    The data is one point at 0, the generator one point at theta, the discriminator has the logit psi x. With
    L_D = log 2 + softplus(psi theta) + gamma/2 psi^2 (R1 at the data point, where the gradient of the logit is psi):

        minimax          (psi sigmoid( psi theta), -theta sigmoid(psi theta) - gamma psi)
        non-saturating   (psi sigmoid(-psi theta), -theta sigmoid(psi theta) - gamma psi)

    At the equilibrium (0, 0) both have the Jacobian ((0, 1/2), (-1/2, -gamma)) with the eigenvalues
    (-gamma +- sqrt(gamma^2 - 1)) / 2. Without R1 they are imaginary, so that training circles the equilibrium. With R1
    their real part is negative, so that training converges.

    Args:
        theta: the generator's point, any shape.
        psi: the discriminator's parameter, broadcast against `theta`.
        objective: the generator's loss, `"non_saturating"` or `"minimax"`.
        r1_gamma: weight of the R1 penalty, 0 for none.

    Returns:
        float64 array, shape (..., 2): the components of theta and of psi.

    Raises:
        ValueError: for an unknown objective, or a negative `r1_gamma`.

    Example:

    ```python
    import numpy as np
    from kerasgan import theory

    point = np.array([1.0, 1.0])
    for _ in range(500):
        point = point + 0.1 * theory.dirac_gan_vector_field(*point, r1_gamma=1.0)
    np.linalg.norm(point)  # near 0: with R1 training converges
    ```

    Reference: Mescheder et al., 2018, arXiv:1801.04406, sections 2 and 4. Their discriminator is positive on generated
    points; here, as everywhere in kerasgan, a positive logit means real.
    """
    signs = {"non_saturating": -1.0, "minimax": 1.0}
    if objective not in signs:
        raise unknown_name("objective", objective, signs)
    if not r1_gamma >= 0.0:
        raise ValueError(
            f"A penalty's weight must not be negative. Received: r1_gamma={r1_gamma}. Use 0.0 for no penalty."
        )
    theta, psi = np.asarray(theta, dtype="float64"), np.asarray(psi, dtype="float64")
    along_theta = psi * sigmoid(signs[objective] * psi * theta)
    along_psi = -theta * sigmoid(psi * theta) - r1_gamma * psi
    return np.stack(np.broadcast_arrays(along_theta, along_psi), axis=-1)
