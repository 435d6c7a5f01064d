"""`runbook new`: the frame of a runbook."""

from __future__ import annotations

import click

from lib.cli.terminal import printable


@click.command()
@click.argument("name")
@click.option("--title", default="", metavar="QUESTION", help="The question that it answers, such as: Is a lock stuck?")
def new(name: str, title: str) -> None:
    """Write the frame of the runbook NAME: its notebook and its first step."""
    from lib.runbooks.frame import write_frame

    notebook, step = write_frame(name, title or f"{name.replace('_', ' ').capitalize()}?")
    click.echo(f"Notebook: {printable(str(notebook))}")
    click.echo(f"Step:     {printable(str(step))}, UNKNOWN until you write it")
    click.echo(f"Try it:   runbook run {printable(name)}")
    click.echo("Then:     make readme, which adds it to the README's table")
