"""What distinguishes a run from others of its runbook: its date, parameters, origin and changes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lib.archive.record import RunRecord, RunStatus
from lib.errors import UserError
from lib.verdict.change import Change
from lib.words.dates import DATE_WORDS, resolve_game_date
from lib.words.runbook_commands import is_safe_to_paste

LONGEST_TEXT = 300
_LONGEST_COMMAND = 1_000
_MOST_CHANGES = 20
# Environment and reason are shown elsewhere, and a plan's digest means nothing to people.
_NOT_ASKED = ("environment", "plan", "reason")


def in_words(parameters: Mapping[str, Any]) -> str:
    """Format parameters as ``name=value``, separated by commas, without empty ones."""
    return ", ".join(f"{name}={value}" for name, value in parameters.items() if value not in (None, ""))[:LONGEST_TEXT]


def origin_of(record: RunRecord) -> str:
    """Describe what started a run; empty if a person did."""
    origin = record.origin
    words = [f"schedule {origin.schedule}" if origin.schedule else "", "a retry" if origin.retry_of else ""]
    words += [f"agent {origin.agent}" if origin.agent else ""]
    return ", ".join(filter(None, [*words, "a rerun" if origin.rerun_of else ""]))


def date_of(record: RunRecord) -> str:
    """Return the date that a run is about; empty if its runbook has none."""
    parameters = record.parameters
    given = next((value for name, value in parameters.items() if name == "date" or name.endswith("_date")), "")
    if given in DATE_WORDS:
        zone = str(parameters.get("timezone") or record.timezone)
        with suppress(UserError):  # the time zone is unknown
            return resolve_game_date(given, zone, now=record.looked_from).isoformat()
    return str(given)[:LONGEST_TEXT]


def asked(record: RunRecord) -> Mapping[str, Any]:
    """Return the parameters that are not defaults, as far as recorded, without date and approval."""
    names = record.parameters if record.given is None else record.given
    given = {name: record.parameters.get(name) for name in names if name not in _NOT_ASKED}
    date = date_of(record)
    return {name: value for name, value in given.items() if value != date and value not in DATE_WORDS}


def changes_of(record: RunRecord) -> tuple[Change, ...]:
    """Return what a run changed or may have changed, with texts cut to a limited length."""
    return tuple(map(_bounded, record.changed[:_MOST_CHANGES])) or _approved(record)


def _bounded(change: Change) -> Change:
    """Keep an undo as a command only if pasting it changes nothing; any other becomes a note."""
    undo = change.undo if len(change.undo) <= _LONGEST_COMMAND and is_safe_to_paste(change.undo) else ""
    note = change.note or ("" if undo else change.undo)
    return replace(
        change,
        action=change.action[:LONGEST_TEXT],
        target=change.target[:LONGEST_TEXT],
        what=change.what[:LONGEST_TEXT],
        actor=change.actor[:LONGEST_TEXT],
        reason=change.reason[:LONGEST_TEXT],
        undo=undo,
        note=note[:LONGEST_TEXT],
    )


def _approved(record: RunRecord) -> tuple[Change, ...]:
    """Return a possible change for a run that applied a plan and did not record the result."""
    if not record.parameters.get("plan") or record.refused or record.status is RunStatus.RUNNING:
        return ()
    change = Change(
        action="approved change",
        target=in_words(asked(record)) or date_of(record),
        what="approved; check whether it was made: runbook audit",
        actor=record.who,
        reason=str(record.parameters.get("reason", "")),
        is_certain=False,
    )
    return (_bounded(change),)
