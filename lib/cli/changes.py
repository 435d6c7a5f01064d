"""How commands show the plan of a change, and apply it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.terminal import echo_section, exit_as, printable

if TYPE_CHECKING:
    from lib.operations.changes.action import Action
    from lib.platform import Platform


def show_or_apply(
    platform: Platform,
    action: Action,
    words: tuple[str, ...],
    *,
    parameter: str,
    target: str,
    plan: str | None,
    reason: str | None,
    as_json: bool = False,
) -> None:
    """Show the plan; with a plan and a reason, do what it says. `words` are those of the command."""
    approved, why = (plan or "").strip(), (reason or "").strip()
    if approved or why:
        apply_plan(platform, action, parameter, target, approved, why, as_json=as_json)
    else:
        show_plan(platform, action, words, as_json=as_json)


def show_plan(platform: Platform, action: Action, words: tuple[str, ...], *, as_json: bool = False) -> None:
    """What the action would do, and the command that does it. Changes nothing."""
    from datetime import UTC, datetime

    from lib.operations.changes.plan import WHY

    found = action.plan()
    digest = found.digest(platform, datetime.now(UTC))
    following = platform.commands.changing(*words, "--plan", digest.text, "--reason", WHY)
    if as_json:
        facts = {"changed": False, "action": found.action, "target": found.target, "state": found.state}
        approval = {"plan": digest.text, "holds_until": digest.expires_at.isoformat(), "next": following}
        planned = (
            {"nothing_to_do": found.nothing_to_do} if found.nothing_to_do else {"summary": found.summary, **approval}
        )
        options.echo_json({**facts, **planned})
        return
    if found.nothing_to_do:
        click.echo(printable(found.nothing_to_do))
        return
    click.echo(printable(f"It would {found.summary}."))
    for fact, value in found.state.items():
        click.echo(f"  {printable(f'{fact}: {value}')}")
    click.echo(f"Nothing was changed. The plan holds until {digest.expires_at:%Y-%m-%d %H:%M} UTC: {digest.text}")
    click.echo(f"Next: {following}")


def apply_plan(
    platform: Platform, action: Action, parameter: str, target: str, plan: str, reason: str, *, as_json: bool = False
) -> None:
    """Do what the approved plan says; `parameter` is the option that names the target, for messages."""
    from lib.operations.changes.action import carry_out
    from lib.operations.changes.plan import Approval

    approval = Approval(parameter, target, plan, reason).checked()
    found = carry_out(platform, action, approval)
    if as_json:
        check = found.checks[0].as_data()
        # Broken off, it may or may not have taken effect.
        options.echo_json({"changed": None if check["verdict"] == "UNKNOWN" else True, "target": target, **check})
        exit_as(found)
    else:
        echo_section(found)
