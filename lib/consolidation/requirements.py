"""Conditions that refuse from within a statement.

In a script, each separate condition costs a job. A condition in a column that is written anyway
costs nothing (https://cloud.google.com/bigquery/docs/reference/standard-sql/debugging_functions#error).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lib.consolidation.errors import RequirementFailed
from lib.consolidation.identifiers import plain_identifier
from lib.consolidation.warehouse import Require, Step

_NAMED = re.compile(r"requirement:(\w+)")


def guarded(value: str, requirements: Mapping[str, str]) -> str:
    """Return GoogleSQL for the value if all conditions are TRUE; otherwise the statement fails and names the first.

    A condition that is NULL fails too. Use it only for columns that are written, in SET or in the SELECT of an INSERT:
    a filter or an unread column may be evaluated early, late or never.
    """
    refusals = [
        f"WHEN ({sql}) IS NOT TRUE THEN ERROR('{requirement_message(code)}')" for code, sql in requirements.items()
    ]
    return f"CASE {' '.join(refusals)} ELSE {value} END" if refusals else value


def requirement_message(code: str) -> str:
    """Return the text of the warehouse's error when this requirement refuses."""
    return f"requirement:{plain_identifier(code, 'requirement')}"


def failed_requirement(message: str, steps: Sequence[Step]) -> RequirementFailed | None:
    """Return the requirement named in a warehouse's message, if it belongs to one of these steps."""
    named = _NAMED.search(message)
    return RequirementFailed(named[1]) if named and any(_requires(step, named[1]) for step in steps) else None


def _requires(step: Step, code: str) -> bool:
    if isinstance(step, Require):
        return step.code == code
    return code == step.must_touch or f"'{requirement_message(code)}'" in step.sql
