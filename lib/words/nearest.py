"""A name that is not known, and the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Comparing takes time with the square of the length, and a name may come from a hostile file.
_LONGEST = 300


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one; empty: none is."""
    return next(iter(get_close_matches(name[:_LONGEST], [*known], n=1)), "")


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """``there is no runbook 'deploy_verfy'; did you mean deploy_verify? Known are: ...``, in the order of the known."""
    names = [*known]
    near = nearest(name, names)
    hint = f"; did you mean {near}?" if near else "."
    return f"there is no {kind} {name!r:.80}{hint} Known are: {', '.join(names) or 'none'}"
