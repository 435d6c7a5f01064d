"""The parameters cell that was last run in this kernel."""

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
        execution: The number of its last execution, as the brackets beside the cell show it.
    """

    execution: int
    parameters: tuple[Parameter, ...]


def last_declared(sources: Sequence[str]) -> DeclaredParameters | None:
    """The parameters cell that was run last; None: none was.

    Args:
        sources: The source of each execution, by its number, as IPython keeps them.

    Raises:
        UserError: A line of that cell is not a parameter.
    """
    for execution in range(len(sources) - 1, 0, -1):
        if _is_parameters_cell(sources[execution]):
            return DeclaredParameters(execution, declared_parameters(sources[execution], where="this notebook"))
    return None


def _is_parameters_cell(source: str) -> bool:
    """Whether it only assigns, and says the type of something."""
    statements = syntax_tree(source).body
    return all(isinstance(each, ast.AnnAssign | ast.Assign | ast.ImportFrom) for each in statements) and any(
        isinstance(each, ast.AnnAssign) for each in statements
    )


def syntax_tree(source: str) -> ast.Module:
    """Of a code cell; empty for what is not plain Python."""
    try:
        with catch_warnings(action="ignore"):  # running the cell has shown them
            return ast.parse(source)
    except (SyntaxError, ValueError):  # of IPython's own, such as a magic
        return ast.Module([], [])
