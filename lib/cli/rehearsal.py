"""`runbook demo` and `runbook drill`: set up real incidents, and check that the runbooks report them correctly."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli.terminal import printable, styled_verdict
from lib.errors import UserError
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.runbooks.process import Ended
    from lib.verdict.check import Check
    from rehearsal.demo import Act, RunRunbook, Step
    from rehearsal.drills.rehearsal import Finding

_ENVIRONMENT = "local"
_WIDEST_HEADLINE = 100


@click.command()
def demo() -> None:
    """Replay an incident, run the runbooks on it, build the index.

    Exits 1 when a runbook's verdict is wrong.
    """
    from lib.archive.archive import Archive
    from lib.platform import connect
    from lib.site.build import build_site
    from rehearsal.demo import story
    from rehearsal.stage import move_aside

    started = time.monotonic()
    if aside := move_aside(places.home()):
        click.echo(f"The previous state was moved to {_shown(aside)}")
    surprises = 0
    seen: list[Check] = []
    with story(connect(_ENVIRONMENT)) as steps:
        for group in _groups(steps):
            surprises += _carry_out(group, seen)
    index = build_site(Archive())
    if surprises:
        click.echo(f"\n{surprises} verdicts are wrong.", err=True)
        raise click.exceptions.Exit(1)
    click.echo(f"\nEvery verdict was correct ({time.monotonic() - started:.0f} s). Next: `make lab`, or")
    click.echo("`source .venv/bin/activate`, then `runbook list`. All runs, with their reports:")
    click.echo(Path(index).absolute().as_uri() if "://" not in str(index) else str(index))


def _groups(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield the steps in order, grouped by those that may run at the same time."""
    group: list[Step] = []
    for step in steps:
        if group and not getattr(step, "beside_previous", False):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _carry_out(group: Sequence[Step], seen: list[Check]) -> int:
    """Run the steps, add their checks to `seen`, and return how many runbooks were wrong."""
    from lib.runbooks.process import run_words, started
    from rehearsal.demo import Act

    first = group[0]
    if isinstance(first, Act):
        _play(first)
        return 0
    runs = [step.with_plan(seen) for step in group if not isinstance(step, Act)]
    with ExitStack() as stack:
        processes = [stack.enter_context(started(run_words(run.runbook, run.parameters, _ENVIRONMENT))) for run in runs]
        return sum(_report(run, process.wait(), seen) for run, process in zip(runs, processes, strict=True))


def _play(act: Act) -> None:
    click.echo(f"\n{click.style(act.title, bold=True)}")
    click.echo(f"  {act.play()}")


def _report(step: RunRunbook, ended: Ended, seen: list[Check]) -> bool:
    """Print the runbook's verdict, add its checks to `seen`, and return whether it was wrong."""
    from lib.archive.archive import Archive

    if ended.answer is None:
        why = printable(ended.last_words)[:300]
        click.echo(f"  {styled_verdict(None)}  {step.runbook} did not run: {why}", err=True)
        return True
    run, report = Archive().run(ended.answer["run_id"]), ended.answer["report"]
    seen += run.record.checks
    surprises = step.surprises(run.record.verdict, run.record.checks)
    parameters = " ".join(f"{name}={value}" for name, value in step.parameters.items())
    click.echo(f"  {styled_verdict(run.record.verdict)}  {step.runbook} {parameters}")
    click.echo(f"           {run.record.headline}")
    click.echo(f"           must be {step.expected}: {step.because}")
    click.echo(f"           {_shown(report)}")
    for surprise in surprises:
        click.echo(f"           SURPRISE: {surprise}", err=True)
    return bool(surprises)


def _shown(place: str | Path) -> str:
    """Return a path below the current folder relative to it."""
    path = Path(place)
    if "://" in str(place):
        return str(place)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


@click.command()
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Run all drills and print a table of findings.")
@click.option("--list", "listed", is_flag=True, help="Only list the drills.")
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 16), help="With --all: parallel drills.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep state and reports in this folder; print how to use them."
)
def drill(name: str | None, every: bool, listed: bool, jobs: int, keep: Path | None) -> None:
    """Set up the incident NAME; check that the runbooks find it.

    Uses a separate folder: your own state and outputs are not touched. Exits 1 when a runbook
    is wrong.
    """
    from rehearsal.drills.rehearsal import drills, find_drill

    if listed:
        for known in drills():
            click.echo(f"{known.name:22}  {known.kind:14}  {known.title}")
        return
    if every == bool(name):
        raise UserError("give either a drill or --all; `runbook drill --list` lists the drills")
    names = [known.name for known in drills()] if every else [find_drill(str(name)).name]
    with _folder(keep) as folder:
        findings = _show(_rehearsed(names, folder, min(jobs, len(names))), with_reports=keep is not None)
    wrong = sum(not finding.is_right for finding in findings)
    click.echo(f"\n{len(findings) - wrong} of {len(findings)} are right.")
    if keep and name:
        _show_variables(keep.absolute() / name)
    if wrong:
        raise click.exceptions.Exit(1)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as folder:
            yield Path(folder)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UserError(f"{keep} already exists; give an empty or new folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.absolute()


def _show_variables(folder: Path) -> None:
    """Print the lines that make later commands of a shell use a drill's folder."""
    from rehearsal.drills.rehearsal import variables_of

    click.echo("\nFor commands that use this incident, enter:")
    for variable, place in variables_of(folder).items():
        click.echo(f"export {variable}={shlex.quote(place)}")


def _rehearsed(names: Sequence[str], folder: Path, jobs: int) -> Iterator[list[Finding]]:
    """Run each drill in its own process, several at a time."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_rehearse, names, [folder / name for name in names])


def _rehearse(name: str, folder: Path) -> list[Finding]:
    from lib.site.build import build_site
    from rehearsal.drills.rehearsal import find_drill, rehearse

    return rehearse(find_drill(name), folder, build_site)


def _show(rehearsed: Iterator[list[Finding]], *, with_reports: bool) -> list[Finding]:
    """Print a row for each runbook's finding as soon as it is known; return all findings."""
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
    cut = headline if len(headline) <= _WIDEST_HEADLINE else f"{headline[:_WIDEST_HEADLINE]}…"
    cost = str(finding.cost or "")
    click.echo(f"{right}  {finding.kind:14}  {finding.drill:22}  {finding.runbook:24}  {cost:10}  {verdict}  {cut}")
    for surprise in finding.surprises:
        click.echo(f"       {printable(surprise)}")
    if with_report:
        click.echo(f"       {finding.report}")
