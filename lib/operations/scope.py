"""What a run examines: its platform, date and period, resolved once and shown, with its queries."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lib import places
from lib.errors import CouldNotLook, Unavailable, UserError
from lib.operations.criteria.metrics import Evidence
from lib.operations.due.dates import DueDates
from lib.operations.duplicate_counts import DuplicateCounts
from lib.operations.fences import Guard, guard_of
from lib.operations.logs.history import LogHistory
from lib.operations.query_costs import cost_table, read_bytes
from lib.operations.staging_proofs import StagingProofs
from lib.platform import Platform
from lib.ports.batch_states import BatchState
from lib.verdict.check import Question
from lib.verdict.conclusion import Conclusion, RunCost
from lib.verdict.findings import Findings
from lib.verdict.section import Section, facts, or_fault, section
from lib.words.brief import brief
from lib.words.dates import local_time, resolve_game_date, start_of, zone
from lib.words.old_names import RENAMED

if TYPE_CHECKING:
    import pandas

    from lib.consolidation.warehouse import Value

_LONGEST_HOURS = 24 * 400
_DAYS_ROUND_A_DATE = (1, 7)
_JUST_NOW = timedelta(minutes=5)


@dataclass(frozen=True)
class Scope:
    """The platform, date and period of one run. Displaying it shows them.

    Attributes:
        platform: The platform to examine, in the run's time zone.
        game_date: The run's date.
        since: Start of the period whose log lines count (UTC).
        now: The time of the run (UTC).
        findings: What the steps have found so far.
    """

    platform: Platform
    game_date: date
    since: datetime
    now: datetime
    findings: Findings = field(default_factory=Findings, compare=False, repr=False)

    __repr__ = brief("platform.name", "platform.table.table", "game_date")

    def verdict(self) -> Conclusion:
        """Return the conclusion of all steps, with their queries: the last cell of a runbook."""
        costs = self.platform.query_costs
        return replace(self.findings.end(), cost=RunCost(len(costs), read_bytes(costs)))

    @property
    def day(self) -> date:
        """The run's date, under the name that notebooks use; `game_date` is its first name."""
        return self.game_date

    @property
    def day_before(self) -> date:
        return self.game_date - timedelta(days=1)

    @cached_property
    def staging_proofs(self) -> StagingProofs:
        """The staging tables that this run has proven to be merged or not."""
        return StagingProofs(self.platform)

    @cached_property
    def duplicates(self) -> DuplicateCounts:
        """The duplicates that this run has counted so far."""
        return DuplicateCounts(self.platform)

    @cached_property
    def due(self) -> DueDates:
        """Which dates should have rows, and which have rows."""
        return DueDates(self.platform, self.game_date, self.duplicates)

    @cached_property
    def guard(self) -> Guard:
        """Whether the library's fence guards the table: every text about the fence is based on this."""
        return guard_of(self.platform)

    @cached_property
    def history(self) -> LogHistory:
        """The logs from `since` until now."""
        return self.history_between(self.since, self.now)

    @cached_property
    def history_since_deployment(self) -> LogHistory:
        """The same, but only since the coordinator was deployed."""
        return self.history_between(_since_deployment(self.platform, self.since), self.now)

    @cached_property
    def history_of_date(self) -> LogHistory:
        """The logs of the days around the date."""
        start = start_of(self.game_date, self.platform.environment.timezone)
        before, after = (timedelta(days=days) for days in _DAYS_ROUND_A_DATE)
        return self.history_between(start - before, max(start - before, min(self.now, start + after)))

    def history_between(self, since: datetime, until: datetime) -> LogHistory:
        """Return the logs of another period, with what was due in it."""
        return LogHistory(self.platform, since, until, self.due)

    @cached_property
    def _batches(self) -> list[BatchState] | Unavailable | None:
        """The batches, or why they could not be read: each step would wait for a timeout again otherwise."""
        source = self.platform.batch_states
        try:
            return source.of_date(self.game_date) if source else None
        except Unavailable as error:
            return error

    @property
    def batches(self) -> list[BatchState] | None:
        """The date's batches, from the coordinator's documents, read once; None: the environment names no place.

        Raises `SourceUnavailable`.
        """
        if isinstance(self._batches, Unavailable):
            raise self._batches
        return self._batches

    def sql(self, query: str, **parameters: Value) -> pandas.DataFrame:
        """Run your own SELECT in GoogleSQL, under the environment's limit for queries.

        ``@day`` is the run's date unless you give another, ``@name`` the value of ``name=``. Returns at most 10,000
        rows, with a warning if there are more. For example::

            scope.sql("SELECT COUNT(*) AS n FROM shop.orders WHERE order_date = @day AND sku = @sku", sku="a1")

        Raises:
            UserError: The query is not a single SELECT, a value is missing, or its tables have no such column.
            QueryOverLimit: It would read more than the environment allows; it was not run.
        """
        from lib.operations.investigation.question import rows_of

        return rows_of(self.platform.warehouse, query, {"day": self.game_date, **parameters})

    def explain(self, /, *values: Any, **named: Any) -> Section:
        """Explain one key of the run's date: its rows, how they differ, what wrote them, and what most likely happened.

        Give the key's values in the order of the key columns, or by name; or its text as the table of duplicates shows
        it; or a row of a table, such as ``explanation(scope).df.iloc[0]``. Part of a key, or no argument, lists the
        matching keys, worst first. `Section.df` has the rows. Does not count in the verdict.

        Raises:
            UserError: The key column does not exist, or a value is not of its type.
            CouldNotLook: The table cannot be read.
        """
        from lib.operations.investigation.key import explain_key
        from lib.operations.investigation.key_section import key_section

        return key_section(self, explain_key(self, *values, **named))

    def timeline(self) -> Section:
        """Draw the consolidations of the period side by side, if any were logged. Judges nothing.

        Unreadable logs are UNKNOWN in the steps that judge them; here a table says why there is no picture.
        """
        from lib.operations.pictures.timeline import pictures, timeline_of_runs

        found, fault = or_fault(lambda: timeline_of_runs(self.history, self.history.consolidations))
        why = fault or f"no consolidation was logged since {local_time(self.since, self.platform.environment.timezone)}"
        exhibits = pictures(found) or (facts("Timeline", {"not drawn": why}),)
        return self.findings.add("timeline", Section((), exhibits))

    @property
    def evidence(self) -> Evidence:
        """The evidence for the criteria: this date and the one before."""
        today = resolve_game_date("today", self.platform.environment.timezone, now=self.now)
        return Evidence(self.history, self.duplicates, self.day_before, self.game_date, today)

    @property
    def _moment_note(self) -> str:
        """Shows readers that the run's time was set to another time than the clock's."""
        return "" if abs(datetime.now(UTC) - self.now) < _JUST_NOW else " (set for this run, not the clock)"

    def _repr_html_(self) -> str:
        timezone = self.platform.environment.timezone
        return facts(
            "This run",
            {
                "environment": self.platform.name,
                "table": self.platform.table.table,
                "fence": self.guard.words,
                self.platform.environment.nouns.date: f"{self.game_date} (a day in {timezone})",
                "logs since": local_time(self.since, timezone),
                "now": f"{local_time(self.now, timezone)}{self._moment_note}",
            },
        )._repr_html_()


