"""Samples of a GAN: drawn by seed, latents and labels, in grids of classes, and along arcs between latents; and the
other way: the latents of given images."""

from .anomaly import AnomalyScores, anomaly_scores
from .generate import class_grid, generate
from .inversion import Inversion, Search, invert
from .latent_directions import Directions, direction_samples, directions
from .methods import LookInside

__all__ = [
    "AnomalyScores",
    "Directions",
    "Inversion",
    "LookInside",
    "Search",
    "anomaly_scores",
    "class_grid",
    "direction_samples",
    "directions",
    "generate",
    "invert",
]
