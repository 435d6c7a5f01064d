"""One of a few words: what JupyterLab, papermill and command lines hand on is text of any kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, get_args

from lib.errors import UserError

# Comparing takes time with the square of the length, and a name may come from a hostile file.
_LONGEST = 300


def ensure_one_of(choices: Any, **parameter: str) -> None:
    """Refuse a word that is not a choice, before anything is looked at.

    Args:
        choices: A ``Literal`` of texts.
        parameter: The parameter's name and what it holds, such as ``lock="off"``.

    Raises:
        UserError: It is not one of them; nothing was changed.
    """
    ((name, given),) = parameter.items()
    known = get_args(choices)
    if given not in known:
        words = " or ".join(word or "empty" for word in known)
        raise UserError(f"{name}={given!r:.80} is not a choice; write {words}; nothing was changed")


def nearest(name: str, known: Iterable[str], most: int = 1) -> list[str]:
    """The known names that are most like this one, the nearest first; none where none is like it."""
    return get_close_matches(name[:_LONGEST], [*known], n=most)


def no_such(kind: str, name: str, known: Collection[str]) -> UserError:
    """The error that no ``runbook``, say, has this name: it shows the nearest name, and all there are."""
    near = nearest(name, known)
    hint = f"; did you mean {near[0]}?" if near else "."
    return UserError(f"there is no {kind} {name!r:.80}{hint} Known are: {', '.join(known) or 'none'}")