def scope_of(
    platform: Platform,
    *,
    date: str = "today",
    game_date: str | None = None,
    hours: float = 24,
    timezone: str = "",
    now: datetime | None = None,
) -> Scope:
    """Resolve what a run examines.

    Args:
        platform: The platform to examine.
        date: ``YYYY-MM-DD``, ``today`` or ``yesterday``.
        game_date: The first name of `date`.
        hours: How far back the logs are read.
        timezone: The zone in which `date` is a day; empty: the environment's.
        now: The time of the run; `places.now` by default.

    Raises:
        UserError: Invalid date, zone or hours, or a notebook was given the date under its parameter's old name.
    """
    if not 0 < hours <= _LONGEST_HOURS:
        raise UserError(
            f"the period must be more than 0 and at most {_LONGEST_HOURS} hours ({_LONGEST_HOURS // 24} days), "
            f"got {hours:g} hours ({hours / 24:g} days)"
        )
    if timezone:
        zone(timezone)
        platform = replace(platform, environment=replace(platform.environment, timezone=timezone))
    asked = date if game_date is None else game_date
    _refuse_old_name(asked)
    moment = now or places.now()
    resolved = resolve_game_date(asked, platform.environment.timezone, now=moment)
    return Scope(platform, resolved, moment - timedelta(hours=hours), moment)


def _refuse_old_name(asked: str) -> None:
    """papermill accepts any parameter, so a date under the old name would silently be ignored."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    for old in (old for old, new in RENAMED.items() if new == "date"):
        if shell and (given := shell.user_ns.get(old, asked)) != asked:
            raise UserError(f"parameter {old} is now called date; write -p date {given!s:.40}")


def _since_deployment(platform: Platform, earliest: datetime) -> datetime:
    """Return when the coordinator was deployed, but not before `earliest`.

    Another check reports a coordinator that cannot be read.
    """
    try:
        deployed_at = platform.services.describe(platform.environment.services.coordinator).deployed_at
    except CouldNotLook:
        return earliest
    return max(earliest, deployed_at) if deployed_at else earliest


@section(
    Question(
        "query_costs",
        "What this run read",
        affects="the list of what the run read",
        can_wait="yes: no row depends on it",
    )
)
def what_was_read(scope: Scope) -> Section:
    """Show the queries of this run so far, largest first, with estimated and actual bytes. Judges nothing."""
    costs = scope.platform.query_costs
    return Section((), (cost_table(costs),))
