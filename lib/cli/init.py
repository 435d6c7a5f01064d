"""`runbook init`: create a project, with its first verdict, from a file or a table."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli.terminal import echo_conclusion, printable
from lib.errors import UserError
from lib.words.nouns import counted

if TYPE_CHECKING:
    from lib.projects.guesses import Guess
    from lib.projects.plan import ProjectPlan
    from lib.projects.sample import Sample

_LISTED = "COLUMN[,..]"
_KEY = "Columns that identify a row within its date"
_DATE = "Column with a row's date"
_NEWEST = "Columns with the time a row was written, most significant first"
_ACTIVE = "BOOL column that marks rows that count"
_PURPOSE = {"--key": _KEY, "--date": _DATE, "--newest-first": _NEWEST, "--active": _ACTIVE}


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--from", "file", type=click.Path(path_type=Path), help="Rows to start from: .csv, .parquet or .jsonl.")
@click.option("--from-table", metavar="PROJECT.DATASET.TABLE", help="A BigQuery table instead; it is only read.")
@click.option("--table", metavar="SCHEMA.TABLE", help="The table that batches are merged into.")
@click.option("--key", metavar=_LISTED, help=f"{_KEY}.")
@click.option("--date", metavar="COLUMN", help=f"{_DATE}.")
@click.option("--newest-first", metavar=_LISTED, help=f"{_NEWEST}.")
@click.option("--active", metavar="COLUMN", help=f"{_ACTIVE}; empty: all rows count.")
@click.option("--timezone", metavar="ZONE", help="Time zone that defines a day, such as Europe/Berlin.")
@click.option(
    "--location", default="", metavar="REGION", help="BigQuery location of --from-table, such as europe-west1."
)
@click.option("--env", "name", metavar="NAME", help="The environment's name.  [default: local, or production]")
@click.option("--yes", is_flag=True, help="Accept every guess.")
def init(
    folder: Path,
    file: Path | None,
    from_table: str | None,
    table: str | None,
    key: str | None,
    date: str | None,
    newest_first: str | None,
    active: str | None,
    timezone: str | None,
    location: str,
    name: str | None,
    yes: bool,
) -> None:
    """Create a project in FOLDER from a file or a BigQuery table.

    Guesses the role of each column, shows why, and writes the settings. With a file, it then creates the table on
    this machine, stages and consolidates its newest date, and runs day1_monitoring. Existing files are not overwritten.
    """
    from lib.projects.plan import write_project
    from lib.words.dates import zone

    if (file is None) == (from_table is None):
        raise UserError("give the rows to start from: either --from FILE or --from-table PROJECT.DATASET.TABLE")
    named = {"--key": key, "--date": date, "--newest-first": newest_first, "--active": active}
    given = {option: _listed(text) for option, text in named.items() if text is not None}
    answers, clock = _Answers(yes, given), _Clock()
    timezone = timezone or answers.word("--timezone", "the time zone that defines a day", "UTC")
    zone(timezone)
    cloud_project, sample = (
        _cloud_rows(str(from_table), location, given, timezone) if file is None else ("", _file_rows(file, timezone))
    )
    click.echo(printable(f"{sample.origin}: {counted(len(sample), 'row')}, {counted(len(sample.columns), 'column')}"))
    table = table or ".".join((from_table or "").rsplit(".", 2)[-2:])
    words = {"table": table, "name": name or ""}
    plan = _plan(sample, answers, words, cloud_project, location)
    for path in write_project(folder, plan):
        click.echo(f"  wrote {path}")
    clock.lap("settings")
    os.environ["RUNBOOK_PROJECT"] = str(folder.absolute())
    if cloud_project:
        click.echo(f"Next, in {folder}: runbook doctor --env {plan.environment}")
    else:
        _first_verdict(plan, sample, clock)


@dataclass(frozen=True)
class _Answers:
    """Answers from options, from prompts, or from accepted guesses.

    Attributes:
        takes_guesses: Whether guesses are accepted without asking.
        given: Columns by option.
    """

    takes_guesses: bool
    given: Mapping[str, tuple[str, ...]]

    def choose(self, option: str, guess: Guess) -> tuple[str, ...]:
        """Return the columns for an option that was not given.

        Raises:
            UserError: There is no terminal to ask at.
        """
        found = ",".join(guess.columns)
        is_optional = option in ("--newest-first", "--active")
        if self.takes_guesses and (found or is_optional):
            return guess.columns
        if not sys.stdin.isatty() or self.takes_guesses:
            guessed = f" {found} fits ({guess.evidence}); give it, or accept every guess with --yes" if found else ""
            raise UserError(f"{option}: give the {_PURPOSE[option].lower()};{guessed or f' {guess.evidence}'}")
        click.echo(printable(f"\n{_PURPOSE[option]}: {found or 'none found'} ({guess.evidence})"))
        nothing = "-" if is_optional else None
        answer = click.prompt(f"{option}{' (- for none)' if is_optional else ''}", default=found or nothing)
        return _listed("" if answer == nothing else answer)

    def word(self, option: str, purpose: str, default: str = "") -> str:
        """Ask for a value that cannot be guessed from the columns.

        Args:
            option: The option that was not given.
            purpose: What it is for, as in "give PURPOSE".
            default: Used without a terminal; empty: there is none.

        Raises:
            UserError: There is no default, and no terminal to ask at.
        """
        if default and (self.takes_guesses or not sys.stdin.isatty()):
            return default
        if not sys.stdin.isatty() or self.takes_guesses:
            raise UserError(f"{option}: give {purpose}")
        return str(click.prompt(f"{option}, {purpose}", default=default or None)).strip()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def _file_rows(file: Path, timezone: str) -> Sample:
    from lib.projects.sample import sample_of_file

    return sample_of_file(file, timezone)


def _cloud_rows(table: str, location: str, given: Mapping[str, tuple[str, ...]], timezone: str) -> tuple[str, Sample]:
    """Return the Google Cloud project and the rows of the table's newest date."""
    from lib.consolidation.identifiers import TableName
    from lib.consolidation.table_spec import TableSpec
    from lib.environment import Environment, GoogleSettings
    from lib.platform import platform_of
    from lib.projects.sample import sample_of_table

    project, *rest = table.rsplit(".", 2)
    if len(rest) != 2 or not project:
        raise UserError(f"--from-table {table!r:.200} is not PROJECT.DATASET.TABLE")
    # A placeholder: the table's columns are not known yet.
    unknown = TableSpec(TableName(*rest), key_columns=("key",), date_column="date")
    google = GoogleSettings(bigquery_location=location)
    environment = Environment("new", "google", project, timezone, unknown, google=google)
    warehouse = platform_of(environment).adapters.metered_warehouse
    date = "".join(given.get("--date", ())[:1])
    return project, sample_of_table(warehouse, TableName(*rest), date, now=places.now(), timezone=timezone)


