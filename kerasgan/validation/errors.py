"""Errors that several modules raise in the same words."""

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, received: object, known: Iterable[str]) -> ValueError:
    """Returns the error for a name that is not in a list of known names.

    Args:
        kind: the kind of thing that has the name, for example `"objective"`.
        received: the name that was given.
        known: the known names.

    Returns:
        A `ValueError`, for the caller to raise, that lists the known names and suggests the nearest.
    """
    names = sorted(known)
    name = str(received).lower()
    inside = [each for each in names if len(name) > 3 and name in each]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6) or difflib.get_close_matches(name, inside, 1, 0.0)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(names) if len(names) <= 30 else f"{', '.join(names[:20])} and {len(names) - 20} more"
    return ValueError(f"There is no {kind} of that name. Received: {kind}={received!r}.{hint} Known: {listed}.")
