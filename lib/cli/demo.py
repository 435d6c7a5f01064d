"""`runbook demo`: replay the incident, run the runbooks, and compare with what is true."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli.terminal import printable, styled_verdict

if TYPE_CHECKING:
    from lib.runbooks.process import Ended
    from lib.verdict.check import Check
    from rehearsal.demo import Act, RunRunbook, Step

_ENVIRONMENT = "local"


@click.command()
def demo() -> None:
    """Replay the incident on real box scores, run the runbooks, build the index.

    Exits 1 when a runbook says anything but the truth.
    """
    from lib.archive.archive import Archive
    from lib.platform import connect
    from lib.site.build import build_site
    from rehearsal.demo import story
    from rehearsal.fresh_home import move_aside

    started = time.monotonic()
    if aside := move_aside(places.home()):
        click.echo(f"The state that was there is kept in {_shown(aside)}")
    surprises = 0
    said: list[Check] = []
    with story(connect(_ENVIRONMENT)) as steps:
        for group in _groups(steps):
            surprises += _carry_out(group, said)
    index = build_site(Archive())
    click.echo(f"\nAll runs, with their reports: {_shown(index)}   ({time.monotonic() - started:.0f} s)")
    click.echo("Work on with `make lab`, or `source .venv/bin/activate` and then `runbook list`, `runbook locks list`…")
    if surprises:
        click.echo(f"{surprises} runbooks did not say what is true.", err=True)
        raise click.exceptions.Exit(1)


def _groups(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Steps that may be carried out at the same time, in order."""
    group: list[Step] = []
    for step in steps:
        if group and not getattr(step, "beside_previous", False):
            yield group
            group = []
        group.append(step)
    if group:
        yield group


def _carry_out(group: Sequence[Step], said: list[Check]) -> int:
    """Returns how many runbooks surprised; adds to what all runbooks have said."""
    from lib.runbooks.process import run_words, started
    from rehearsal.demo import Act

    first = group[0]
    if isinstance(first, Act):
        _play(first)
        return 0
    runs = [step.with_plan(said) for step in group if not isinstance(step, Act)]
    with ExitStack() as stack:
        processes = [stack.enter_context(started(run_words(run.runbook, run.parameters, _ENVIRONMENT))) for run in runs]
        return sum(_report(run, process.wait(), said) for run, process in zip(runs, processes, strict=True))


def _play(act: Act) -> None:
    click.echo(f"\n{click.style(act.title, bold=True)}")
    click.echo(f"  {act.play()}")


def _report(step: RunRunbook, ended: Ended, said: list[Check]) -> bool:
    """Show what the runbook said, and add it; whether that is a surprise."""
    from lib.archive.archive import Archive

    if ended.answer is None:
        click.echo(
            f"  {styled_verdict(None)}  {step.runbook} did not run: {printable(ended.last_words)[:300]}", err=True
        )
        return True
    run, report = Archive().run(ended.answer["run_id"]), ended.answer["report"]
    said += run.record.checks
    surprises = step.surprises(run.record.verdict, run.record.checks)
    parameters = " ".join(f"{name}={value}" for name, value in step.parameters.items())
    click.echo(f"  {styled_verdict(run.record.verdict)}  {step.runbook} {parameters}")
    click.echo(f"           {run.record.headline}")
    click.echo(f"           {_shown(report)}")
    for surprise in surprises:
        click.echo(f"           SURPRISE: {surprise}; expected is {step.expected}, since {step.because}", err=True)
    return bool(surprises)


def _shown(place: str | Path) -> str:
    """Relative to where the operator stands, when that is shorter to read."""
    path = Path(place)
    if "://" in str(place):
        return str(place)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