def _plan(
    sample: Sample, answers: _Answers, words: Mapping[str, str], cloud_project: str, location: str
) -> ProjectPlan:
    from lib.consolidation.identifiers import TableName
    from lib.consolidation.schema import check_spec
    from lib.environment.table import table_spec
    from lib.projects.plan import ProjectPlan, Setting
    from lib.projects.quality_rules import learnt_rules
    from lib.projects.settings_of import Deciding

    table = words["table"] or answers.word("--table", "the table that batches are merged into, SCHEMA.TABLE")
    TableName.parse(table)
    settings = Deciding(sample, answers.given, answers.choose).settings()
    for setting in settings:
        click.echo(printable(f"  {setting.line}"))
    by_name = {setting.name: setting.value for setting in settings}
    check_spec(table_spec(Path("--table"), {"name": table, **by_name}), sample.columns)
    return ProjectPlan(
        environment=words["name"] or ("production" if cloud_project else "local"),
        timezone=sample.timezone,
        origin=sample.origin,
        table=[Setting("name", table), *settings],
        rows=sample.rows_by_date(str(by_name["date_column"])),
        criteria=(places.shipped() / "params" / "criteria.yaml").read_text(encoding="utf-8"),
        rules=learnt_rules(sample, [*by_name["key_columns"], str(by_name["date_column"])]),
        cloud_project=cloud_project,
        location=location,
    )


def _first_verdict(plan: ProjectPlan, sample: Sample, clock: _Clock) -> None:
    from lib.archive.archive import Archive
    from lib.platform import connect
    from lib.projects.first_batch import write_first_batch
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.execution import execute
    from lib.site.build import build_site

    platform = connect(plan.environment)
    first = write_first_batch(platform, sample)
    result = first.result
    click.echo(
        f"{platform.table.table}: {counted(first.past_rows, 'row')} of earlier dates loaded as is; "
        f"{result.game_date}: {result.staged:,} staged = {result.inserted:,} inserted + "
        f"{result.deduplicated:,} deduplicated"
    )
    clock.lap("table and first batch")
    archive = Archive()
    given = {"date": str(result.game_date)}
    run = execute(find_runbook("day1_monitoring"), given, environment=plan.environment, archive=archive)
    index = build_site(archive)
    clock.lap("day1_monitoring")
    echo_conclusion("day1_monitoring", run.record.verdict, run.record.headline, run.record.checks)
    click.echo(f"\nReport:   {_link(archive.store.address(run.report))}\nAll runs: {_link(index)}")


def _link(place: str) -> str:
    return place if "://" in place else Path(place).absolute().as_uri()


class _Clock:
    """Prints how long each step took."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def lap(self, step: str) -> None:
        now = time.monotonic()
        click.echo(f"  ({step}: {now - self._since:.1f} s)")
        self._since = now
