"""What tells a run from others of its runbook: the date and parameters, what started it, what it changed."""

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
# Which environment and why stand beside it, and a plan's digest says nothing to people.
_NOT_ASKED = ("environment", "plan", "reason")


def in_words(parameters: Mapping[str, Any]) -> str:
    """``name=value``, separated by commas; without what is empty."""
    return ", ".join(f"{name}={value}" for name, value in parameters.items() if value not in (None, ""))[:LONGEST_TEXT]


def origin_of(record: RunRecord) -> str:
    """What started it, in words; empty when a person did."""
    origin = record.origin
    words = [f"schedule {origin.schedule}" if origin.schedule else "", "a retry" if origin.retry_of else ""]
    words += [f"agent {origin.agent}" if origin.agent else ""]
    return ", ".join(filter(None, [*words, "a rerun" if origin.rerun_of else ""]))


def date_of(record: RunRecord) -> str:
    """The date that it asked about; empty when its runbook has none."""
    parameters = record.parameters
    given = next((value for name, value in parameters.items() if name == "date" or name.endswith("_date")), "")
    if given in DATE_WORDS:
        zone = str(parameters.get("timezone") or record.timezone)
        with suppress(UserError):  # the zone is not known
            return resolve_game_date(given, zone, now=record.looked_from).isoformat()
    return str(given)[:LONGEST_TEXT]


def asked(record: RunRecord) -> Mapping[str, Any]:
    """The parameters that are not the defaults, as far as the record has that, without the date and what approves."""
    names = record.parameters if record.given is None else record.given
    given = {name: record.parameters.get(name) for name in names if name not in _NOT_ASKED}
    date = date_of(record)
    return {name: value for name, value in given.items() if value != date and value not in DATE_WORDS}


def changes_of(record: RunRecord) -> tuple[Change, ...]:
    """What it changed, or may have changed, as pages show it: each text of a limited length."""
    return tuple(map(_bounded, record.changed[:_MOST_CHANGES])) or _approved(record)


def _bounded(change: Change) -> Change:
    """Only an undo that can be pasted without changing anything is a command; any other stays a sentence."""
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
    """A run that was to carry out a plan, and whose record does not say what came of it: cut short, or an old one."""
    if not record.parameters.get("plan") or record.refused or record.status is RunStatus.RUNNING:
        return ()
    change = Change(
        action="approved change",
        target=in_words(asked(record)) or date_of(record),
        what="approved, see whether it was made: runbook audit",
        actor=record.who,
        reason=str(record.parameters.get("reason", "")),
        is_certain=False,
    )
    return (_bounded(change),)
