"""Validates choices: JupyterLab, papermill and command lines pass on any text."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, get_args

from lib.errors import UserError

# Comparison takes quadratic time, and a name may come from a hostile file.
_LONGEST = 300


def ensure_one_of(choices: Any, **parameter: str) -> None:
    """Refuse a word that is not one of the choices, before anything else happens.

    Args:
        choices: A ``Literal`` of strings.
        parameter: The parameter's name and value, such as ``lock="off"``.

    Raises:
        UserError: The value is not one of the choices; nothing was changed.
    """
    ((name, given),) = parameter.items()
    known = get_args(choices)
    if given not in known:
        words = " or ".join(word or "empty" for word in known)
        raise UserError(f"{name}={given!r:.80} is not valid; use {words}; nothing was changed")


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """Return the most similar known names, nearest first; empty if none is similar."""
    return get_close_matches(name[:_LONGEST], [*known], n=most)


def no_such(kind: str, name: str, known: Collection[str]) -> UserError:
    """Return the error for an unknown name of a kind, such as ``runbook``, with the nearest and all known names."""
    near = nearest(name, known)
    hint = f"; did you mean {near[0]}?" if near else "."
    return UserError(f"there is no {kind} {name!r:.80}{hint} Known: {', '.join(known) or 'none'}")
