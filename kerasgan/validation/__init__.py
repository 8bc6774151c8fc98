"""Checks of networks, numbers, images and labels, and the wording of errors."""
