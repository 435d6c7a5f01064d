"""The index of runs: what the site shows of each, kept between builds in ``_site/rows.json``.

The row of a run that has ended never changes, so its record is read only once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from lib.archive import old_records, record
from lib.archive.archive import RECORD, REPORT, DamagedRun, Run
from lib.archive.record import RunRecord, RunStatus
from lib.archive.store import Store
from lib.site.marks import Mark, marks_of
from lib.site.particulars import LONGEST_TEXT, asked, changes_of, date_of, in_words, origin_of
from lib.verdict.change import Change
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words import dates, pages, quantities, runbook_commands, terminal_text, text, unbroken
from lib.words.pages import TEMPLATES, in_zone, shown_moment
from lib.words.quantities import Quantity, quantity_of

ROWS = "_site/rows.json"
RUNNING = "RUNNING"
TOOK = "took"  # the key of a run's own duration
# A run without a verdict is not worth showing.
BADNESS = {RUNNING: -1, **{str(verdict): verdict.badness for verdict in Verdict}}
# Modules outside this package that affect rows and pages.
_READERS = (dates, old_records, pages, quantities, record, runbook_commands, terminal_text, text, unbroken)
_NEWER = "Update this installation: a newer version archived this run"
_DAMAGED = "Check what is damaged and whether it was altered: runbook runs verify"
_MOST_FIGURES = 40
_LONGEST_NAME = 80
# The age of a log's last line depends on the time of the run.
_NOT_FOLLOWED = ("age",)


class Figure(NamedTuple):
    """One number.

    Attributes:
        key: Id of its check and label of its evidence without dates, so that it is the same in every run.
        name: The same in words.
        value: The number in this unit.
        unit: ``s``, ``B``, ``%``, or what is counted, such as ``duplicate keys``; may be empty.
    """

    key: str
    name: str
    value: float
    unit: str

    @property
    def measures(self) -> str:
        """What it measures; see `Quantity.measures`."""
        return Quantity(self.value, self.unit).measures


class Row(NamedTuple):
    """One run, as a tuple so that it is stored as a line of JSON.

    Attributes:
        place: ``environment/runbook/run id``, whatever its record says.
        verdict: PASS, WARN, UNKNOWN or FAIL; RUNNING while it has none.
        status: How it ended, in words.
        next_step: What to do now: the step of its worst check that has one, or a rerun.
        looked_from: The time that it reports from, in the format of `started_at`.
        started_at: UTC, ISO 8601, to the second.
        when: The start in the operators' time zone.
        timezone: The operators' time zone.
        where: The cell that stopped it, unless the headline names it.
        parameters: ``name=value``, separated by commas, for the search.
        origin: What started it, unless that was a person.
        entry: The schedule entry that started it, if any.
        date: The date that it is about; empty if its runbook has none.
        ended_at: In the format of `started_at`; empty if it has not ended or was killed.
        took: Its duration in words.
        was_refused: Whether its request was refused, so that it says nothing about the system's state.
        who: The account that ran it.
        since: When the problem of its worst check began, in the operators' time zone; empty if none or unknown.
        affects: Who notices the problem, and how.
        can_wait: Whether the problem can wait, and for how long.
        asked: The parameters that distinguish it from other runs, without the date; format as `parameters`.
        changed: The changes it made.
        marks: Times of its changes, and the deploys that it found.
        figures: Figures to plot over time; None if they are not kept.
    """

    place: str
    title: str
    verdict: str
    status: str
    headline: str
    next_step: str
    looked_from: str
    started_at: str
    when: str
    timezone: str
    where: str = ""
    parameters: str = ""
    origin: str = ""
    entry: str = ""
    date: str = ""
    ended_at: str = ""
    took: str = "-"
    has_report: bool = False
    was_refused: bool = False
    who: str = ""
    since: str = ""
    affects: str = ""
    can_wait: str = ""
    asked: str = ""
    changed: tuple[Change, ...] = ()
    marks: tuple[Mark, ...] = ()
    figures: tuple[Figure, ...] | None = None

    @property
    def environment(self) -> str:
        return self.place.split("/")[0]

    @property
    def runbook(self) -> str:
        return self.place.split("/")[1]

    @property
    def run_id(self) -> str:
        return self.place.split("/")[2]

    @property
    def about(self) -> str:
        """What it is about: the date and the parameters that are not defaults."""
        return " · ".join(filter(None, (self.date, self.asked)))

    @property
    def by(self) -> str:
        """The schedule entry or account that started it, and whether it repeats another run."""
        return self.origin if self.origin.startswith("schedule ") else ", ".join(filter(None, (self.who, self.origin)))

    @property
    def link(self) -> str:
        """Quoted path of its report, or of its record if there is none, relative to the archive's root."""
        return quote(f"{self.place}/{REPORT if self.has_report else RECORD}")

    @property
    def badness(self) -> int:
        """From 0 for PASS to 3 for FAIL; -1 while it runs."""
        return BADNESS[self.verdict]


