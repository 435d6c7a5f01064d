"""``runbook mcp``: read-only tools for agents."""

from __future__ import annotations

import logging
import os
import signal
import sys

import click

from lib.cli import options

_INTERRUPTED = 3


@click.command()
@click.option(
    "--max-bytes",
    "most_bytes",
    default=10_000_000_000,
    show_default=True,
    type=click.IntRange(min=0),
    help="Limit on billed bytes read in one session; each run may read a quarter of it.",
)
@options.environment
def mcp(most_bytes: int, environment: str) -> None:
    """Serve read-only tools to an agent (Model Context Protocol).

    Serves on standard input and output. No tool applies a change or notifies anyone. Runs are archived and marked
    as an agent's.
    """
    from mcp.types import LATEST_PROTOCOL_VERSION  # first, so that a missing extra is reported as mcp

    from lib.agents.desk import Desk
    from lib.agents.server import serve
    from lib.environment import load_environment
    from lib.ports.jobs import ReadBudget

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    desk = Desk(load_environment(environment), ReadBudget(most_bytes))
    for number in (signal.SIGTERM, signal.SIGINT):
        # A blocked read of standard input cannot be interrupted. Runs notice that their caller ended, and stop cleanly.
        signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    click.echo(f"runbook mcp: {environment}, read-only; MCP up to {LATEST_PROTOCOL_VERSION} on stdio", err=True)
    serve(desk)
