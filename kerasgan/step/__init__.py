"""The training step, written once for both engines."""

from .diagnostics import NAMES as DIAGNOSTICS
from .diagnostics import Recorder, Snapshot
from .training_step import TrainingStep, test_step, train_step

__all__ = ["DIAGNOSTICS", "Recorder", "Snapshot", "TrainingStep", "test_step", "train_step"]
