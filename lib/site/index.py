"""The index of runs: what the site shows of each, kept between two builds in ``_site/rows.json``.

Of a run that has ended it never changes, so its record is read once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from lib.archive import compare_with, old_records, record
from lib.archive.archive import RECORD, REPORT, DamagedRun, Run
from lib.archive.compare_with import moment
from lib.archive.record import RunRecord, RunStatus
from lib.archive.store import Store
from lib.errors import UserError
from lib.site.figures import Figure, figures_of
from lib.verdict.verdict import Verdict
from lib.words import dates, pages, quantities, runbook_commands, text
from lib.words.dates import DATE_WORDS, resolve_game_date
from lib.words.pages import TEMPLATES, in_zone
from lib.words.quantities import spoken_seconds

ROWS = "_site/rows.json"
RUNNING = "RUNNING"
# A run without a verdict is no news.
BADNESS = {RUNNING: -1, **{str(verdict): verdict.badness for verdict in Verdict}}
_LONGEST_TEXT = 300
# What else than this package makes rows and pages.
_READERS = (compare_with, dates, old_records, pages, quantities, record, runbook_commands, text)
_NEWER = "Update this installation: a newer version has archived the run"
_DAMAGED = "See what is damaged, and whether it was altered: runbook runs verify"


class Row(NamedTuple):
    """One run; a tuple, so that it is kept as a line of JSON.

    Attributes:
        place: ``environment/runbook/run id``: where it lies, whatever its record says.
        title: Of the runbook.
        verdict: PASS, WARN, UNKNOWN, FAIL; RUNNING while it has none.
        status: What became of it, in words.
        headline: One line.
        where: The cell that stopped it, unless the headline says so.
        next_step: What to do now: of its worst check that says so, or to run it again.
        parameters: ``name=value``, separated by commas; to be searched.
        origin: What started it, when that was not a person.
        entry: Of the schedule, when that started it.
        date: The date that it asked about; empty when its runbook has none.
        looked_from: The moment that it looked from, as `started_at`.
        started_at: UTC, ISO 8601, to the second.
        ended_at: The same; empty while it has not ended, also when it was killed.
        when: The start as its operators think of it.
        timezone: The zone that they think in.
        took: How long, in words.
        has_report: Whether there is one.
        was_refused: It asked for what could not be done, and tells nothing of how things are.
        figures: To be followed over time; None when they are not kept.
    """

    place: str
    title: str
    verdict: str
    status: str
    headline: str
    where: str
    next_step: str
    parameters: str
    origin: str
    entry: str
    date: str
    looked_from: str
    started_at: str
    ended_at: str
    when: str
    timezone: str
    took: str
    has_report: bool
    was_refused: bool
    figures: tuple[Figure, ...] | None

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
        None when there is no site, or when its pages were made by other code than this:
        all of them are to be made anew.

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
    store.write(ROWS, json.dumps({"made_by": _this_code(), "rows": rows}, separators=(",", ":")).encode())


def _from_json(values: list[Any]) -> Row:
    figures = values[-1]
    return Row._make(values if figures is None else [*values[:-1], tuple(Figure(*figure) for figure in figures)])


def row_of(run: Run | DamagedRun) -> Row:
    """What the site tells of a run, as observed by whoever read it."""
    return _unread(run) if isinstance(run, DamagedRun) else _row(run)


def _row(run: Run) -> Row:
    record = run.record
    has_report = record.status not in (RunStatus.RUNNING, RunStatus.ABANDONED)
    return Row(
        place=run.place,
        title=record.title[:_LONGEST_TEXT],
        verdict=str(record.verdict or RUNNING),
        status=record.status.words,
        headline=record.headline[:_LONGEST_TEXT],
        where=record.error.cell if record.error and record.error.says_it_all else "",
        next_step=_next_step(run),
        parameters=_in_words(record.parameters),
        origin=_origin(record),
        entry="" if record.origin.rerun_of else record.origin.schedule,
        date=_date(run),
        looked_from=f"{moment(run).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        started_at=f"{record.started_at:%Y-%m-%dT%H:%M:%SZ}",
        ended_at=f"{record.finished_at:%Y-%m-%dT%H:%M:%SZ}" if record.finished_at else "",
        when=in_zone(record.started_at, record.timezone),
        timezone=record.timezone,
        took=spoken_seconds(record.seconds),
        has_report=has_report,
        was_refused=record.refused,
        figures=_figures(record),
    )


def _unread(run: DamagedRun) -> Row:
    _, runbook, run_id = run.place.split("/")
    started_at = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T{run_id[9:11]}:{run_id[11:13]}:{run_id[13:15]}Z"
    return Row(
        place=run.place,
        title=runbook,
        verdict=str(Verdict.UNKNOWN),
        status=run.status,
        headline=run.reason[:_LONGEST_TEXT],
        where="",
        next_step=_NEWER if run.is_newer else _DAMAGED,
        parameters="",
        origin="",
        entry="",
        date="",
        looked_from=started_at,
        started_at=started_at,
        ended_at="",
        when=f"{started_at[:10]} {started_at[11:19]} UTC",
        timezone="UTC",
        took="-",
        has_report=False,
        was_refused=False,
        figures=(),
    )


def _next_step(run: Run) -> str:
    record = run.record
    steps = [check.next_step for check in record.checks if check.verdict is not Verdict.PASS and check.next_step]
    if steps:
        return steps[0][:_LONGEST_TEXT]
    ended_early = record.status not in (RunStatus.RUNNING, RunStatus.COMPLETED)
    return f"Run it again: runbook runs rerun {run.run_id}" if ended_early else ""


def _in_words(parameters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in parameters.items() if value not in (None, ""))[:_LONGEST_TEXT]


def _origin(record: RunRecord) -> str:
    origin = record.origin
    words = [f"schedule {origin.schedule}" if origin.schedule else "", "a retry" if origin.retry_of else ""]
    return ", ".join(filter(None, [*words, "a rerun" if origin.rerun_of else ""]))


def _date(run: Run) -> str:
    parameters = run.record.parameters
    given = next((value for name, value in parameters.items() if name == "date" or name.endswith("_date")), "")
    if given in DATE_WORDS:
        zone = str(parameters.get("timezone") or run.record.timezone)
        with suppress(UserError):  # there is no such zone
            return resolve_game_date(given, zone, now=moment(run)).isoformat()
    return str(given)[:_LONGEST_TEXT]


def _figures(record: RunRecord) -> tuple[Figure, ...]:
    took = () if record.seconds is None else (Figure("took", "Took", record.seconds, "s"),)
    return (*took, *figures_of(record.checks))


@cache
def _this_code() -> str:
    """A digest of what makes rows of runs, and pages of rows."""
    folders = (*TEMPLATES, Path(__file__).parent, Path(__file__).parent / "static")
    files = sorted(path for folder in folders for path in folder.iterdir() if path.is_file())
    files += [Path(str(module.__file__)) for module in _READERS]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
