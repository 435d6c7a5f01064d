"""Commands that repair a date's duplicates, and undo a repair."""

from __future__ import annotations

import click

from lib.cli import options
from lib.cli.changes import apply_plan, show_or_apply, show_plan


@click.group()
def repair() -> None:
    """Remove duplicates of a date, or put them back."""


@repair.command()
@options.game_date
@options.environment
def plan(game_date: str, environment: str) -> None:
    """Show what a repair would do, and the digest that approves it; change nothing."""
    from lib.operations.changes.repair import Repair
    from lib.platform import connect
    from lib.words.dates import checked_game_date

    day = checked_game_date(game_date)
    platform = connect(environment)
    show_plan(platform, Repair(platform, day), ("repair", "apply", "--game-date", game_date))


@repair.command()
@options.game_date
@options.plan
@options.reason
@options.environment
def apply(game_date: str, plan: str, reason: str, environment: str) -> None:
    """Back up the rows of duplicate keys, and keep the newest of each."""
    from lib.operations.changes.repair import Repair
    from lib.platform import connect
    from lib.words.dates import checked_game_date

    day = checked_game_date(game_date)
    platform = connect(environment)
    apply_plan(platform, Repair(platform, day), "--game-date", str(day), plan, reason)


@repair.command()
@options.game_date
@click.option("--backup", required=True, metavar="TABLE", help="The backup table that the repair named.")
@click.option("--plan", metavar="DIGEST", help="Of the plan that you looked at; without it the plan is shown.")
@click.option("--reason", help="Why; kept in the record of changes.")
@options.environment
def undo(game_date: str, backup: str, plan: str | None, reason: str | None, environment: str) -> None:
    """Put the rows of a backup back in place of those that a repair kept."""
    from lib.operations.changes.repair import UndoRepair
    from lib.platform import connect
    from lib.words.dates import checked_game_date

    day = checked_game_date(game_date)
    platform = connect(environment)
    action, words = UndoRepair(platform, day, backup), ("repair", "undo", "--game-date", game_date, "--backup", backup)
    show_or_apply(platform, action, words, parameter="--backup", target=backup, plan=plan, reason=reason)
