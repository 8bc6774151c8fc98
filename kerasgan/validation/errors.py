"""One wording for the mistakes that every door can meet."""

import difflib


def unknown_name(kind, received, known):
    """Returns the error for a name that is not in a list of known names.

    Args:
        kind: what the name should have named, for example `"objective"`.
        received: the name that was given.
        known: the names there are.

    Returns:
        A `ValueError`, to be raised by the caller, that lists the known names and suggests the nearest.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(received).lower(), known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(known) if len(known) <= 20 else f"{', '.join(known[:20])} and {len(known) - 20} more"
    return ValueError(f"There is no {kind} of that name. Received: {kind}={received!r}.{hint} Known: {listed}.")
