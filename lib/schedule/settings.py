"""What runs when: ``params/schedule.yaml``, checked whole before anything starts."""

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
# It becomes a folder's name, and part of the names of jobs elsewhere.
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
# So that the most days that there can be since still lead to a date.
_YEARS = range(1970, 3000)
# What the file's head says for all entries.
_SHARED = ("timezone", "environment", "deployed_at")
_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Entry:
    """A runbook at planned times.

    Attributes:
        name: Its key in the file.
        cron: When, see `lib.schedule.cron`.
        timezone: Whose clocks `cron` is about.
        parameters: As the file has them: dates may be ``today`` or ``yesterday``.
        days_since_deploy: ``2-7``: only on these days, the deployment's own being day 0; empty: always.
        deployed_at: When the deployment was; None: not known.
        retries: How often a run that could not run or look is tried again.
        retry_delay_seconds: How long before that.
        timeout_seconds: Of each run.
        catch_up_seconds: How late it may still begin.
        on_failure: Whether an entry whose run did not come out healthy goes on, or pauses until
            somebody resumes it.
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
                raise UserError(f"{self._where(setting)}: {getattr(self, setting):g} is not between {least} and {most}")
        if self.deployed_at is not None and self.deployed_at.tzinfo is None:
            raise UserError("deployed_at: write the moment with its zone, such as 2026-01-17T14:00:00-05:00")
        if self.deployed_at is not None and self.deployed_at.year not in _YEARS:
            raise UserError(f"deployed_at: year {self.deployed_at.year} is not between {_YEARS[0]} and {_YEARS[-1]}")
        if self.days_since_deploy and self._days is None:
            raise UserError(
                f"{self._where('days_since_deploy')}: {self.days_since_deploy!r:.40} is not of the form 2-7 or 14"
            )
        try:
            Cron(self.cron, self.timezone)
        except UserError as error:
            raise UserError(f"{self._where('cron')}: {error}") from error

    @cached_property
    def times(self) -> Cron:
        """When it is planned, but for `window`."""
        return Cron(self.cron, self.timezone)

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """From when (UTC) until before when its times count; None: they never do, since no deployment is known."""
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
        """Its runbook, when it can be run by a schedule with these parameters.

        Raises:
            UserError: There is no such runbook, parameter or environment, a value does not fit,
                or a change would be approved.
        """
        for name in APPROVALS:
            if name in self.parameters:
                raise UserError(
                    f"{self._where('parameters')}.{name}: approves a change, and that cannot be scheduled: "
                    "a person has to look at the plan"
                )
        try:
            load_environment(self.environment)
            runbook = find_runbook(self.runbook)
            runbook.checked_values(self.parameters, self.environment)
            self.planned_values(runbook, datetime.now(UTC))  # a time zone may be among them
        except UserError as error:
            raise UserError(f"entries.{self.name}: {error}") from error
        return runbook

    def planned_values(self, runbook: Runbook, planned_at: datetime) -> dict[str, Any]:
        """The parameters as they are for a planned time: ``today`` is the day that it was planned for.

        Defaults that are ``today`` or ``yesterday`` are among them, so that the run's record shows which date
        it was about. The day is that of the environment, or of the run's own time zone where the runbook has a
        parameter for it.

        Args:
            runbook: The entry's.
            planned_at: The moment (UTC).
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
    """All entries by name, and how many runs there are at once, at most."""

    __pydantic_config__ = _STRICT

    entries: Mapping[str, Entry]
    concurrency: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.concurrency <= 64:
            raise UserError(f"concurrency: {self.concurrency} is not between 1 and 64")

    def only(self, name: str) -> Schedule:
        """With no other entry than that one.

        Raises:
            UserError: There is none of that name.
        """
        if name not in self.entries:
            raise UserError(f"the schedule has no entry {name!r:.80}; it has {', '.join(self.entries) or 'none'}")
        return Schedule({name: self.entries[name]}, self.concurrency)

    def of(self, environment: str) -> Schedule:
        """With no other entries than those of that environment.

        Raises:
            UserError: There are none.
        """
        entries = {name: entry for name, entry in self.entries.items() if entry.environment == environment}
        if entries:
            return Schedule(entries, self.concurrency)
        known = ", ".join(sorted({entry.environment for entry in self.entries.values()}))
        raise UserError(
            f"the schedule has no entry of {environment}, only of {known or 'none'}: "
            "set its environment, then try again"
        )


def load_schedule(path: Path | None = None) -> Schedule:
    """Read and check a schedule, down to each parameter of each runbook.

    Args:
        path: The file; by default `lib.places.schedule`.

    Raises:
        UserError: It cannot be read or does not fit; names the first thing that does not.
    """
    path = path or places.schedule()
    if not path.exists():
        raise UserError(f"{path} is not there, so nothing is planned; docs/how-to/schedule.md shows what it holds")
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("entries"), dict):
        raise UserError(f"{path} holds no entries; see params/schedule.yaml of the checkout")
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
    """The entry with what the file's head says for all."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(f"{path}: entries: {name!r:.80} is not a name; write up to 48 of a-z, 0-9, _ and -")
    if not isinstance(entry, dict) or "name" in entry:
        raise UserError(f"{path}: entries.{name}: write its settings below it, each in a line of its own")
    # YAML takes 14 for a number and 2026-01-17 for a date; here they are text.
    days = entry.get("days_since_deploy")
    parameters = entry.get("parameters") or {}
    if isinstance(parameters, dict):
        parameters = {key: value.isoformat() if isinstance(value, date) else value for key, value in parameters.items()}
    texts = {"days_since_deploy": "" if days is None else str(days), "parameters": parameters}
    return {**shared, **entry, **texts, "name": name}
