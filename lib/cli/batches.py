"""Commands that stage and consolidate batches, and count duplicates."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.terminal import printable
from lib.words.nouns import agreeing, counted

if TYPE_CHECKING:
    from lib.consolidation.consolidator import Options
    from lib.consolidation.result import BatchResult, ConsolidationResult
    from lib.platform import Platform


@click.command()
@options.batch
@options.one_game_date
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 1000), help="Number of staging tables.")
@options.environment
@options.as_json
def stage(batch_id: str, game_date: date | None, file: Path, workers: int, environment: str, as_json: bool) -> None:
    """Write the rows of FILE into a batch's staging tables.

    FILE is .csv, .parquet or .jsonl. Without --date, each row's own date counts.
    """
    from lib.consolidation.files import read_rows
    from lib.platform import connect

    platform = connect(environment)
    writes = platform.staging_writer().write_batch(
        read_rows(file), batch_id=batch_id, workers=workers, game_date=game_date, source=str(file)
    )
    rows = sum(write.rows for write in writes)
    if as_json:
        tables = [write.table.table for write in writes]
        figures = {"batch_id": batch_id, "staged": rows, "staging_tables": tables}
        options.echo_json(options.dated(figures, game_date, platform.table.date_column))
        return
    click.echo(f"Staged {counted(rows, 'row')} of batch {batch_id} in {counted(len(writes), 'table')}.")
    click.echo(f"Next: {platform.commands.consolidate(batch_id, game_date)}")


@click.command()
@options.one_batch
@options.one_game_date
@click.option("--over", metavar="DATES", help="All pending batches of these dates, one by one: D1..D2 or D1,D2.")
@click.option(
    "--no-lock",
    is_flag=True,
    help="Do not take the lock; then only the fence protects, and only against runs of this library.",
)
@click.option("--keep-staging", is_flag=True, help="Do not drop the merged staging tables.")
@click.option("--dry-run", is_flag=True, help="Show what would happen, and change nothing.")
@click.option("--max-wait-seconds", type=options.seconds(zero=True), help="For the lock and rivals; 0 tries once.")
@options.environment
@options.as_json
def consolidate(
    batch_id: str | None,
    game_date: date | None,
    over: str | None,
    no_lock: bool,
    keep_staging: bool,
    dry_run: bool,
    max_wait_seconds: float | None,
    environment: str,
    as_json: bool,
) -> None:
    """Merge a batch's staging tables into the main table, once.

    Without --date, every date that the batch has rows for is merged, one after another. With
    --over, all pending batches of these dates are merged.
    """
    from lib.platform import connect

    if over is not None and (batch_id or game_date):
        raise click.UsageError("--over merges every batch of its dates; leave out --batch and --date")
    if over is None and not batch_id:
        raise click.UsageError("give a batch with --batch, or dates with --over")
    platform = connect(environment)
    options.show_library_log()
    how: Options = {
        "cleanup": not keep_staging,
        "use_lock": not no_lock,
        "dry_run": dry_run,
        "max_wait_seconds": max_wait_seconds,
    }
    if over is not None:
        _consolidate_over(platform, over, how, as_json)
        return
    assert batch_id
    result = platform.consolidator().consolidate_batch(batch_id=batch_id, game_date=game_date, **how)
    if as_json:
        options.echo_json(result.as_data(platform.table.date_column))
    else:
        _show(result)


def _consolidate_over(platform: Platform, over: str, how: Options, as_json: bool) -> None:
    """Consolidate each pending batch; a refused one is reported and does not stop the others."""
    from lib.consolidation.backfill import waiting_batches
    from lib.errors import RunbookError, worst_exit_code
    from lib.words.dates import dates_of

    results: list[dict[str, Any]] = []
    codes: list[int] = []
    consolidator = platform.consolidator()
    for waiting in waiting_batches(platform.warehouse, platform.table, dates_of(over)):
        day, batch_id = waiting.day, waiting.batch_id
        try:
            if waiting.has_other_dates:
                [result] = consolidator.consolidate_dates(batch_id=batch_id, dates=[day], **how).dates
            else:
                result = consolidator.consolidate_batch(batch_id=batch_id, game_date=day, **how)
        except RunbookError as error:
            codes.append(error.exit_code)
            refused = {"batch_id": batch_id, "status": "refused", "error": str(error)}
            results.append(options.dated(refused, day, platform.table.date_column))
            click.echo(f"{day} {batch_id}: {printable(str(error))}", err=True)
            continue
        results.append(result.as_data(platform.table.date_column))
        if not as_json:
            click.echo(f"{day} {batch_id}: {_in_words(result)}")
    if as_json:
        options.echo_json({"results": results})
    elif not results:
        click.echo(f"No pending batches in staging for {over}.")
    else:
        click.echo(
            f"{len(results) - len(codes)} of {counted(len(results), 'batch')} done; {len(codes)} "
            f"{agreeing(len(codes), 'was')} refused"
        )
    if codes:
        raise click.exceptions.Exit(worst_exit_code(codes))


def _show(result: ConsolidationResult | BatchResult) -> None:
    """Print the result; for a batch of several dates, each date and the sum."""
    from lib.consolidation.result import ConsolidationResult

    if isinstance(result, ConsolidationResult):
        click.echo(_in_words(result))
        return
    for of_date in result.dates:
        click.echo(f"{of_date.game_date}: {_in_words(of_date)}")
    if len(result.dates) > 1:
        click.echo(f"{counted(len(result.dates), 'date')}, {result.status}: {_sum(result)}")


def _in_words(result: ConsolidationResult) -> str:
    superseded = f"{result.superseded} superseded; " if result.superseded else ""
    unlocked = " (without the lock)" if result.run_id and not result.locked else ""
    return (
        f"{result.status}{unlocked}: {_sum(result)}; {superseded}duplicate keys {result.duplicates_before} before, "
        f"{result.duplicates_after} after"
    )


def _sum(result: ConsolidationResult | BatchResult) -> str:
    return (
        f"{result.staged} staged = {result.inserted} inserted + {result.updated} updated + "
        f"{result.deduplicated} deduplicated"
    )


@click.command()
@options.game_date
@options.environment
@options.as_json
def duplicates(game_date: date, environment: str, as_json: bool) -> None:
    """Count a date's duplicate keys.

    Exits 1 when there are any, 3 when the date has no rows.
    """
    from lib.consolidation.upkeep.duplicates import DuplicateCount, count_duplicates
    from lib.platform import connect

    platform = connect(environment)
    counts = count_duplicates(platform.warehouse, platform.table, game_date, game_date, with_rounded=True)
    count = next(iter(counts), DuplicateCount(game_date, rounded_keys=0 if platform.table.rounded_columns else None))
    if as_json:
        figures = {name: value for name, value in asdict(count).items() if name != "game_date" and value is not None}
        options.echo_json(options.dated(figures, game_date, platform.table.date_column))
    elif not counts:
        click.echo(f"{game_date}: no rows, so duplicates are unknown")
    else:
        columns = ", ".join(platform.table.rounded_columns)
        rounded = f"; {count.rounded_keys} when {columns} is rounded" if columns else ""
        click.echo(
            f"{game_date}: {counted(count.duplicate_keys, 'duplicate key')} "
            f"({counted(count.excess_rows, 'surplus row')}) among "
            f"{counted(count.rows, 'row')}{rounded}"
        )
        if count.duplicate_keys:
            click.echo(f"Next: {platform.commands.run('duplicate_diagnosis', {'date': game_date})}")
    if not counts:
        raise click.exceptions.Exit(3)
    if count.duplicate_keys:
        raise click.exceptions.Exit(1)
