"""A runbook's parameters: what its notebook declares, and the values of a run.

papermill injects a mistyped parameter with a mere warning, so names, types and
dates are checked here, before a kernel starts.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lib.errors import UserError
from lib.runbooks.parameter_types import ParameterType, comma_separated, parameter_type
from lib.words.choices import no_such
from lib.words.secrets.names import says_secret

# What approves a change: of the plan that a person has looked at, within its time.
APPROVALS = ("plan", "reason")
# It takes the name of the environment that the run looks at.
ENVIRONMENT_PARAMETER = "environment"


@dataclass(frozen=True)
class Parameter:
    """One line of the cell tagged ``parameters``: ``name: type = default  # help``.

    Attributes:
        name: As the notebook's code knows it.
        type: What values fit.
        default: The value when none is given.
        help: The trailing comment.
    """

    name: str
    type: ParameterType
    default: Any
    help: str = ""

    def value(self, given: object) -> Any:
        """The typed value of what was given, as text or already typed.

        Raises:
            UserError: It does not fit.
        """
        try:
            return self.type.parse(given)
        except ValueError as error:
            raise UserError(f"parameter {self.name}: {given!r:.80} is not {self.type.expected}") from error


def declared_parameters(source: str, *, where: str) -> tuple[Parameter, ...]:
    """Read the source of a ``parameters`` cell; `where` names it in errors.

    An import, such as that of ``Optional`` or ``Literal``, may stand above the declarations.

    Raises:
        UserError: A line is not of the form that `Parameter` shows.
    """
    try:
        statements = ast.parse(source).body
        comments = _comments(source)
    except (SyntaxError, tokenize.TokenError) as error:
        raise UserError(f"{where}: the parameters cell is not Python: {error}") from error
    declarations = [statement for statement in statements if not isinstance(statement, ast.ImportFrom)]
    return tuple(_declared(statement, comments, where) for statement in declarations)


def parse_assignments(assignments: list[str]) -> dict[str, str]:
    """Split the ``KEY=VALUE`` of a command line.

    Raises:
        UserError: One has no ``=``, or a key is given twice.
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise UserError(f"parameter {assignment!r:.80} is not of the form KEY=VALUE")
        if name in values:
            raise UserError(f"parameter {name} is given twice")
        values[name] = value
    return values


def assignment_words(values: Mapping[str, object]) -> list[str]:
    """The words of a command line from which `parse_assignments` and a runbook's types read the same values.

    Raises:
        UserError: A list holds a text that a command line cannot.
    """
    return [word for name, value in values.items() for word in ("-p", f"{name}={_as_text(name, value)}")]


def resolve_values(declared: tuple[Parameter, ...], given: Mapping[str, object]) -> dict[str, Any]:
    """Every declared parameter's value: the given one, checked, or its default.

    Raises:
        UserError: A given name is not declared, or a value does not fit.
    """
    names = [parameter.name for parameter in declared]
    for name in given:
        if name not in names:
            raise no_such("parameter", name, names)
    return {
        parameter.name: parameter.value(given[parameter.name]) if parameter.name in given else parameter.default
        for parameter in declared
    }


def _as_text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, list):
        return str(value)
    text = ",".join(value)
    if comma_separated(text) != value:
        raise UserError(
            f"parameter {name}: {value!r:.80} cannot be handed on: a text in it is empty, "
            "has a comma, or has blanks around it"
        )
    return text


def _declared(statement: ast.stmt, comments: Mapping[int, str], where: str) -> Parameter:
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        raise UserError(f"{where}: line {statement.lineno} of the parameters cell is not `name: type = default`")
    name = statement.target.id
    if says_secret(name):
        raise UserError(
            f"{where}: parameter {name}: a run keeps its parameters, so none may be a secret; "
            "read it from an environment variable"
        )
    help_text = comments.get(statement.end_lineno or 0, "")
    try:
        kind = parameter_type(name, statement.annotation, help_text)
        default = ast.literal_eval(statement.value) if statement.value else kind.parse(None)
        kind.parse(default)
    except ValueError as error:
        raise UserError(f"{where}: parameter {name}: {ast.unparse(statement)!r:.120} does not hold: {error}") from error
    return Parameter(name, kind, default, help_text)


def _comments(source: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
