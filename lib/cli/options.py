"""Options that several commands share."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from lib.cli.terminal import redactor

environment = click.option(
    "--env", "environment", default="local", show_default=True, help="A file of params/environments."
)
as_json = click.option("--json", "as_json", is_flag=True, help="The last line on stdout is one JSON object.")
game_date = click.option("--game-date", required=True, metavar="YYYY-MM-DD", help="The date of the games.")
batch = click.option("--batch", "batch_id", required=True, metavar="ID", help="The batch's id.")

plan = click.option("--plan", required=True, metavar="DIGEST", help="Of the plan that you looked at.")
reason = click.option("--reason", required=True, help="Why; kept in the record of changes.")

_LONGEST_SECONDS = 7 * 86_400


class NumberRange(click.FloatRange):
    """As click's, which lets NaN pass: it is neither less nor more than a bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


def seconds(*, zero: bool) -> NumberRange:
    """Up to a week; whether 0 is one too."""
    return NumberRange(min=0, min_open=not zero, max=_LONGEST_SECONDS)


def moment(text: str | None, timezone: str) -> datetime | None:
    """As `lib.words.dates.moment_of`; None for an option that was not given."""
    from lib.words.dates import moment_of

    return None if text is None else moment_of(text, timezone)


def echo_json(data: Mapping[str, Any]) -> None:
    """One line of JSON on stdout."""
    click.echo(json.dumps(redactor().data(data), ensure_ascii=False, default=str))


def show_library_log() -> None:
    """Let the operator see the library's log lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    library = logging.getLogger("lib")
    library.setLevel(logging.INFO)
    library.addHandler(handler)
