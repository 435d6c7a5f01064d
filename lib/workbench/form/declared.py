"""Find the parameters cell that was last run in this kernel."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from warnings import catch_warnings

from lib.runbooks.parameters import Parameter, declared_parameters


@dataclass(frozen=True)
class DeclaredParameters:
    """What a parameters cell declares.

    Attributes:
        execution: Number of its last execution, as shown in the brackets next to the cell.
        parameters: The parameters.
    """

    execution: int
    parameters: tuple[Parameter, ...]


def last_declared(sources: Sequence[str]) -> DeclaredParameters | None:
    """Return the parameters cell that was last run; None if there was none.

    Args:
        sources: The source of each execution, indexed by its number, as kept by IPython.

    Raises:
        UserError: A line of the cell is not a parameter.
    """
    for execution in range(len(sources) - 1, 0, -1):
        if _is_parameters_cell(sources[execution]):
            return DeclaredParameters(execution, declared_parameters(sources[execution], where="this notebook"))
    return None


def _is_parameters_cell(source: str) -> bool:
    """Return whether a cell contains only assignments and imports, with at least one type annotation."""
    statements = syntax_tree(source).body
    return all(isinstance(each, ast.AnnAssign | ast.Assign | ast.ImportFrom) for each in statements) and any(
        isinstance(each, ast.AnnAssign) for each in statements
    )


def syntax_tree(source: str) -> ast.Module:
    """Parse a code cell; return an empty module if it is not plain Python."""
    try:
        with catch_warnings(action="ignore"):  # already shown when the cell ran
            return ast.parse(source)
    except (SyntaxError, ValueError):  # IPython syntax, such as a magic
        return ast.Module([], [])
