"""The training step, written once for both engines."""

from .diagnostics import NAMES as DIAGNOSTICS
from .diagnostics import Recorder, Snapshot
from .pool import ImagePool
from .training_step import TrainingStep, test_step, train_step

__all__ = ["DIAGNOSTICS", "ImagePool", "Recorder", "Snapshot", "TrainingStep", "test_step", "train_step"]
