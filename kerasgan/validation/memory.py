"""The memory of this machine: arrays that cannot fit are refused before they are allocated."""

import math
import os


def total_bytes() -> float:
    """Returns the size of this machine's memory, or infinity if it is unknown."""
    known = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else math.inf


def fits(num_bytes: float) -> bool:
    """Returns whether so many bytes are within this machine's memory; True if its size is unknown."""
    return num_bytes <= total_bytes()
