"""`runbook demo`: replay the incident, run the runbooks, and compare with what is true."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli.terminal import styled_verdict
from lib.errors import UserError

if TYPE_CHECKING:
    from lib.archive.archive import Run
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
    from rehearsal.demo import told
    from rehearsal.fresh_home import move_aside

    started = time.monotonic()
    if aside := move_aside(places.home()):
        click.echo(f"The state that was there is kept in {_shown(aside)}")
    surprises = 0
    said: list[Check] = []
    with told(connect(_ENVIRONMENT)) as steps:
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
    from rehearsal.demo import Act

    first = group[0]
    if isinstance(first, Act):
        _play(first)
        return 0
    runs = [step.with_plan(said) for step in group if not isinstance(step, Act)]
    processes = [_start(step) for step in runs]
    return sum(_report(step, process, said) for step, process in zip(runs, processes, strict=True))


def _play(act: Act) -> None:
    click.echo(f"\n{click.style(act.title, bold=True)}")
    click.echo(f"  {act.play()}")


def _start(step: RunRunbook) -> subprocess.Popen[str]:
    assignments = [part for name, value in step.parameters.items() for part in ("-p", f"{name}={value}")]
    command = [sys.executable, "-m", "lib.cli", "run", step.runbook, *assignments, "--env", _ENVIRONMENT, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=places.ROOT)


def _report(step: RunRunbook, process: subprocess.Popen[str], said: list[Check]) -> bool:
    """Show what the runbook said, and add it; whether that is a surprise."""
    out, err = process.communicate()
    run, report = _archived(out)
    if run is None:
        click.echo(f"  {styled_verdict(None)}  {step.runbook} did not run: {err.strip()[-300:]}", err=True)
        return True
    said += run.record.checks
    surprises = step.surprises(run.record.verdict, run.record.checks)
    parameters = " ".join(f"{name}={value}" for name, value in step.parameters.items())
    click.echo(f"  {styled_verdict(run.record.verdict)}  {step.runbook} {parameters}")
    click.echo(f"           {run.record.headline}")
    click.echo(f"           {_shown(report)}")
    for surprise in surprises:
        click.echo(f"           SURPRISE: {surprise}; expected is {step.expected}, since {step.because}", err=True)
    return bool(surprises)


def _archived(output: str) -> tuple[Run | None, str]:
    """The run that the command tells of, and where its report is."""
    from lib.archive.archive import Archive

    try:
        told = json.loads(output.splitlines()[-1])
        return Archive().run(told["run_id"]), told["report"]
    except (IndexError, KeyError, ValueError, UserError):
        return None, ""


def _shown(place: str | Path) -> str:
    """Relative to where the operator stands, when that is shorter to read."""
    path = Path(place)
    if "://" in str(place):
        return str(place)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
