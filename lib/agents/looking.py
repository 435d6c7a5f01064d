"""`look`: run a runbook in a separate, read-only process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from lib import read_only
from lib.agents.answers import Found, Looked
from lib.agents.archived import looked
from lib.agents.desk import Desk
from lib.errors import Unavailable, UserError
from lib.runbooks.catalogue import Runbook, find_runbook
from lib.runbooks.parameters import APPLY, APPROVALS, declared_names
from lib.runbooks.process import Ended, run_words, started
from lib.words.quantities import spoken_bytes
from lib.words.text import one_line

# Each run may read this fraction of the session's bytes, so that an interrupted run does not use them all up.
_SHARE = 4
_LONGEST_CLIENT = 60


def look(
    desk: Desk,
    *,
    runbook: str,
    parameters: Annotated[dict[str, str | bool | int | float], Field(description="See list_runbooks.")] = {},  # noqa: B006
) -> Found[Looked]:
    """Run a runbook read-only, for up to a minute. Returns verdict and checks, worst first; run_get has the rest.

    duplicate_diagnosis finds duplicates of a date, stuck_lock_release checks locks, day1_monitoring the last day.

    Raises:
        UserError: The runbook does not exist, a parameter is invalid or would apply a change, or no bytes are left.
        Unavailable: It could not run, or was cancelled.
    """
    chosen = find_runbook(runbook)
    ensure_only_looks(chosen, parameters)
    given = {name: str(value) for name, value in parameters.items()}  # as on a command line
    chosen.checked_values(given, desk.environment.name)
    client = one_line(desk.client)[:_LONGEST_CLIENT] or "an unnamed client"
    ended = _ended(desk, [*run_words(runbook, given, desk.environment.name), "--agent", client])
    if ended.answer is None:
        raise (UserError if ended.exit_code == UserError.exit_code else Unavailable)(ended.last_words)
    found = looked(desk.run(str(ended.answer["run_id"])))
    left = desk.budget.left_bytes if desk.is_billed else None
    return found._replace(answer=found.answer.model_copy(update={"bytes_left": left}))


def ensure_only_looks(runbook: Runbook, parameters: Mapping[str, object]) -> None:
    """Refuse parameters that approve or apply a change.

    Raises:
        UserError: The message names the parameter, and says that a person applies plans.
    """
    for name, value in declared_names(runbook.parameters, parameters).items():
        if name in APPROVALS or str(value).strip().lower() == APPLY:
            raise UserError(
                f"{name}={value!s:.40} is refused: tools are read-only, and a person applies plans; plan_get shows one"
            )


def _ended(desk: Desk, words: list[str]) -> Ended:
    """Run the runbook; reserve its share of the session's bytes first, and return the unread rest."""
    share = desk.budget.take(max(1, desk.budget.most_bytes // _SHARE))
    if desk.is_billed and share == 0:
        raise UserError(
            f"this session has used its {spoken_bytes(desk.budget.most_bytes)}; start a new one, or raise --max-bytes"
        )
    unread = 0 if desk.is_billed else share  # an interrupted run's reads are unknown
    try:
        with started(words, variables={read_only.VARIABLE: str(share)}) as process:
            ended = process.wait(desk.request)
        cost = desk.run(str(ended.answer["run_id"])).record.cost if ended.answer else None
        unread = share - (cost.read_bytes or 0) if cost else unread
        return ended
    finally:
        desk.budget.give_back(unread)
