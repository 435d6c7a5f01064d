"""``runbook mcp``: for agents, which look and change nothing."""

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
    help="What one session may read, where reading is billed; a run at most a quarter of it.",
)
@options.environment
def mcp(most_bytes: int, environment: str) -> None:
    """Serve an agent over standard input and output, by the Model Context Protocol.

    Its tools look: no tool applies a change, and none notifies anyone. Runs are archived, and marked as an agent's.
    """
    from mcp.types import LATEST_PROTOCOL_VERSION  # before its own libraries: so it is what is found missing

    from lib.agents.desk import Desk
    from lib.agents.server import serve
    from lib.environment import load_environment
    from lib.ports.jobs import ReadBudget

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    desk = Desk(load_environment(environment), ReadBudget(most_bytes))
    for number in (signal.SIGTERM, signal.SIGINT):
        # A read of standard input cannot be interrupted. Runs that go on see their caller end, and stop in good order.
        signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    click.echo(f"runbook mcp: {environment}, looking only; MCP up to {LATEST_PROTOCOL_VERSION} on stdio", err=True)
    serve(desk)
