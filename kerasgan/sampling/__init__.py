"""Samples of a GAN: drawn by seed, latents and labels, in grids of classes, and along arcs between latents; and the
other way: the latents of given images."""

from .anomaly import AnomalyScores, anomaly_scores
from .generate import check_size, class_grid, generate, images_to_translate, in_batches, translate
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
    "check_size",
    "class_grid",
    "direction_samples",
    "directions",
    "generate",
    "images_to_translate",
    "in_batches",
    "invert",
    "translate",
]
