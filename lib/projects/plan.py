"""Plan a new project: its settings, each with its reason, as the text of its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.words.nouns import counted
from lib.words.text import one_line

_PARAMS = Path("params")
_FIRST = ("local", "production")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}", re.ASCII)
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FEWEST_WEEKS = 2


@dataclass(frozen=True)
class Setting:
    """A setting of the table.

    Attributes:
        name: As the environment's file spells it.
        value: Text, or a list of texts.
        because: The reason, in a line.
    """

    name: str
    value: str | list[str]
    because: str = ""

    @property
    def line(self) -> str:
        """The setting as a line of YAML, with its reason as a comment."""
        return yaml_line(self.name, self.value, self.because)


@dataclass(frozen=True)
class ProjectPlan:
    """A project before it is written.

    Attributes:
        environment: The name of its environment.
        timezone: The time zone of its dates.
        origin: The source of its rows, in a line.
        table: The table's settings, in the order of the file.
        rows: Number of rows by date, oldest first.
        rules: Rules for values, as learnt by `lib.projects.quality_rules`.
        criteria: The text of its criteria for success and rollback.
        cloud_project: The Google Cloud project; empty: the embedded platform.
        location: BigQuery location of the table; empty if not given.
    """

    environment: str
    timezone: str
    origin: str
    table: Sequence[Setting]
    rows: Mapping[date, int]
    rules: Sequence[Mapping[str, Any]]
    criteria: str
    cloud_project: str = ""
    location: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.environment):
            raise UserError(f"--env {self.environment!r:.80}: use a letter, then letters, digits, - and _")

    def files(self) -> dict[Path, str]:
        """Return the text of the environment's own files, by path in the project."""
        own = _PARAMS / "environments" / f"{self.environment}.yaml"
        dialect = _PARAMS / "dialects" / f"{self._named('services')}.yaml"
        lines = _DIALECT.format(about=yaml_value(f"the services that write {self.table[0].value}"))
        quality, criteria = (_PARAMS / self._file(kind) for kind in ("quality", "criteria"))
        return {own: self._settings(), quality: self._quality(), criteria: self.criteria, dialect: lines}

    def shared_files(self) -> dict[Path, str]:
        """Return the text of the files that all environments of a project share, by path in the project."""
        schedule = _SCHEDULE.format(environment=yaml_value(self.environment), timezone=yaml_value(self.timezone))
        return {_PARAMS / "schedule.yaml": schedule, Path(".gitignore"): ".runbook/\noutputs/\n"}

    def _named(self, kind: str) -> str:
        """Return a file's stem; the first environment's files have plain names."""
        return kind if self.environment in _FIRST else f"{kind}_{self.environment}"

    def _file(self, kind: str) -> str:
        return f"{self._named(kind)}.yaml"

    def _settings(self) -> str:
        platform = "google" if self.cloud_project else "embedded"
        services = ["", *_SERVICES] if self.cloud_project else []
        google = ["", "google:", f"  {yaml_line('bigquery_location', self.location)}"] if self.location else []
        return _text(
            f"# Created by `runbook init` from {one_line(self.origin)}. Correct any wrong guesses.",
            yaml_line("platform", platform),
            yaml_line("project_id", self.cloud_project or "local"),
            yaml_line("timezone", self.timezone, "the time zone that defines a day"),
            *google,
            *services,
            "",
            yaml_line(
                "dialects",
                [self._named("services")],
                "how services write their log lines; files in params/dialects",
            ),
            "",
            "table:",
            *(f"  {setting.line}" for setting in self.table),
            "",
            *self._due(),
            "",
            yaml_line("quality", self._file("quality"), "what a usual date looks like; a file in params"),
            yaml_line("criteria", self._file("criteria"), "when a deployment is a success, and when to roll back"),
        )

    def _due(self) -> list[str]:
        """Return the lines of ``due:`` with the weekdays that had rows; commented out for less than two weeks."""
        head = "# Which dates should have rows. Without this, a date without rows is UNKNOWN."
        days = [_WEEKDAYS[number] for number in sorted({day.weekday() for day in self.rows})]
        if (max(self.rows) - min(self.rows)).days < 7 * _FEWEST_WEEKS:
            return [head, "# due:", "#   calendar: { weekdays: [Mon, Tue, Wed, Thu, Fri] }"]
        seen = f"weekdays of the {counted(len(self.rows), 'date')} with rows"
        return [head, "due:", f"  calendar: {{ weekdays: [{', '.join(days)}] }} # {seen}"]

    def _quality(self) -> str:
        rules = [f"  - {yaml_value(rule)}" for rule in self.rules]
        return _QUALITY + _text(*(["columns:", *rules] if rules else ["columns: []"]))


