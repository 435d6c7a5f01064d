"""The types that a runbook's parameter may have, and how text becomes a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

DATE_WORDS = ("today", "yesterday")
# Days around the first and the last date there is cannot be counted with.
_EARLIEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)

_SCALARS: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "true or false"),
}


_CHOICES = re.compile(r"(?P<all>one of (?P<words>\w+(?:, \w+)*)(?P<empty> or empty)?): ")
_WRITE_INSTEAD = (
    "write str, int, float, bool, list[str] or Optional[...] of one; for choices str, and `# one of a, b: help`"
)


@dataclass(frozen=True)
class ParameterType:
    """A type with the values it takes.

    Attributes:
        text: As the notebook writes it, e.g. ``Optional[int]``.
        expected: As an error names it, e.g. ``a whole number or empty``.
        python_type: What pydantic checks against.
        convert: Turns text into what `python_type` is checked against.
        is_date: Whether it takes a date.
    """

    text: str
    expected: str
    python_type: Any
    convert: Callable[[str], Any] = str
    is_date: bool = False

    def parse(self, given: object) -> Any:
        """The typed value; text is converted, anything else must fit as it is.

        Raises:
            ValueError: It does not fit.
        """
        from pydantic import ConfigDict, TypeAdapter

        adapter: TypeAdapter[Any] = TypeAdapter(self.python_type, config=ConfigDict(allow_inf_nan=False))
        if not isinstance(given, str):
            return adapter.validate_python(given, strict=True)
        # A surrogate (bytes of a command line that are not UTF-8) could not be archived.
        given.encode("utf-8")
        return adapter.validate_python(self.convert(given))


def parameter_type(name: str, annotation: ast.expr, help_text: str = "") -> ParameterType:
    """The type that a parameter's annotation states, of those that papermill lists too.

    A ``str`` named ``..._date`` is a date. One whose help begins with ``one of a, b:`` or
    ``one of a, b or empty:`` takes these words only.

    Raises:
        ValueError: It is none of ``str``, ``int``, ``float``, ``bool``, ``list[str]`` and
            ``Optional[...]`` of these, or its help begins with ``one of`` and names no choices.
    """
    text = ast.unparse(annotation)
    match annotation:
        case ast.Name(id="str") if name == "date" or name.endswith("_date"):
            return ParameterType(text, "a date as YYYY-MM-DD, today, yesterday or empty", str, _date_text, is_date=True)
        case ast.Name(id="str") if help_text.startswith("one of "):
            return _choice(text, help_text)
        case ast.Name(id=scalar) if scalar in _SCALARS:
            python_type, expected = _SCALARS[scalar]
            return ParameterType(text, expected, python_type)
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return _optional(text, parameter_type(name, inner, help_text))
        case ast.Subscript(value=ast.Name(id="list"), slice=ast.Name(id="str")):
            return ParameterType(text, "texts separated by commas", list[str], comma_separated)
    raise ValueError(f"papermill does not list the type {text}; {_WRITE_INSTEAD}")


def _optional(text: str, inner: ParameterType) -> ParameterType:
    def convert(given: str) -> Any:
        return None if given in ("", "none", "None") else inner.convert(given)

    return ParameterType(text, f"{inner.expected} or empty", inner.python_type | None, convert)


def _choice(text: str, help_text: str) -> ParameterType:
    found = _CHOICES.match(help_text)
    if found is None:
        raise ValueError("its help must name the choices as `one of a, b: help` or `one of a, b or empty: help`")
    values = (*found["words"].split(", "), *([""] if found["empty"] else []))
    return ParameterType(text, found["all"], Literal[values])


def comma_separated(given: str) -> list[str]:
    """The texts between the commas, without blanks around them; empty ones are left out."""
    return [part.strip() for part in given.split(",") if part.strip()]


def _date_text(given: str) -> str:
    # fromisoformat also takes 20260117 and 2026-W03-6, which nothing else here does.
    if given and given not in DATE_WORDS:
        day = date.fromisoformat(given)
        if day.isoformat() != given or not _EARLIEST <= day <= _LATEST:
            raise ValueError("not of the form YYYY-MM-DD, or far from any game")
    return given
