"""Commands on batches and their rows."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from lib.cli import options


@click.command()
@options.batch
@options.game_date
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 1000), help="Staging tables.")
@options.environment
@options.as_json
def stage(batch_id: str, game_date: date, file: Path, workers: int, environment: str, as_json: bool) -> None:
    """Write FILE (.csv, .parquet, .jsonl) into staging tables of a batch."""
    from lib.consolidation.files import read_rows
    from lib.platform import connect

    platform = connect(environment)
    writes = platform.staging_writer().write_batch(
        read_rows(file), batch_id=batch_id, workers=workers, game_date=game_date, source=str(file)
    )
    rows = sum(write.rows for write in writes)
    if as_json:
        tables = [write.table.table for write in writes]
        options.echo_json({"batch_id": batch_id, "game_date": str(game_date), "staged": rows, "staging_tables": tables})
        return
    click.echo(f"Staged {rows} rows of batch {batch_id} in {len(writes)} tables.")
    click.echo(f"Next: {platform.commands.consolidate(batch_id, game_date)}")


@click.command()
@options.batch
@options.game_date
@click.option("--no-lock", is_flag=True, help="Do not wait for others; the fence still guards the table.")
@click.option("--keep-staging", is_flag=True, help="Do not drop the merged staging tables.")
@click.option("--dry-run", is_flag=True, help="Tell what would happen; change nothing.")
@click.option("--max-wait-seconds", type=options.seconds(zero=True), help="For the lock, and for rivals; 0 tries once.")
@options.environment
@options.as_json
def consolidate(
    batch_id: str,
    game_date: date,
    no_lock: bool,
    keep_staging: bool,
    dry_run: bool,
    max_wait_seconds: float | None,
    environment: str,
    as_json: bool,
) -> None:
    """Merge a batch's staging tables into the main table, once."""
    from lib.platform import connect

    platform = connect(environment)
    options.show_library_log()
    result = platform.consolidator().consolidate_batch(
        batch_id=batch_id,
        game_date=game_date,
        cleanup=not keep_staging,
        use_lock=not no_lock,
        dry_run=dry_run,
        max_wait_seconds=max_wait_seconds,
    )
    if as_json:
        options.echo_json(result.as_data())
        return
    unlocked = " (without the lock)" if result.run_id and not result.locked else ""
    click.echo(
        f"{result.status}{unlocked}: {result.staged} staged = {result.inserted} inserted + {result.updated} updated + "
        f"{result.deduplicated} deduplicated; duplicate keys {result.duplicates_before} before, "
        f"{result.duplicates_after} after"
    )


@click.command()
@options.game_date
@options.environment
@options.as_json
def duplicates(game_date: date, environment: str, as_json: bool) -> None:
    """Count duplicate keys of a date: exactly, and as the guide's query does.

    Exits 1 when there are any, 3 when the date has no rows to look at.
    """
    from lib.consolidation.upkeep.duplicates import DuplicateCount, count_duplicates
    from lib.platform import connect

    platform = connect(environment)
    counts = count_duplicates(platform.warehouse, platform.table, game_date, game_date, with_guide=True)
    count = next(iter(counts), DuplicateCount(game_date, guide_keys=0))
    if as_json:
        options.echo_json(asdict(count))
    elif not counts:
        click.echo(f"{game_date}: no rows, so nothing can be said about duplicates")
    else:
        click.echo(
            f"{game_date}: {count.duplicate_keys} duplicate keys ({count.excess_rows} rows too many) among "
            f"{count.rows} rows; the guide's query, which rounds the line, counts {count.guide_keys}"
        )
        if count.duplicate_keys:
            click.echo(f"Next: {platform.commands.run('duplicate_diagnosis', {'game_date': game_date})}")
    if not counts:
        raise click.exceptions.Exit(3)
    if count.duplicate_keys:
        raise click.exceptions.Exit(1)
