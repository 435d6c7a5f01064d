"""The steps of a transaction as one GoogleSQL script.

One script is one job: there is no session that could stay open, and no moment between
two requests at which a dead client leaves a transaction half done
(https://cloud.google.com/bigquery/docs/transactions).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lib.consolidation.errors import RequirementFailed
from lib.consolidation.warehouse import Execute, Step

# No handler: an error ends the script, and BigQuery rolls the transaction back by itself. A ROLLBACK in
# a handler fails after a conflict, which has ended the transaction already, and hides the conflict.
_OPENING = ("BEGIN TRANSACTION;",)
_CLOSING = ("COMMIT TRANSACTION;",)
_REQUIREMENT = re.compile(r"requirement:(\w+)")


def script_of(steps: Sequence[Step]) -> str:
    """The script: all steps in one transaction that is rolled back at the first error."""
    return "\n".join([*_OPENING, *map(_statement, steps), *_CLOSING])


def _statement(step: Step) -> str:
    if isinstance(step, Execute):
        return f"{step.sql};"
    # IS NOT TRUE, because a condition that is NULL must refuse as well.
    return f"IF ({step.sql}) IS NOT TRUE THEN RAISE USING MESSAGE = 'requirement:{step.code}'; END IF;"


def names_by_line(steps: Sequence[Step]) -> dict[int, str]:
    """The line of the script on which each `Execute` begins, counted from 1."""
    line, names = len(_OPENING) + 1, {}
    for step in steps:
        if isinstance(step, Execute):
            names[line] = step.name
        line += _statement(step).count("\n") + 1
    return names


def failed_requirement(message: str, steps: Sequence[Step]) -> RequirementFailed | None:
    """The requirement that a failed script's message names, if it names one of these."""
    named = _REQUIREMENT.search(message)
    codes = {step.code for step in steps if not isinstance(step, Execute)}
    return RequirementFailed(named[1]) if named and named[1] in codes else None
