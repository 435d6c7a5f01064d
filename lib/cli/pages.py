"""Commands that build and serve the site of all runs, and file an incident report."""

from __future__ import annotations

from pathlib import Path

import click

from lib.cli import options


@click.group()
def site() -> None:
    """Build or serve the pages of all runs."""


@site.command()
@click.option("--fresh", is_flag=True, help="Read every run and write every page again.")
def build(fresh: bool) -> None:
    """Write the pages that have changed, as every run also does."""
    from lib.archive.archive import Archive
    from lib.site.build import build_site

    click.echo(f"Site: {build_site(Archive(), fresh=fresh)}")


@site.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0: any free port.")
@click.option("--metrics", "of", metavar="ENV", multiple=True, help="Serve /metrics, with these environments' tables.")
def serve(port: int, of: tuple[str, ...]) -> None:
    """Serve the site to browsers on this machine only, until Ctrl+C."""
    from lib.archive.archive import Archive
    from lib.cli.metrics import live_metrics
    from lib.site.server import serve as serve_site

    metrics = live_metrics(of) if of else None
    serve_site(Archive().store, port, lambda address: click.echo(f"{address} (Ctrl+C stops it)"), metrics)


@click.command()
@click.argument("run_ids", nargs=-1, metavar="[RUN_ID]...")
@click.option("--since", metavar="TIME", help="Start, such as 2026-01-17T18:00.  [default: a day before the runs]")
@click.option("--until", metavar="TIME", help="End.  [default: now]")
@click.option("--title", default="", help="Title of the report.  [default: the worst run's headline]")
@click.option("--output", metavar="FOLDER", type=click.Path(path_type=Path), help="[default: incidents in outputs]")
@options.environment
@options.as_json
def incident(
    run_ids: tuple[str, ...],
    since: str | None,
    until: str | None,
    title: str,
    output: Path | None,
    environment: str,
    as_json: bool,
) -> None:
    """File an incident report as HTML and Markdown.

    It holds runs, a timeline, changes and log lines. RUN_ID names the runs that investigated the
    incident; without any, all runs of the period are included. Times without a zone are in the
    environment's zone.
    """
    from lib.archive.archive import Archive
    from lib.platform import connect
    from lib.runbooks.incident import gather
    from lib.runbooks.incident_page import write_incident

    platform = connect(environment)
    archive = Archive()
    timezone = platform.environment.timezone
    found = gather(
        platform,
        archive,
        run_ids,
        since=options.moment(since, timezone),
        until=options.moment(until, timezone),
        title=title,
    )
    page, text = write_incident(found, archive, output)
    if as_json:
        options.echo_json({"verdict": found.verdict, "html": page, "markdown": text, "runs": len(found.runs)})
        return
    click.echo(f"Incident report: {page}")
    click.echo(f"As Markdown:     {text}")
