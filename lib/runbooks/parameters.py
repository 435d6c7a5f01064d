"""A runbook's parameters: their declarations in the notebook, their types, and the values of a run.

papermill only warns about a mistyped parameter and injects it, so names, types and dates are
checked here before a kernel starts.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar

from lib.errors import UserError
from lib.words.choices import no_such
from lib.words.dates import DATE_WORDS, iso_date
from lib.words.old_names import RENAMED
from lib.words.secrets.names import says_secret

# The parameters that approve a change: the digest of the reviewed plan, and why.
APPROVALS = ("plan", "reason")
# The value of a choice that applies a change; any other only shows a plan.
APPLY = "apply"
# Set to the name of the run's environment.
ENVIRONMENT_PARAMETER = "environment"
# Date arithmetic near Python's first and last date would overflow.
_EARLIEST, _LATEST = date(1900, 1, 1), date(2999, 12, 31)
_SCALARS: dict[str, tuple[Any, str]] = {
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (bool, "true or false"),
}
_Value = TypeVar("_Value")
_CHOICES = re.compile(r"(?P<all>one of (?P<words>\w+(?:, \w+)+)(?P<empty> or empty)?): ")


@dataclass(frozen=True)
class ParameterType:
    """A parameter's type.

    Attributes:
        text: As written in the notebook, for example ``Optional[int]``.
        expected: As named in an error, for example ``a whole number or empty``.
        python_type: The type that pydantic checks.
        convert: Converts text before it is checked against `python_type`.
        is_date: Whether the value is a date.
    """

    text: str
    expected: str
    python_type: Any
    convert: Callable[[str], Any] = str
    is_date: bool = False

    def parse(self, given: object) -> Any:
        """Return the typed value; text is converted, other values must have the right type.

        Raises:
            ValueError: The value is invalid.
        """
        from pydantic import ConfigDict, TypeAdapter

        adapter: TypeAdapter[Any] = TypeAdapter(self.python_type, config=ConfigDict(allow_inf_nan=False))
        if not isinstance(given, str):
            return adapter.validate_python(given, strict=True)
        # A surrogate (from a command line that is not UTF-8) could not be archived.
        given.encode("utf-8")
        return adapter.validate_python(self.convert(given))


def parameter_type(name: str, annotation: ast.expr, help_text: str = "") -> ParameterType:
    """Return the type that a parameter's annotation declares.

    A ``str`` named ``date`` or ``..._date`` is a date. A ``str`` whose help begins with ``one of a, b:`` or
    ``one of a, b or empty:`` accepts only these words. ``Literal[...]`` and ``int | None`` work too, but
    ``papermill --help-notebook`` does not list such a parameter.

    Args:
        name: The parameter's name.
        annotation: Its annotation.
        help_text: Its comment.

    Raises:
        ValueError: The type is not ``str``, ``int``, ``float``, ``bool``, ``list[str]`` or ``Literal[...]``,
            nor ``Optional[...]`` or ``... | None`` of these.
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
    """Split at commas, strip the parts, and leave out empty ones."""
    return [part.strip() for part in given.split(",") if part.strip()]


def _date_text(given: str) -> str:
    if given and given not in DATE_WORDS and not _EARLIEST <= iso_date(given) <= _LATEST:
        raise ValueError("date out of range")
    return given


@dataclass(frozen=True)
class Parameter:
    """One line of the cell tagged ``parameters``: ``name: type = default  # help``."""

    name: str
    type: ParameterType
    default: Any
    help: str = ""

    def value(self, given: object) -> Any:
        """Return the typed value for a value given as text or already typed.

        Raises:
            UserError: The value is invalid.
        """
        try:
            return self.type.parse(given)
        except ValueError as error:
            raise UserError(f"parameter {self.name}: {given!r:.80} is not {self.type.expected}") from error


def declared_parameters(source: str, *, where: str) -> tuple[Parameter, ...]:
    """Parse the source of a ``parameters`` cell; `where` names the notebook in errors.

    It may contain imports, for example of ``Optional`` or ``Literal``.

    Raises:
        UserError: A line does not have the form shown at `Parameter`.
    """
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"{where}: the parameters cell is not Python: {error}") from error
    declarations = [statement for statement in statements if not isinstance(statement, ast.ImportFrom)]
    return tuple(_declared(statement, comments, where) for statement in declarations)


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Parse the ``KEY=VALUE`` arguments of a command line.

    Raises:
        UserError: One has no ``=``, or a key is given twice.
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise UserError(f"parameter {assignment!r:.80} must have the form KEY=VALUE")
        if name in values:
            raise UserError(f"parameter {name} is given twice")
        values[name] = value
    return values


def assignment_words(values: Mapping[str, object]) -> list[str]:
    """Return the arguments from which `parse_assignments` and a runbook's types read the same values.

    Raises:
        UserError: A value cannot be passed on a command line.
    """
    return [word for name, value in values.items() for word in ("-p", f"{name}={as_text(name, value)}")]


def declared_names(declared: tuple[Parameter, ...], given: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the given values by the names that the runbook declares, after translating old names.

    Raises:
        UserError: One is given under both names, with different values.
    """
    names = [parameter.name for parameter in declared]
    found: dict[str, _Value] = {}
    for name, value in given.items():
        now = name if name in names else RENAMED.get(name, name)
        known = now if now in names else name
        if known in found and found[known] != value:
            raise UserError(f"parameter {known} is also given under its old name, with a different value; give one")
        found[known] = value
    return found


def resolve_values(declared: tuple[Parameter, ...], given: Mapping[str, object]) -> dict[str, Any]:
    """Return every declared parameter's value: the given one, checked, or the default. Old names are accepted.

    Raises:
        UserError: A given name is not declared, or a value is invalid.
    """
    names = [parameter.name for parameter in declared]
    named = declared_names(declared, given)
    for name in named:
        if name not in names:
            raise no_such("parameter", name, names)
    return {
        parameter.name: parameter.value(named[parameter.name]) if parameter.name in named else parameter.default
        for parameter in declared
    }


def as_text(name: str, value: object) -> str:
    """Return the text from which a parameter's type reads the same value.

    Raises:
        UserError: The value cannot be written so.
    """
    if value is None:
        return ""
    text = ",".join(value) if isinstance(value, list) else str(value)
    if "\0" in text:
        raise UserError(f"parameter {name}: {text!r:.80} contains a null character, which a command line cannot pass")
    if not isinstance(value, list):
        return text
    if comma_separated(text) != value:
        raise UserError(
            f"parameter {name}: {value!r:.80} cannot be passed on: an item is empty, "
            "contains a comma, or begins or ends with a space"
        )
    return text


def _declared(statement: ast.stmt, comments: Mapping[int, str], where: str) -> Parameter:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        raise UserError(f"{where}: line {statement.lineno} of the parameters cell is not `name: type = default`")
    name = statement.target.id
    if says_secret(name):
        raise UserError(
            f"{where}: parameter {name}: a secret must not be a parameter, because runs are archived with their "
            "parameters; read it from an environment variable"
        )
    help_text = comments.get(statement.end_lineno or 0, "")
    try:
        kind = parameter_type(name, statement.annotation, help_text)
        default = ast.literal_eval(statement.value) if statement.value else kind.parse(None)
        kind.parse(default)
    except ValueError as error:
        raise UserError(f"{where}: parameter {name}: {ast.unparse(statement)!r:.120} is invalid: {error}") from error
    return Parameter(name, kind, default, help_text)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
