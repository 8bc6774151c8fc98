"""Callbacks for `GAN.fit`: samples, metrics, failures, checkpoints, TensorBoard."""

from .checkpoint import Checkpoint
from .equilibrium import Equilibrium
from .evaluate import Evaluate
from .guard import Guard
from .history_csv import HistoryCSV
from .image_grid import ImageGrid
from .latent_walk import LatentWalk
from .progress import Progress
from .sample_grid import SampleGrid
from .tensorboard import TensorBoard

__all__ = [
    "Checkpoint",
    "Equilibrium",
    "Evaluate",
    "Guard",
    "HistoryCSV",
    "ImageGrid",
    "LatentWalk",
    "Progress",
    "SampleGrid",
    "TensorBoard",
]
