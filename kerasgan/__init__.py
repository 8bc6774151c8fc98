"""kerasgan: generative adversarial networks with Keras."""

from kerasgan import (
    augment,
    callbacks,
    conditions,
    datasets,
    ema,
    evaluation,
    features,
    metrics,
    networks,
    objectives,
    penalties,
    pictures,
    reconstruction,
    sampling,
    schedules,
    signal_pictures,
    theory,
    transfer,
    updates,
)
from kerasgan.configs import frozen_config
from kerasgan.cycle_gan import CycleGAN
from kerasgan.gan import GAN

__all__ = [
    "GAN",
    "CycleGAN",
    "augment",
    "callbacks",
    "conditions",
    "datasets",
    "ema",
    "evaluation",
    "features",
    "frozen_config",
    "metrics",
    "networks",
    "objectives",
    "penalties",
    "pictures",
    "reconstruction",
    "sampling",
    "schedules",
    "signal_pictures",
    "theory",
    "transfer",
    "updates",
]
