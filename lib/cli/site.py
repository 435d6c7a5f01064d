"""`runbook site`: the pages of all runs."""

from __future__ import annotations

import click


@click.group()
def site() -> None:
    """The pages of all runs: status, search, history, feed."""


@site.command()
@click.option("--fresh", is_flag=True, help="Read every run and write every page again.")
def build(fresh: bool) -> None:
    """Write the pages that have changed. Every run does that too."""
    from lib.archive.archive import Archive
    from lib.site.build import build_site

    click.echo(f"Site: {build_site(Archive(), fresh=fresh)}")


@site.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0: any that is free.")
def serve(port: int) -> None:
    """Show the site in a browser of this machine, until Ctrl+C; nobody else can see it."""
    from lib.archive.archive import Archive
    from lib.site.server import serve as serve_site

    serve_site(Archive().store, port, lambda address: click.echo(f"{address} (Ctrl+C stops it)"))
