"""The types that a runbook's parameter may have, and how text becomes a value."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from lib.words.dates import DATE_WORDS, iso_date

# Days around the first and the last date there is cannot be counted with.
_EARLIEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)

_SCALARS: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "true or false"),
}


_CHOICES = re.compile(r"(?P<all>one of (?P<words>\w+(?:, \w+)+)(?P<empty> or empty)?): ")


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
    """The type that a parameter's annotation states.

    A ``str`` named ``..._date`` is a date. One whose help begins with ``one of a, b:`` or
    ``one of a, b or empty:`` takes these words only. ``Literal[...]`` and ``int | None`` mean what they
    say, but ``papermill --help-notebook`` does not list a parameter that is written so.

    Raises:
        ValueError: It is none of ``str``, ``int``, ``float``, ``bool``, ``list[str]``, ``Literal[...]``,
            and ``Optional[...]`` or ``... | None`` of these.
    """
    text = ast.unparse(annotation)
    match annotation:
        case ast.Name(id="str") if name == "date" or name.endswith("_date"):
            return ParameterType(text, "a date as YYYY-MM-DD, today, yesterday or empty", str, _date_text, is_date=True)
        case ast.Name(id="str") if named := _CHOICES.match(help_text):
            words = (*named["words"].split(", "), *([""] if named["empty"] else []))
            return ParameterType(text, named["all"], Literal[words])
        case ast.Name(id=scalar) if scalar in _SCALARS:
            python_type, expected = _SCALARS[scalar]
            return ParameterType(text, expected, python_type)
        case (
            ast.Subscript(value=ast.Name(id="Optional"), slice=inner)
            | ast.BinOp(left=inner, op=ast.BitOr(), right=ast.Constant(value=None))
        ):
            return _optional(text, parameter_type(name, inner, help_text))
        case ast.Subscript(value=ast.Name(id="Literal"), slice=choices):
            return _literal(text, ast.literal_eval(choices))
        case ast.Subscript(value=ast.Name(id="list"), slice=ast.Name(id="str")):
            return ParameterType(text, "texts separated by commas", list[str], comma_separated)
    raise ValueError(f"type {text} is not supported")


def _optional(text: str, inner: ParameterType) -> ParameterType:
    def convert(given: str) -> Any:
        return None if given in ("", "none", "None") else inner.convert(given)

    return ParameterType(text, f"{inner.expected} or empty", inner.python_type | None, convert)


def _literal(text: str, choices: Any) -> ParameterType:
    values = choices if isinstance(choices, tuple) else (choices,)
    by_text = {str(value): value for value in values}
    expected = f"one of {', '.join(by_text)}"
    return ParameterType(text, expected, Literal[values], lambda given: by_text.get(given, given))


def comma_separated(given: str) -> list[str]:
    """The texts between the commas, without blanks around them; empty ones are left out."""
    return [part.strip() for part in given.split(",") if part.strip()]


def _date_text(given: str) -> str:
    if given and given not in DATE_WORDS and not _EARLIEST <= iso_date(given) <= _LATEST:
        raise ValueError("far from any game")
    return given
