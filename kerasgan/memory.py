"""How much this machine can hold: what cannot fit is refused before it is asked for."""

import os


def fits(num_bytes):
    """Returns whether so many bytes are within this machine's memory; True where it does not tell how much it has."""
    known = "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {})
    return not known or num_bytes <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
