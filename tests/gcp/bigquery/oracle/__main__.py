"""`python -m tests.gcp.bigquery.oracle --examples N [--seed S]`."""

from __future__ import annotations

import logging
import sys

import click

from tests.gcp.bigquery.oracle.lives import judge


@click.command()
@click.option("--examples", default=20, show_default=True, help="How many lives.")
@click.option("--seed", type=int, help="Of the random rows; without it they are the same each time.")
def main(examples: int, seed: int | None) -> None:
    """Compare DuckDB with Google's reference implementation, statement by statement."""
    logging.disable(logging.CRITICAL)
    report = judge(examples, at=seed)
    click.echo(report)
    sys.exit(bool(report.differences))


main()
