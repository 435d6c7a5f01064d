"""Commands that plan and apply changes (repairs, a table's spec), and list all changes."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import click

from lib.cli import options
from lib.cli.fence_sql import sql
from lib.cli.terminal import echo_section, exit_as, printable, styled_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lib.operations.changes.action import Action
    from lib.operations.changes.plan import Plan
    from lib.operations.changes.signed_approval import PlanCommands
    from lib.platform import Platform


@click.group()
def repair() -> None:
    """Remove a date's duplicates, or put them back."""


@repair.command()
@options.game_date
@options.environment
def plan(game_date: date, environment: str) -> None:
    """Show what a repair would do, and the plan's digest. Changes nothing."""
    from lib.operations.changes.repair import Repair
    from lib.platform import connect

    platform = connect(environment)
    show_plan(platform, Repair(platform, game_date), ("repair", "apply", "--date", str(game_date)))


@repair.command()
@options.game_date
@click.option("--plan", required=True, metavar="DIGEST", help="Digest of the plan that you reviewed.")
@click.option("--reason", required=True, help="Why it is safe; kept in the audit record.")
@options.environment
def apply(game_date: date, plan: str, reason: str, environment: str) -> None:
    """Back up duplicate rows, and keep only the newest of each key."""
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
    """Restore the rows of a backup in place of those that a repair kept."""
    from lib.operations.changes.repair import UndoRepair
    from lib.platform import connect

    platform = connect(environment)
    words = ("repair", "undo", "--date", str(game_date), "--backup", backup)
    action = UndoRepair(platform, game_date, backup)
    show_or_apply(platform, action, words, parameter="--backup", target=backup, plan=plan, reason=reason)


@click.group()
def fence() -> None:
    """Show or change the table's fence, or print it as SQL."""


fence.add_command(sql)


@fence.command()
@options.plan
@options.reason
@options.environment
def spec(plan: str | None, reason: str | None, environment: str) -> None:
    """Show or change how the table is consolidated.

    That is its date, key and active columns, and what supersedes, which all consolidations of a
    table must agree on. First change the settings of every environment and service that
    consolidates the table, then apply the plan.
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
    """List every recorded change, newest first.

    Shows who made it, when and why, and how to undo it.
    """
    from lib.consolidation.upkeep.audit import ActionStatus
    from lib.operations.changes.audit import changes, releases
    from lib.platform import connect

    platform = connect(environment)
    known = sorted([*releases(platform), *changes(platform)], key=lambda record: record.filed_at, reverse=True)
    if as_json:
        options.echo_json({"actions": [asdict(record) for record in known]})
        return
    if not known:
        click.echo("No changes recorded.")
    for record in known:
        state = ActionStatus(record.status).words
        click.echo(
            printable(
                f"{record.filed_at:%Y-%m-%d %H:%M:%S} UTC  {record.action} of {record.target}  {state}  "
                f"by {record.who}: {record.reason}"
            )
        )
        click.echo(f"    {printable(f'undo: {record.undo}')}")


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
    """Show the plan, or apply it if a plan or a reason is given.

    Args:
        platform: Where the action would be applied.
        action: The change.
        words: The command without `--plan` and `--reason`, for the next step.
        parameter: The option that names the target, for error messages.
        target: What would be changed.
        plan: Digest of the approved plan, if given.
        reason: Why, if given.
        as_json: Print one JSON object.
    """
    approved, why = (plan or "").strip(), (reason or "").strip()
    if approved or why:
        apply_plan(platform, action, parameter, target, approved, why, as_json=as_json)
    else:
        show_plan(platform, action, words, as_json=as_json)


def show_plan(platform: Platform, action: Action, words: tuple[str, ...], *, as_json: bool = False) -> None:
    """Print what the action would do and the command that does it; change nothing.

    Args:
        platform: Where the action would be applied.
        action: The change.
        words: The command without `--plan` and `--reason`.
        as_json: Print one JSON object.
    """
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


def offer_data(offered: PlanCommands) -> dict[str, str]:
    """Return the plan's digest, its expiry time and the next commands, ready for JSON."""
    approve = {"approve": offered.approve} if offered.approve else {}
    holds_until = offered.digest.expires_at.isoformat()
    return {"plan": offered.digest.text, "holds_until": holds_until, **approve, "next": offered.following}


def echo_offer(offered: PlanCommands) -> None:
    """Print the plan's digest, its expiry time and the next commands."""
    digest = offered.digest
    click.echo(f"Nothing was changed. This plan is valid until {digest.expires_at:%Y-%m-%d %H:%M} UTC: {digest.text}")
    if offered.approve:
        click.echo(f"A person approves it at a terminal: {offered.approve}")
    click.echo(f"Next: {offered.following}")


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield what the plan would do, its risks, and the facts it is based on, for a terminal."""
    yield printable(f"It would {plan.summary}.")
    for caution in plan.cautions:
        yield f"{styled_verdict(caution.verdict)}  {printable(f'{caution.name}: {caution.summary}')}"
    for fact, value in plan.state.items():
        yield f"  {printable(f'{fact}: {value}')}"


def apply_plan(
    platform: Platform, action: Action, parameter: str, target: str, plan: str, reason: str, *, as_json: bool = False
) -> None:
    """Apply the approved plan.

    Args:
        platform: Where it is applied.
        action: The change.
        parameter: The option that names the target, for error messages.
        target: What is changed.
        plan: Digest of the approved plan.
        reason: Why it is safe; kept in the audit record.
        as_json: Print one JSON object.
    """
    from lib.operations.changes.action import carry_out
    from lib.operations.changes.plan import Approval

    approval = Approval(parameter, target, plan, reason).checked()
    found = carry_out(platform, action, approval)
    if as_json:
        check = found.checks[0].as_data()
        # An interrupted change may or may not have taken effect.
        options.echo_json({"changed": None if check["verdict"] == "UNKNOWN" else True, "target": target, **check})
        exit_as(found)
    else:
        echo_section(found)
