"""Checkpoints: files, the state of a model and of callbacks, and the position in the data."""
