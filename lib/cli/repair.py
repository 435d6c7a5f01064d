"""Commands that repair a date's duplicates, and undo a repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.terminal import echo_section

if TYPE_CHECKING:
    from lib.operations.action import Action
    from lib.platform import Platform


@click.group()
def repair() -> None:
    """Remove duplicates of a date, or put them back."""


@repair.command()
@options.game_date
@options.environment
def plan(game_date: str, environment: str) -> None:
    """Tell what a repair would do, and the digest that approves it; change nothing."""
    from lib.consolidation.identifiers import checked_game_date
    from lib.operations.repair import Repair
    from lib.platform import connect

    day = checked_game_date(game_date)
    platform = connect(environment)
    _show(platform, Repair(platform, day), ("repair", "apply", "--game-date", game_date))


@repair.command()
@options.game_date
@options.plan
@options.reason
@options.environment
def apply(game_date: str, plan: str, reason: str, environment: str) -> None:
    """Back up the rows of duplicate keys, and keep the newest of each."""
    from lib.consolidation.identifiers import checked_game_date
    from lib.operations.repair import Repair
    from lib.platform import connect

    day = checked_game_date(game_date)
    platform = connect(environment)
    _carry_out(platform, Repair(platform, day), "--game-date", str(day), plan, reason)


@repair.command()
@options.game_date
@click.option("--backup", required=True, metavar="TABLE", help="The backup table that the repair named.")
@click.option("--plan", metavar="DIGEST", help="Of the plan that you looked at; without it the plan is shown.")
@click.option("--reason", help="Why; kept in the record of changes.")
@options.environment
def undo(game_date: str, backup: str, plan: str | None, reason: str | None, environment: str) -> None:
    """Put the rows of a backup back in place of those that a repair kept."""
    from lib.consolidation.identifiers import checked_game_date
    from lib.operations.repair import UndoRepair
    from lib.platform import connect

    day = checked_game_date(game_date)
    platform = connect(environment)
    action = UndoRepair(platform, day, backup)
    if plan is None and reason is None:
        _show(platform, action, ("repair", "undo", "--game-date", game_date, "--backup", backup))
    else:
        _carry_out(platform, action, "--backup", backup, plan or "", reason or "")


def _show(platform: Platform, action: Action, words: tuple[str, ...]) -> None:
    from datetime import UTC, datetime

    from lib.operations import by_hand
    from lib.operations.action_plan import WHY

    found = action.plan()
    if found.nothing_to_do:
        click.echo(found.nothing_to_do)
        return
    digest = found.digest(platform, datetime.now(UTC))
    click.echo(f"It would {found.summary}.")
    for fact, value in found.state.items():
        click.echo(f"  {fact}: {value}")
    click.echo(f"Nothing was changed. The plan holds until {digest.expires_at:%Y-%m-%d %H:%M} UTC: {digest.text}")
    click.echo(f"Next: {by_hand.command(platform.environment, *words, '--plan', digest.text, '--reason', WHY)}")


def _carry_out(platform: Platform, action: Action, parameter: str, target: str, plan: str, reason: str) -> None:
    from lib.operations.action import carry_out
    from lib.operations.action_plan import Approval

    approval = Approval(parameter, target, plan, reason).checked()
    echo_section(carry_out(platform, action, approval))
