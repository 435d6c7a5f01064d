"""The index of runs: what the site shows of each, kept between two builds in ``_site/rows.json``.

Of a run that has ended it never changes, so its record is read once.
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
# A run without a verdict is no news.
BADNESS = {RUNNING: -1, **{str(verdict): verdict.badness for verdict in Verdict}}
# What else than this package makes rows and pages.
_READERS = (dates, old_records, pages, quantities, record, runbook_commands, terminal_text, text, unbroken)
_NEWER = "Update this installation: a newer version has archived the run"
_DAMAGED = "See what is damaged, and whether it was altered: runbook runs verify"
_MOST_FIGURES = 40
_LONGEST_NAME = 80
# How old a log's last line is depends on when the run looked.
_NOT_FOLLOWED = ("age",)


class Figure(NamedTuple):
    """One number.

    Attributes:
        key: The id of its check and the label of its evidence, without the dates in it: the same in every run.
        name: The same for people.
        value: In that unit.
        unit: ``s``, ``B``, ``%``; else what is counted, such as ``duplicate keys``. May be empty.
    """

    key: str
    name: str
    value: float
    unit: str

    @property
    def measures(self) -> str:
        """See `Quantity.measures`."""
        return Quantity(self.value, self.unit).measures


class Row(NamedTuple):
    """One run; a tuple, so that it is kept as a line of JSON.

    Attributes:
        place: ``environment/runbook/run id``: where it lies, whatever its record says.
        verdict: PASS, WARN, UNKNOWN, FAIL; RUNNING while it has none.
        status: What became of it, in words.
        next_step: What to do now: of its worst check that says so, or to run it again.
        looked_from: The moment that it looked from, as `started_at`.
        started_at: UTC, ISO 8601, to the second.
        when: The start as its operators think of it.
        timezone: The zone that they think in.
        where: The cell that stopped it, unless the headline says so.
        parameters: ``name=value``, separated by commas; to be searched.
        origin: What started it, when that was not a person.
        entry: Of the schedule, when that started it.
        date: The date that it asked about; empty when its runbook has none.
        ended_at: As `started_at`; empty while it has not ended, also when it was killed.
        took: How long, in words.
        was_refused: It asked for what could not be done, and tells nothing of how things are.
        who: Whose account ran it.
        since: When began what its worst check found, as its operators think of it; empty: all is well, or not known.
        affects: Who notices that, and what.
        can_wait: Whether that can wait, and for how long.
        asked: The parameters that tell it from other runs, as `parameters`; without the date.
        changed: What it changed.
        marks: When it changed something, and which deploys it found.
        figures: To be followed over time; None when they are not kept.
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
        """What it asked about: the date, and the parameters that are not the defaults."""
        return " · ".join(filter(None, (self.date, self.asked)))

    @property
    def by(self) -> str:
        """The entry of the schedule that started it, or the account; and whether it repeats another run."""
        return self.origin if self.origin.startswith("schedule ") else ", ".join(filter(None, (self.who, self.origin)))

    @property
    def link(self) -> str:
        """Its report, or its record when there is none; from the archive's root, quoted."""
        return quote(f"{self.place}/{REPORT if self.has_report else RECORD}")

    @property
    def badness(self) -> int:
        """0 for PASS up to 3 for FAIL; -1 while it runs."""
        return BADNESS[self.verdict]


def kept_rows(store: Store) -> list[Row] | None:
    """The runs as the last build saw them, newest first.

    Returns:
        None when there is no site, or its pages were made by other code than this.

    Raises:
        Unavailable: The archive cannot be read.
    """
    try:
        kept = json.loads(store.read(ROWS))
        return [_from_json(values) for values in kept["rows"]] if kept["made_by"] == _this_code() else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def keep(store: Store, rows: Sequence[Row]) -> None:
    """Keep them for the next build, once its pages are written."""
    store.write(
        ROWS, json.dumps({"made_by": _this_code(), "rows": rows}, separators=(",", ":"), default=asdict).encode()
    )


def _from_json(values: list[Any]) -> Row:
    *others, changed, marks, figures = values
    made = tuple(Change(**change) for change in changed)
    followed = None if figures is None else tuple(Figure(*figure) for figure in figures)
    return Row._make([*others, made, tuple(Mark(*mark) for mark in marks), followed])


def row_of(run: Run | DamagedRun, *, with_figures: bool) -> Row:
    """What the site shows of a run, as it was observed when it was read; its figures only where a page follows them."""
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
    """``2026-11-24T14:53:40Z``: in UTC, to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _next_step(run: Run) -> str:
    record = run.record
    steps = [check.next_step for check in record.checks if check.verdict is not Verdict.PASS and check.next_step]
    if steps:
        return steps[0][:LONGEST_TEXT]
    ended_early = record.status not in (RunStatus.RUNNING, RunStatus.COMPLETED)
    return f"Run it again: runbook runs rerun {run.run_id}" if ended_early else ""


def _standing(record: RunRecord) -> tuple[str, str, str]:
    """Since when, what it affects and whether it can wait, of its worst check; empty when all is well."""
    worst = next((check for check in record.checks[:1] if check.verdict is not Verdict.PASS), None)
    if worst is None:
        return "", "", ""
    since = shown_moment(worst.since, record.timezone)
    return since[:LONGEST_TEXT], worst.affects[:LONGEST_TEXT], worst.can_wait[:LONGEST_TEXT]


def _figures(run: Run | DamagedRun) -> tuple[Figure, ...]:
    """Its duration and the first 40 numbers in its evidence; of the same one for several dates, the largest."""
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
    """A digest of what makes rows of runs, and pages of rows."""
    folders = (*TEMPLATES, Path(__file__).parent, Path(__file__).parent / "static")
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    files += [Path(str(module.__file__)) for module in _READERS]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
