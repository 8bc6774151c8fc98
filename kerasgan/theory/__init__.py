"""The mathematics of the minimax game as functions with names, in NumPy alone.

Natural logarithms throughout, so information is measured in nats. `p` is the distribution of the data, `q` that of
the generator, D(x) the probability that x is real, and l = logit D(x) its logit: positive means real. Distributions are
arrays whose last axis runs over the outcomes; the other axes are a batch. 0 log 0 counts as 0.

These functions define and explain. The losses of training are in `kerasgan.objectives`, in `keras.ops`.
"""

from .dynamics import dirac_gan_vector_field as dirac_gan_vector_field
from .information import binary_entropy as binary_entropy
from .information import cross_entropy as cross_entropy
from .information import entropy as entropy
from .information import information_content as information_content
from .information import js_divergence as js_divergence
from .information import kl_divergence as kl_divergence
from .losses import EQUILIBRIUM_DISCRIMINATOR_LOSS as EQUILIBRIUM_DISCRIMINATOR_LOSS
from .losses import EQUILIBRIUM_GENERATOR_LOSS as EQUILIBRIUM_GENERATOR_LOSS
from .losses import EQUILIBRIUM_PROBABILITY as EQUILIBRIUM_PROBABILITY
from .losses import EQUILIBRIUM_TOTAL_LOSS as EQUILIBRIUM_TOTAL_LOSS
from .losses import EQUILIBRIUM_VALUE as EQUILIBRIUM_VALUE
from .losses import binary_cross_entropy as binary_cross_entropy
from .losses import discriminator_loss as discriminator_loss
from .losses import generator_loss_minimax as generator_loss_minimax
from .losses import generator_loss_non_saturating as generator_loss_non_saturating
from .losses import js_lower_bound as js_lower_bound
from .losses import optimal_discriminator as optimal_discriminator
from .losses import sigmoid as sigmoid
from .losses import softplus as softplus
from .losses import total_loss as total_loss
from .losses import value_at_optimum as value_at_optimum
from .losses import value_function as value_function
