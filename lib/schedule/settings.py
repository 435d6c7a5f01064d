"""The schedule: ``params/schedule.yaml``, validated completely before anything starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from lib import places
from lib.environment import default_environment, load_environment
from lib.errors import UserError
from lib.runbooks.catalogue import Runbook, find_runbook
from lib.runbooks.parameters import APPROVALS, declared_names
from lib.schedule.cron import Cron
from lib.settings_file import checked_settings, read_yaml
from lib.words.dates import DATE_WORDS, resolve_game_date, start_of, zone

_STRICT = {"extra": "forbid", "allow_inf_nan": False}
# The name becomes a folder name and part of job names elsewhere.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,47}", re.ASCII)
_DAYS = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)
_WEEK_SECONDS = 7 * 86_400
_BOUNDS = {
    "retries": (0, 10),
    "retry_delay_seconds": (0, 86_400),
    "timeout_seconds": (1, _WEEK_SECONDS),
    # A firing is always a little late.
    "catch_up_seconds": (60, _WEEK_SECONDS),
}
# So that even the largest number of days after it gives a valid date.
_YEARS = range(1970, 3000)
# Settings at the top of the file, shared by all entries.
_SHARED = ("timezone", "environment", "deployed_at")
_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Entry:
    """A runbook at planned times.

    Attributes:
        name: Its key in the file.
        runbook: Name of the runbook.
        cron: When it runs; see `lib.schedule.cron`.
        timezone: Time zone of `cron`.
        environment: Name of the environment.
        parameters: As in the file: dates may be ``today`` or ``yesterday``.
        days_since_deploy: ``2-7``: only on these days after the deployment, which is day 0; empty: always.
        deployed_at: When the deployment was; None if unknown.
        retries: How often a run with exit code 3 is retried.
        retry_delay_seconds: Delay before each retry.
        timeout_seconds: Time limit of each run.
        catch_up_seconds: How late a run may still begin.
        on_failure: Whether the entry continues after an unhealthy run, or pauses until someone resumes it.
    """

    __pydantic_config__ = _STRICT

    name: str
    runbook: str
    cron: str
    timezone: str
    environment: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    days_since_deploy: str = ""
    deployed_at: datetime | None = None
    retries: int = 0
    retry_delay_seconds: float = 60
    timeout_seconds: float = 3600
    catch_up_seconds: float = 3600
    on_failure: Literal["continue", "pause"] = "continue"

    def __post_init__(self) -> None:
        for setting, (least, most) in _BOUNDS.items():
            if not least <= getattr(self, setting) <= most:
                value = f"{getattr(self, setting):g}"
                raise UserError(f"{self._where(setting)}: must be between {least} and {most}, got {value}")
        if self.deployed_at is not None and self.deployed_at.tzinfo is None:
            raise UserError("deployed_at: give the time with its zone, such as 2026-01-17T14:00:00-05:00")
        if self.deployed_at is not None and self.deployed_at.year not in _YEARS:
            raise UserError(
                f"deployed_at: year must be between {_YEARS[0]} and {_YEARS[-1]}, got {self.deployed_at.year}"
            )
        if self.days_since_deploy and self._days is None:
            raise UserError(
                f"{self._where('days_since_deploy')}: must have the form 2-7 or 14, got {self.days_since_deploy!r:.40}"
            )
        try:
            Cron(self.cron, self.timezone)
        except UserError as error:
            raise UserError(f"{self._where('cron')}: {error}") from error

    @cached_property
    def times(self) -> Cron:
        """When it is planned, without regard to `window`."""
        return Cron(self.cron, self.timezone)

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """The period (UTC, end excluded) in which its times count; None if they need a deployment and none is known."""
        if not self._days:
            return _ALWAYS
        if self.deployed_at is None:
            return None
        first, last = self._days
        day = self.deployed_at.astimezone(zone(self.timezone)).date()
        return (
            start_of(day + timedelta(days=first), self.timezone),
            start_of(day + timedelta(days=last + 1), self.timezone),
        )

    @property
    def _days(self) -> tuple[int, int] | None:
        found = _DAYS.fullmatch(self.days_since_deploy)
        if not found:
            return None
        first, last = int(found[1]), int(found[2] or found[1])
        return (first, last) if first <= last else None

    def checked_runbook(self) -> Runbook:
        """Return its runbook after checking that a schedule can run it with these parameters.

        Raises:
            UserError: There is no such runbook, parameter or environment, a value is invalid, or the parameters
                would approve a change.
        """
        for name in APPROVALS:
            if name in self.parameters:
                raise UserError(
                    f"{self._where('parameters')}.{name}: changes cannot be scheduled, because a person has to "
                    "review the plan; remove it"
                )
        try:
            load_environment(self.environment)
            runbook = find_runbook(self.runbook)
            runbook.checked_values(self.parameters, self.environment)
            self.planned_values(runbook, datetime.now(UTC))  # also checks a time zone among them
        except UserError as error:
            raise UserError(f"entries.{self.name}: {error}") from error
        return runbook

    def planned_values(self, runbook: Runbook, planned_at: datetime) -> dict[str, Any]:
        """Return the parameters for a planned time, with ``today`` as the day of that time.

        Defaults of ``today`` and ``yesterday`` are included, so that the run's record shows its date. The day is
        taken in the time zone that the parameter ``timezone`` gives, or else in the environment's.

        Args:
            runbook: The entry's runbook.
            planned_at: The planned time (UTC).
        """
        given = declared_names(runbook.parameters, self.parameters)
        timezone = given.get("timezone") or load_environment(self.environment).timezone
        words = {
            each.name: word
            for each in runbook.parameters
            if each.type.is_date and (word := given.get(each.name, each.default)) in DATE_WORDS
        }
        dates = {name: resolve_game_date(word, timezone, now=planned_at).isoformat() for name, word in words.items()}
        return {**given, **dates}

    def _where(self, setting: str) -> str:
        return f"entries.{self.name}.{setting}"


@dataclass(frozen=True)
class Schedule:
    """All entries by name, and the maximum number of parallel runs.

    Attributes:
        entries: The entries, by name.
        concurrency: Maximum number of parallel runs.
    """

    __pydantic_config__ = _STRICT

    entries: Mapping[str, Entry]
    concurrency: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.concurrency <= 64:
            raise UserError(f"concurrency: must be between 1 and 64, got {self.concurrency}")

    def only(self, name: str) -> Schedule:
        """Return a schedule with only this entry.

        Raises:
            UserError: There is no such entry.
        """
        if name not in self.entries:
            raise UserError(f"the schedule has no entry {name!r:.80}; it has {', '.join(self.entries) or 'none'}")
        return Schedule({name: self.entries[name]}, self.concurrency)

    def of(self, environment: str) -> Schedule:
        """Return a schedule with only the entries of this environment.

        Raises:
            UserError: There are none.
        """
        entries = {name: entry for name, entry in self.entries.items() if entry.environment == environment}
        if entries:
            return Schedule(entries, self.concurrency)
        known = ", ".join(sorted({entry.environment for entry in self.entries.values()}))
        raise UserError(
            f"the schedule has no entries for {environment}; it has entries for {known or 'no environment'}: "
            "set `environment` in its file"
        )


def load_schedule(path: Path | None = None) -> Schedule:
    """Read and validate a schedule, including every parameter of every runbook.

    Args:
        path: The file; by default `lib.places.schedule`.

    Raises:
        UserError: It cannot be read or is invalid; the message names the first fault.
    """
    path = path or places.schedule()
    if not path.exists():
        raise UserError(f"{path} does not exist, so nothing is scheduled; see docs/how-to/schedule.md")
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("entries"), dict):
        raise UserError(f"{path} has no entries; see docs/how-to/schedule.md")
    shared = {"timezone": "UTC", "environment": default_environment()} | {
        name: content.pop(name) for name in _SHARED if content.get(name) is not None
    }
    content = {name: value for name, value in content.items() if name not in _SHARED}
    entries = {name: _completed(path, name, entry, shared) for name, entry in content["entries"].items()}
    schedule: Schedule = checked_settings(path, Schedule, {**content, "entries": entries})
    for entry in schedule.entries.values():
        try:
            entry.checked_runbook()
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    return schedule


def _completed(path: Path, name: object, entry: object, shared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry with the settings that all entries share."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            f"{path}: entries: {name!r:.80} is not a valid name; use a letter, then up to 47 of a-z, 0-9, _ and -"
        )
    if not isinstance(entry, dict) or "name" in entry:
        raise UserError(f"{path}: entries.{name}: write its settings below it, one per line, without a name")
    # YAML reads 14 as a number and 2026-01-17 as a date; here they are text.
    days = entry.get("days_since_deploy")
    parameters = entry.get("parameters") or {}
    if isinstance(parameters, dict):
        parameters = {key: value.isoformat() if isinstance(value, date) else value for key, value in parameters.items()}
    texts = {"days_since_deploy": "" if days is None else str(days), "parameters": parameters}
    return {**shared, **entry, **texts, "name": name}
