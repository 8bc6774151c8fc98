"""kerasgan: generative adversarial networks with Keras.

The public names stand in `__init__.pyi`. Each is imported when it is first used, so that `kerasgan --help` and the
other commands that train nothing answer without waiting for TensorFlow.
"""

import importlib

import lazy_loader

from . import hooks

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

# `keras.models.load_model` finds the class GAN only once it is registered, which its module does when it is imported.
hooks.after_import("keras", lambda: importlib.import_module("kerasgan.gan"))
