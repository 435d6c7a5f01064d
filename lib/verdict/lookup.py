"""Look up a table or check of a step by its name, as typed at a notebook's prompt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lib.errors import UserError
from lib.verdict.check import Check
from lib.words.choices import nearest
from lib.words.text import one_line

_Fits = Callable[[str, str], bool]
_WAYS: Sequence[_Fits] = (
    lambda name, wanted: name == wanted,
    lambda name, wanted: name.casefold() == wanted.casefold(),
    lambda name, wanted: name.casefold().startswith(wanted.casefold()),
)


class NoSuchName(UserError, KeyError):
    """Nothing has the name, or several things do."""

    # A KeyError shows the representation of its message.
    __str__ = Exception.__str__


def names_of(tables: Iterable[Any], checks: Iterable[Check]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return tables by caption (the first if several share one), and checks by name and by id."""
    by_caption: dict[str, Any] = {}
    for table in tables:
        by_caption.setdefault(one_line(table.caption), table)
    checks = list(checks)
    return by_caption, {**{one_line(check.name): check for check in checks}, **{check.id: check for check in checks}}


def by_name(groups: Sequence[Mapping[str, Any]], wanted: Any) -> Any:
    """Return what has this name: exactly, ignoring case, or as a unique prefix; earlier groups first.

    Raises:
        NoSuchName: Nothing has the name, or several names begin with it; lists the names.
    """
    text = one_line(str(wanted))
    for fits in _WAYS:
        for group in groups:
            names = [name for name in group if text and fits(name, text)]
            if len({id(group[name]) for name in names}) > 1:
                raise NoSuchName(f"{text!r:.80} is ambiguous: {_listed(names)}; write more of the name")
            if names:
                return group[names[0]]
    known = list(dict.fromkeys(name for group in groups for name in group))
    near = nearest(text, known)
    hint = f"; did you mean {near[0]!r:.80}?" if near else "."
    raise NoSuchName(f"this step has nothing named {text!r:.80}{hint} It has: {_listed(known) or 'nothing'}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"{name!r:.80}" for name in names)