def yaml_line(name: str, value: Any, because: str = "") -> str:
    """Return ``name: value # because`` as safe YAML.

    Args:
        name: The key.
        value: Any value that YAML can represent.
        because: The reason; left out if empty.
    """
    return f"{name}: {yaml_value(value)}{f' # {one_line(because)}' if because else ''}"


def yaml_value(value: Any) -> str:
    """Return the value as one line of YAML."""
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=True, width=1_000_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def write_project(folder: Path, plan: ProjectPlan) -> list[Path]:
    """Write the files of the plan, all or none, with any shared files that are missing.

    Returns:
        The files written.

    Raises:
        UserError: The environment already exists, or the folder cannot be written.
    """
    files = {folder / path: text for path, text in plan.files().items()}
    if there := [path for path in files if path.exists()]:
        raise UserError(f"{there[0]} already exists; choose another environment (--env NAME) or another folder")
    files |= {folder / path: text for path, text in plan.shared_files().items() if not (folder / path).exists()}
    written: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        raise UserError(f"{folder} cannot be written: {error.strerror or error}; nothing was left there") from error
    return written


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


_SERVICES = (
    "# The Cloud Run services that write and merge the staging tables. Without these settings, none is checked.",
    "# region: us-central1",
    "# services: { worker: NAME, coordinator: NAME }",
)

_SCHEDULE = """\
# The schedule, for `runbook schedule run`, or for `runbook schedule once` from cron.
#   cron  minute hour day month weekday (0: Sunday), in `timezone`
timezone: {timezone}
environment: {environment}

entries:
  monitoring_hourly:
    runbook: day1_monitoring
    cron: "0 * * * *"
    retries: 1
    timeout_seconds: 1800

  daily_quality:
    runbook: daily_quality
    cron: "0 9 * * *"
    parameters: {{ date: yesterday }}
    retries: 2
    retry_delay_seconds: 300
    catch_up_seconds: 21600
"""

_DIALECT = """\
# How the services write their log lines, in addition to this library's own. For each line: its meaning (event), the
# words that identify it (anchor), and samples. Test it on an export of your logs: runbook dialect test FILE
about: {about}
like: library
lines: []
#  - event: merged
#    anchor: merge finished
#    fields: {{ batch: "batch={{}}", rows: "{{}} rows", duration_ms: "in {{}} ms" }}
#    counts_from: merge
#    samples:
#      - {{ line: "merge finished: 81 rows in 812 ms (batch=b-7)", batch: b-7, rows: 81, duration_ms: 812 }}
"""

_QUALITY = """\
# What daily_quality compares a date's rows with, in addition to the table's recent dates. Created by `runbook init`:
# correct any wrong rules, and add what you know. Settings that are commented out show their defaults.
#
# groups: { unit: store_id, source: channel } # columns, either or both: every usual value has rows on each date
# volume: { warn_below: 0.8, fail_below: 0.5, warn_above: 3 } # as a share of the weekday's usual rows
#   per: [store_id] # columns of groups, if dates vary a lot: then rows per group are compared
# fewest_dates: 7 # fewer earlier dates are not enough to compare with
# null_share_rise: 0.25 # WARN if the share of NULLs in an optional column rises by this much, and doubles
# unseen_warn_above: 0.1 # share of keys without an active row
# unseen_fail_above: 0.3
# most_days_without_rows: 7 # after a longer gap the table counts as frozen
# values: { category: status } # a column of words, whose shares are compared with recent dates

# Rules for values. Numbers with a limit are also compared with recent dates.
"""
