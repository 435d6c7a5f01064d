"""Changes by command: repairs and a table's spec, planned and then applied; and the record of all changes."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.fence_sql import sql
from lib.cli.terminal import echo_section, exit_as, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.operations.changes.action import Action
    from lib.operations.changes.plan import Plan
    from lib.operations.changes.signed_approval import Offer
    from lib.platform import Platform


@click.group()
def repair() -> None:
    """Remove duplicates of a date, or put them back."""


@repair.command()
@options.game_date
@options.environment
def plan(game_date: date, environment: str) -> None:
    """Show what a repair would do, and the digest that approves it; change nothing."""
    from lib.operations.changes.repair import Repair
    from lib.platform import connect

    platform = connect(environment)
    show_plan(platform, Repair(platform, game_date), ("repair", "apply", "--date", str(game_date)))


@repair.command()
@options.game_date
@click.option("--plan", required=True, metavar="DIGEST", help="Of the plan that you looked at.")
@click.option("--reason", required=True, help="Why; kept in the record of changes.")
@options.environment
def apply(game_date: date, plan: str, reason: str, environment: str) -> None:
    """Back up the rows of duplicate keys, and keep the newest of each."""
    from lib.operations.changes.repair import Repair
    from lib.platform import connect

    platform = connect(environment)
    apply_plan(platform, Repair(platform, game_date), "--date", str(game_date), plan, reason)


@repair.command()
@options.game_date
@click.option("--backup", required=True, metavar="TABLE", help="The backup table that the repair named.")
@options.plan
@options.reason
@options.environment
def undo(game_date: date, backup: str, plan: str | None, reason: str | None, environment: str) -> None:
    """Put the rows of a backup back in place of those that a repair kept."""
    from lib.operations.changes.repair import UndoRepair
    from lib.platform import connect

    platform = connect(environment)
    words = ("repair", "undo", "--date", str(game_date), "--backup", backup)
    action = UndoRepair(platform, game_date, backup)
    show_or_apply(platform, action, words, parameter="--backup", target=backup, plan=plan, reason=reason)


@click.group()
def fence() -> None:
    """What the fence of the table records; and the fence as SQL, for tools of your own."""


fence.add_command(sql)


@fence.command()
@options.plan
@options.reason
@options.environment
def spec(plan: str | None, reason: str | None, environment: str) -> None:
    """Show or change what the table is consolidated by: date, key and active columns, and what supersedes.

    All consolidations of a table have to agree on it. To change it, change the settings
    of every environment and service that consolidates the table, then apply the plan.
    """
    from lib.operations.changes.spec_change import SpecChange
    from lib.platform import connect

    platform = connect(environment)
    target = str(platform.table.table)
    show_or_apply(
        platform, SpecChange(platform), ("fence", "spec"), parameter="table", target=target, plan=plan, reason=reason
    )


@click.command()
@options.environment
@options.as_json
def audit(environment: str, as_json: bool) -> None:
    """Every change on record, newest first: who, when, why, and how it is undone."""
    from lib.consolidation.upkeep.audit import ActionStatus
    from lib.operations.changes.audit import changes, releases
    from lib.platform import connect

    platform = connect(environment)
    known = sorted([*releases(platform), *changes(platform)], key=lambda record: record.filed_at, reverse=True)
    if as_json:
        options.echo_json({"actions": [asdict(record) for record in known]})
        return
    if not known:
        click.echo("No changes: nobody has released, repaired or undone anything.")
    for record in known:
        state = ActionStatus(record.status).words
        click.echo(
            printable(
                f"{record.filed_at:%Y-%m-%d %H:%M:%S} UTC  {record.action} of {record.target}  {state}  "
                f"by {record.who}: {record.reason}"
            )
        )
        click.echo(printable(f"    undo: {record.undo}"))


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
    from lib.operations.changes.plan import WHY
    from lib.operations.changes.signed_approval import offer

    found = action.plan()
    if found.nothing_to_do:
        _show_nothing_to_do(found, as_json=as_json)
        return
    offered = offer(platform, found, datetime.now(UTC))
    following = platform.commands.changing(*words, "--plan", offered.digest.text, "--reason", WHY)
    offered = replace(offered, following=following)
    if as_json:
        facts = {**_facts(found), "summary": found.summary}
        options.echo_json({**facts, **offer_data(offered)})
        return
    for line in plan_lines(found):
        click.echo(line)
    echo_offer(offered)


def _show_nothing_to_do(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        options.echo_json({**_facts(plan), "nothing_to_do": plan.nothing_to_do})
    else:
        click.echo(printable(plan.nothing_to_do))


def _facts(plan: Plan) -> dict[str, Any]:
    return {"changed": False, "action": plan.action, "target": plan.target, "state": plan.state}


def offer_data(offered: Offer) -> dict[str, str]:
    """The digest, until when it holds, and the commands; ready for JSON."""
    approve = {"approve": offered.approve} if offered.approve else {}
    holds_until = offered.digest.expires_at.isoformat()
    return {"plan": offered.digest.text, "holds_until": holds_until, **approve, "next": offered.following}


def echo_offer(offered: Offer) -> None:
    """The same for people."""
    digest = offered.digest
    click.echo(f"Nothing was changed. The plan holds until {digest.expires_at:%Y-%m-%d %H:%M} UTC: {digest.text}")
    if offered.approve:
        click.echo(f"Have it approved by a person, at a terminal: {offered.approve}")
    click.echo(f"Next: {offered.following}")


def plan_lines(plan: Plan) -> Iterator[str]:
    """What it would do, and what it rests on; for a terminal."""
    yield printable(f"It would {plan.summary}.")
    for fact, value in plan.state.items():
        yield f"  {printable(f'{fact}: {value}')}"


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
