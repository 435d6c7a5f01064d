"""Options that several commands share."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

import click

from lib import places
from lib.cli.terminal import redactor
from lib.errors import UserError


def _date(context: click.Context, _parameter: click.Parameter, given: str | tuple[str, ...] | None) -> date | None:
    dates = {_day(context, text) for text in ((given,) if isinstance(given, str) else given or ())}
    if len(dates) > 1:
        raise UserError(f"--date: given as {' and as '.join(map(str, sorted(dates)))}; give one date")
    return next(iter(dates), None)


def _day(context: click.Context, text: str) -> date:
    """Parse a date; ``today`` and ``yesterday`` are days of the environment's time zone, as in a runbook."""
    from lib.environment import load_environment
    from lib.words.dates import DATE_WORDS, checked_game_date, resolve_game_date

    if text not in DATE_WORDS:
        return checked_game_date(text)
    return resolve_game_date(text, load_environment(context.params["environment"]).timezone, now=places.now())


def _batch(_context: click.Context, _parameter: click.Parameter, batch_id: str | None) -> str | None:
    from lib.consolidation.identifiers import checked_batch_id

    return None if batch_id is None else checked_batch_id(batch_id)


def _default_environment() -> str:
    from lib.environment import default_environment

    return default_environment()


# --game-date is the older name. Both names are one option, so that two different dates are noticed.
_date_option = partial(
    click.option,
    "--date",
    "--game-date",
    "game_date",
    multiple=True,
    metavar="YYYY-MM-DD",
    help="The date, in the table's date column; also today or yesterday.",
    callback=_date,
)
_batch_option = partial(click.option, "--batch", "batch_id", metavar="ID", help="The batch's id.", callback=_batch)

# Eager, so that its time zone is known when a date is parsed.
environment = click.option(
    "--env",
    "environment",
    is_eager=True,
    default=_default_environment,
    show_default=False,
    help="Name of a file in params/environments.  [default: local, or the only one]",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line on stdout.")
game_date = _date_option(required=True)
one_game_date = _date_option(required=False)
locked_date = click.argument("game_date", metavar="DATE", callback=_date)
batch = _batch_option(required=True)
one_batch = _batch_option(required=False)
assignments = click.option(
    "-p", "--parameter", "assignments", multiple=True, metavar="KEY=VALUE", help="See `runbook params NAME`."
)

plan = click.option("--plan", metavar="DIGEST", help="Digest of the plan that you reviewed.  [default: show the plan]")
reason = click.option("--reason", help="Why it is safe; kept in the audit record.")

_LONGEST_SECONDS = 7 * 86_400


class NumberRange(click.FloatRange):
    """Like click's FloatRange, but refuses NaN, which compares with no bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number.", param, ctx)
        return number


def seconds(*, zero: bool) -> NumberRange:
    """Return the type of a number of seconds up to a week; `zero` allows 0."""
    return NumberRange(min=0, min_open=not zero, max=_LONGEST_SECONDS)


timeout_seconds = click.option("--timeout-seconds", default=3600.0, show_default=True, type=seconds(zero=False))


def moment(text: str | None, timezone: str) -> datetime | None:
    """Parse a time with `lib.words.dates.moment_of`; return None for an option that was not given."""
    from lib.words.dates import moment_of

    return None if text is None else moment_of(text, timezone)


def echo_json(data: Mapping[str, Any]) -> None:
    """Print one line of JSON on stdout, with secrets masked."""
    click.echo(json.dumps(redactor().data(data), ensure_ascii=False, default=str))


def dated(data: Mapping[str, Any], day: date | None, date_column: str) -> dict[str, Any]:
    """Return a date's figures with the date first, under its column's name.

    Args:
        data: Figures by name.
        day: The date; None is passed on.
        date_column: Name of the date column; replaced by ``date`` if a figure already has that name.
    """
    return {"date" if date_column in data else date_column: day and str(day), **data}


def show_library_log() -> None:
    """Show the library's log lines on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    library = logging.getLogger("lib")
    library.setLevel(logging.INFO)
    library.addHandler(handler)