def kept_rows(store: Store) -> list[Row] | None:
    """Return the runs as of the last build, newest first.

    Returns:
        None if there is no site, or other code than this made its pages.

    Raises:
        Unavailable: The archive cannot be read.
    """
    try:
        kept = json.loads(store.read(ROWS))
        return [_from_json(values) for values in kept["rows"]] if kept["made_by"] == _this_code() else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def keep(store: Store, rows: Sequence[Row]) -> None:
    """Store the rows for the next build, once all pages are written."""
    store.write(
        ROWS, json.dumps({"made_by": _this_code(), "rows": rows}, separators=(",", ":"), default=asdict).encode()
    )


def _from_json(values: list[Any]) -> Row:
    *others, changed, marks, figures = values
    made = tuple(Change(**change) for change in changed)
    followed = None if figures is None else tuple(Figure(*figure) for figure in figures)
    return Row._make([*others, made, tuple(Mark(*mark) for mark in marks), followed])


def row_of(run: Run | DamagedRun, *, with_figures: bool) -> Row:
    """Return the row of a run as observed when it was read, with figures only if a page plots them."""
    row = _unread(run) if isinstance(run, DamagedRun) else _row(run)
    return row._replace(figures=_figures(run)) if with_figures else row


def _row(run: Run) -> Row:
    record = run.record
    since, affects, can_wait = _standing(record)
    has_report = record.status not in (RunStatus.RUNNING, RunStatus.ABANDONED)
    return Row(
        place=run.place,
        title=record.title[:LONGEST_TEXT],
        verdict=str(record.verdict or RUNNING),
        status=record.status.words,
        headline=record.headline[:LONGEST_TEXT],
        where=record.error.cell if record.error and record.error.says_it_all else "",
        next_step=_next_step(run),
        parameters=in_words(record.parameters),
        origin=origin_of(record),
        entry="" if record.origin.rerun_of else record.origin.schedule,
        date=date_of(record),
        looked_from=iso(record.looked_from),
        started_at=iso(record.started_at),
        ended_at=iso(record.finished_at) if record.finished_at else "",
        when=in_zone(record.started_at, record.timezone),
        timezone=record.timezone,
        took=quantities.spoken_seconds(record.seconds),
        has_report=has_report,
        was_refused=record.refused,
        who=record.who[:_LONGEST_NAME],
        asked=in_words(asked(record)),
        since=since,
        affects=affects,
        can_wait=can_wait,
        changed=changes_of(record),
        marks=marks_of(record),
    )


def _unread(run: DamagedRun) -> Row:
    _, runbook, run_id = run.place.split("/")
    started_at = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}Z"
    return Row(
        place=run.place,
        title=runbook,
        verdict=str(Verdict.UNKNOWN),
        status=run.status,
        headline=run.reason[:LONGEST_TEXT],
        next_step=_NEWER if run.is_newer else _DAMAGED,
        looked_from=started_at,
        started_at=started_at,
        when=f"{started_at[:10]} {started_at[11:19]} UTC",
        timezone="UTC",
    )


def iso(moment: datetime) -> str:
    """Format a time in UTC, to the second: ``2026-11-24T14:53:40Z``."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _next_step(run: Run) -> str:
    record = run.record
    steps = [check.next_step for check in record.checks if check.verdict is not Verdict.PASS and check.next_step]
    if steps:
        return steps[0][:LONGEST_TEXT]
    ended_early = record.status not in (RunStatus.RUNNING, RunStatus.COMPLETED)
    return f"Run it again: runbook runs rerun {run.run_id}" if ended_early else ""


def _standing(record: RunRecord) -> tuple[str, str, str]:
    """Return since when, what it affects and whether it can wait, from the worst check; empty if all passed."""
    worst = next((check for check in record.checks[:1] if check.verdict is not Verdict.PASS), None)
    if worst is None:
        return "", "", ""
    since = shown_moment(worst.since, record.timezone)
    return since[:LONGEST_TEXT], worst.affects[:LONGEST_TEXT], worst.can_wait[:LONGEST_TEXT]


def _figures(run: Run | DamagedRun) -> tuple[Figure, ...]:
    """Return a run's duration and the first 40 numbers in its evidence; for several dates, the largest of each."""
    if isinstance(run, DamagedRun):
        return ()
    record = run.record
    took = () if record.seconds is None else (Figure(TOOK, "Took", record.seconds, "s"),)
    found: dict[str, Figure] = {}
    for figure in (figure for check in record.checks for figure in _figures_of(check)):
        known = found.get(figure.key)
        if known is None or figure.value > known.value:
            found[figure.key] = figure
    return (*took, *tuple(found.values())[:_MOST_FIGURES])


def _figures_of(check: Check) -> Iterator[Figure]:
    for label, value in check.evidence.items():
        quantity = quantity_of(value)
        if quantity is not None and label not in _NOT_FOLLOWED:
            words = dates.undated(label) or quantity.unit
            key, name = (
                ": ".join(filter(None, (of, words)))[:_LONGEST_NAME] for of in (check.id, dates.undated(check.name))
            )
            yield Figure(key, name, quantity.value, quantity.unit)


@cache
def _this_code() -> str:
    """Return a digest of the code that makes rows and pages."""
    folders = (*TEMPLATES, Path(__file__).parent, Path(__file__).parent / "static")
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    files += [Path(str(module.__file__)) for module in _READERS]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
