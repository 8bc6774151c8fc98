"""How much this machine can hold: what cannot fit is refused before it is asked for."""

import math
import os


def total_bytes():
    """Returns how much memory this machine has, or infinity where it does not tell."""
    known = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else math.inf


def fits(num_bytes):
    """Returns whether so many bytes are within this machine's memory; True where it does not tell how much it has."""
    return num_bytes <= total_bytes()
