"""Commands that maintain the archive: verify it, rerun a run, prune old runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from lib.cli import options
from lib.cli.runs import echo_run
from lib.cli.terminal import printable, styled_verdict
from lib.errors import UserError
from lib.words.nouns import counted

if TYPE_CHECKING:
    from lib.archive.verification import Verification

_SHA256_LENGTH = 64


@click.command()
@click.argument("run_id", required=False)
@click.option(
    "--head",
    "noted_head",
    default="",
    metavar="HASH",
    help="A head you noted earlier: the chain must still contain it.",
)
@click.option("--adopt", "adopts", is_flag=True, help="Add runs that are missing from the chain, as they are now.")
@click.option("--mend", "mends", is_flag=True, help="Record on the chain which of its entries a power loss has torn.")
@options.as_json
def verify(run_id: str | None, noted_head: str, adopts: bool, mends: bool, as_json: bool) -> None:
    """Check all runs, or RUN_ID, against the chain of hashes.

    Every file is compared. Exits 0 when nothing has changed, 1 when something has, 3 when it
    cannot be determined. Keep the head elsewhere: anyone who can write to the archive could
    rewrite the whole chain.
    """
    from lib.archive.archive import Archive
    from lib.archive.chain import Chain
    from lib.archive.verification import adopt
    from lib.archive.verification import verify as look

    if noted_head and (len(noted_head) != _SHA256_LENGTH or set(noted_head) - set("0123456789abcdef")):
        raise UserError(f"{noted_head!r:.80} is not a head; give the 64 digits that an earlier verify printed")
    archive = Archive()
    place = archive.place(run_id) if run_id is not None else ""
    for sequence in Chain(archive.store).mend() if mends else ():
        click.echo(f"Recorded that entry {sequence} is torn", err=True)
    found = look(archive, place=place, noted_head=noted_head)
    if adopts and (adopted := adopt(archive, found.faults)):
        for each in adopted:
            click.echo(f"Adopted {printable(each)}", err=True)
        found = look(archive, place=place, noted_head=noted_head)
    if as_json:
        options.echo_json(_as_data(found))
    else:
        _show(found)
    raise click.exceptions.Exit(found.exit_code)


def _as_data(found: Verification) -> dict[str, object]:
    return {
        "verdict": found.verdict,
        "unchanged": found.unchanged,
        "running": found.running,
        "removed": found.removed,
        "mended": found.mended,
        "faults": [{"kind": fault.kind, "place": fault.place, "text": fault.text} for fault in found.faults],
        "entries": found.head.sequence,
        "head": found.head.sha256,
    }


def _show(found: Verification) -> None:
    for fault in found.faults:
        click.echo(f"{fault.kind:<16}  {printable(fault.place or 'the chain')}: {printable(fault.text)}")
    for line in found.mended:
        click.echo(f"{'mended':<16}  the chain: {printable(line)}")
    summary = (
        f"{counted(found.unchanged, 'run')} unchanged, {found.running} still running, {found.removed} removed, "
        f"{counted(len(found.faults), 'fault')}"
    )
    click.echo(f"{styled_verdict(found.verdict)}  {summary}")
    click.echo(f"Head of {counted(found.head.sequence, 'entry')}: {found.head.sha256}")


@click.command()
@click.argument("run_id")
@options.timeout_seconds
@options.as_json
def rerun(run_id: str, timeout_seconds: float, as_json: bool) -> None:
    """Run RUN_ID again, as of the same point in time.

    Its parameters and environment are the same. Refused if it approved a change: a change needs a new approval. Exits
    like `runbook run`.
    """
    from lib.archive.archive import Archive
    from lib.runbooks.catalogue import find_runbook
    from lib.runbooks.execution import rerun as run_again
    from lib.runbooks.stop import Limits
    from lib.site.build import build_site

    archive = Archive()
    before = archive.run(run_id)
    finished = run_again(
        before,
        find_runbook(before.record.runbook),
        archive=archive,
        limits=Limits(run_seconds=timeout_seconds),
        on_change=build_site,
    )
    echo_run(finished, archive, as_json=as_json)
    raise click.exceptions.Exit(finished.exit_code)


@click.command()
@click.option("--older-than-days", type=click.IntRange(0, 36_500), help="Only runs that are older.")
@click.option("--keep-last", type=click.IntRange(0), help="Keep this many runs of each runbook and environment.")
@click.option("--apply", "applies", is_flag=True, help="Remove the runs, rather than only list them.")
@options.as_json
def prune(older_than_days: int | None, keep_last: int | None, applies: bool, as_json: bool) -> None:
    """Show or remove old runs.

    Without --older-than-days and --keep-last, selects only folders of runs that never began and
    what interrupted removals left. The newest run, the last FAIL and the last PASS of each runbook and
    environment stay, and so do runs that are running, damaged or not sealed yet. The chain keeps
    a record of every removed run. Age counts from the newest run's start, in case the clock is
    ahead.
    """
    from lib.archive.archive import Archive
    from lib.archive.record import utc_now
    from lib.archive.retention import Retention, prunable
    from lib.site.build import build_site

    archive = Archive()
    retention = None
    if older_than_days is not None or keep_last is not None:
        retention = Retention(None if older_than_days is None else timedelta(days=older_than_days), keep_last)
    found = prunable(archive, retention, utc_now())
    if applies:
        found.remove(archive)
        build_site(archive)
    if as_json:
        data = {"removed": found.old, "ended": found.half_removed, "never_began": found.never_began}
        options.echo_json({"applied": applies, **data})
        return
    for places, note in ((found.half_removed, "removal was interrupted"), (found.never_began, "never began")):
        for place in places:
            click.echo(f"{printable(place)}  ({note})")
    for place in found.old:
        click.echo(printable(place))
    count = len(found.old) + len(found.half_removed) + len(found.never_began)
    click.echo(
        f"Removed {counted(count, 'run')}."
        if applies
        else f"{counted(count, 'run')} would be removed; --apply removes them."
    )
