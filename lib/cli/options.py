"""Options that several commands share."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

import click

environment = click.option(
    "--env", "environment", default="local", show_default=True, help="A file of params/environments."
)
as_json = click.option("--json", "as_json", is_flag=True, help="The last line on stdout is one JSON object.")
game_date = click.option("--game-date", required=True, metavar="YYYY-MM-DD", help="The date of the games.")
batch = click.option("--batch", "batch_id", required=True, metavar="ID", help="The batch's id.")


def echo_json(data: Mapping[str, Any]) -> None:
    """One line of JSON on stdout."""
    click.echo(json.dumps(data, ensure_ascii=False, default=str))


def show_library_log() -> None:
    """Let the operator see the library's log lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    library = logging.getLogger("lib")
    library.setLevel(logging.INFO)
    library.addHandler(handler)
