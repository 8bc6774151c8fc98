"""Metrics of sample quality: pure functions of the features of real and of generated images."""

from .classes import class_divergence as class_divergence
from .classes import classifier_score as classifier_score
from .copies import Copying as Copying
from .copies import copying as copying
from .frechet import frechet_distance as frechet_distance
from .frechet import frechet_distance_infinity as frechet_distance_infinity
from .frechet import frechet_distance_of_moments as frechet_distance_of_moments
from .frechet import moments as moments
from .kernel import kernel_distance as kernel_distance
from .modes import ModeCoverage as ModeCoverage
from .modes import mode_coverage as mode_coverage
from .neighbors import density_coverage as density_coverage
from .neighbors import precision_recall as precision_recall
from .sample_size import too_few as too_few
from .spectra import Marginals as Marginals
from .spectra import log_spectral_distance as log_spectral_distance
from .spectra import marginal_distances as marginal_distances
from .spectra import mean_spectrum as mean_spectrum
