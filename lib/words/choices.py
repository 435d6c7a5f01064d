"""A parameter that takes a few words only: what JupyterLab and papermill hand on is text of any kind."""

from __future__ import annotations

from typing import Any, get_args

from lib.errors import UserError


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
