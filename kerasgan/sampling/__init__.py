"""Samples of a GAN: drawn by seed, latents and labels, in grids of classes, and along arcs between latents; and the
other way: the latents of given images."""

from .anomaly import AnomalyScores, anomaly_scores
from .generate import check_size as check_size
from .generate import class_grid, generate
from .generate import images_to_translate as images_to_translate
from .generate import in_batches as in_batches
from .generate import translate as translate
from .inversion import Inversion, Search, invert
from .latent_directions import Directions, direction_samples, directions
from .methods import SamplingMethods

__all__ = [
    "AnomalyScores",
    "Directions",
    "Inversion",
    "SamplingMethods",
    "Search",
    "anomaly_scores",
    "class_grid",
    "direction_samples",
    "directions",
    "generate",
    "invert",
]
