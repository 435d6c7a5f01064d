"""`runbook drill`: does the runbook that should catch an incident catch it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from lib.cli.terminal import printable, styled_verdict
from lib.errors import UserError
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from rehearsal.drills.rehearsal import Finding

_WIDTH = 100


@click.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="All drills, and the table of what was found.")
@click.option("--list", "listed", is_flag=True, help="Only the names of the drills.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 16), help="Drills at a time, with --all.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep state and reports in this folder.")
def drill(name: str | None, every: bool, listed: bool, jobs: int, keep: Path | None) -> None:
    """Set up the incident NAME in a place of its own, and see whether the runbooks find it.

    Your own state and outputs are not touched. Exits 1 when a runbook is wrong.
    """
    from rehearsal.drills.catalogue import drills, find_drill

    if listed:
        for known in drills():
            click.echo(f"{known.name:22}  {known.kind:14}  {known.title}")
        return
    if every == bool(name):
        raise UserError("name a drill, or say --all; `runbook drill --list` shows them")
    names = [known.name for known in drills()] if every else [find_drill(str(name)).name]
    with _folder(keep) as folder:
        findings = _show(_rehearsed(names, folder, min(jobs, len(names))), with_reports=keep is not None)
    wrong = sum(not finding.is_right for finding in findings)
    click.echo(f"\n{len(findings) - wrong} of {len(findings)} are right.")
    if wrong:
        raise click.exceptions.Exit(1)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UserError(f"{keep} is there already; name a folder that is empty or new")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()


def _rehearsed(names: Sequence[str], folder: Path, jobs: int) -> Iterator[list[Finding]]:
    """Each drill in a process that has no other one's state; several processes at a time."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_rehearse, names, [folder / name for name in names])


def _rehearse(name: str, folder: Path) -> list[Finding]:
    from lib.site.build import build_site
    from rehearsal.drills.catalogue import find_drill
    from rehearsal.drills.rehearsal import rehearse

    return rehearse(find_drill(name), folder, build_site)


def _show(rehearsed: Iterator[list[Finding]], *, with_reports: bool) -> list[Finding]:
    """A row for each runbook that looked, as soon as it is known."""
    shown = []
    for findings in rehearsed:
        for finding in findings:
            shown.append(finding)
            _show_one(finding, with_reports)
    return shown


def _show_one(finding: Finding, with_report: bool) -> None:
    right = click.style("right", fg="green") if finding.is_right else click.style("WRONG", fg="red", bold=True)
    verdict = styled_verdict(Verdict(finding.verdict)) if finding.verdict in set(Verdict) else finding.verdict
    headline = printable(finding.headline)
    cut = headline if len(headline) <= _WIDTH else f"{headline[:_WIDTH]}…"
    click.echo(f"{right}  {finding.kind:14}  {finding.drill:22}  {finding.runbook:24}  {verdict}  {cut}")
    for surprise in finding.surprises:
        click.echo(f"       {printable(surprise)}")
    if with_report:
        click.echo(f"       {finding.report}")
