"""`runbook lab`: open the notebooks in JupyterLab."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from lib.cli import options
from lib.cli.terminal import printable


@click.command()
@options.environment
@click.option("--port", type=click.IntRange(1, 65_535), help="[default: the first free port from 8888]")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def lab(environment: str, port: int | None, no_browser: bool) -> None:
    """Open working copies of the notebooks in JupyterLab.

    A start page lists them. The copies are outside git, in lab/ENV of the state folder (.runbook or RUNBOOK_HOME).
    Copies you changed are kept.
    """
    for needed in ("jupyterlab", "ipywidgets", "ipylab"):
        import_module(needed)  # report a missing package before anything is written

    from lib.environment import load_environment
    from lib.workbench.lab.folder import START, lab_folder, prepare
    from lib.workbench.lab.jupyterlab import command, trust, variables
    from lib.workbench.lab.start import page

    folder = lab_folder(load_environment(environment).name)
    folder.claim()
    notes = prepare(folder)
    start_page = page(environment)
    notes.append(folder.put(START, start_page, is_page=True))
    trust(start_page)
    for note in filter(None, notes):
        click.echo(f"runbook: {printable(note)}", err=True)
    click.echo(f"Working copies: {printable(str(folder.path))}")
    sys.stdout.flush()
    started = command(folder, port=port, browser=not no_browser)
    os.execve(started[0], started, variables(folder))  # noqa: S606 - no shell, and no outside input
