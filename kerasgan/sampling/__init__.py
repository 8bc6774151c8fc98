"""Samples of a GAN: drawn by seed, latents and labels, in grids of classes, and along arcs between latents."""

from .generate import class_grid, generate

__all__ = ["class_grid", "generate"]
