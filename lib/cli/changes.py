"""How commands show the plan of a change, and apply it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lib.cli.terminal import echo_section

if TYPE_CHECKING:
    from lib.operations.action import Action
    from lib.platform import Platform


def show_plan(platform: Platform, action: Action, words: tuple[str, ...]) -> None:
    """What the action would do, and the command that does it. Changes nothing."""
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


def apply_plan(platform: Platform, action: Action, parameter: str, target: str, plan: str, reason: str) -> None:
    """Do what the approved plan says; `parameter` is the option that names the target, for messages."""
    from lib.operations.action import carry_out
    from lib.operations.action_plan import Approval

    approval = Approval(parameter, target, plan, reason).checked()
    echo_section(carry_out(platform, action, approval))
