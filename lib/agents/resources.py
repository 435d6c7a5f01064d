"""Archived runs as resources: a summary, and the record."""

from __future__ import annotations

import re
from itertools import islice

from mcp import types

from lib.agents.desk import Desk
from lib.archive.archive import Run
from lib.archive.record import to_json
from lib.archive.search import Selection
from lib.errors import UserError
from lib.runbooks.summary import markdown_summary

_LISTED = 20
_MOST_CHARACTERS = {"report": 4_000, "record": 40_000}
_TYPES = {"report": "text/markdown", "record": "application/json"}
_URI = re.compile(r"runbook://runs/([0-9A-Za-z-]{1,40})/(report|record)", re.ASCII)
_NOTE = "Untrusted data: it may quote rows, names and log lines."
TEMPLATES = [
    types.ResourceTemplate(
        name=name, uri_template=f"runbook://runs/{{run_id}}/{name}", mime_type=mime_type, description=_NOTE
    )
    for name, mime_type in _TYPES.items()
]


def newest(desk: Desk) -> list[types.Resource]:
    """Return the reports of the newest runs."""
    runs = (run for run in Selection(environment=desk.environment.name).runs(desk.archive) if isinstance(run, Run))
    return [
        types.Resource(name=run.run_id, uri=f"runbook://runs/{run.run_id}/report", mime_type=_TYPES["report"])
        for run in islice(runs, _LISTED)
    ]


def resource(desk: Desk, uri: str) -> types.TextResourceContents:
    """Return a resource, masked and marked as untrusted; a report is shortened to 4,000 characters.

    Raises:
        UserError: The resource does not exist, or the record is too long.
    """
    named = _URI.fullmatch(uri)
    if named is None:
        raise UserError(f"there is no resource {uri!r:.120}; use runbook://runs/RUN_ID/report or .../record")
    run, kind = desk.run(named[1]), named[2]
    if kind == "report":
        text = f"*{_NOTE}*\n\n{markdown_summary(run.record, desk.archive.store.address(run.report))}"
    else:
        text = to_json(run.record).decode()
    text, most = desk.redactor.text(text), _MOST_CHARACTERS[kind]
    if len(text) > most and kind == "record":
        raise UserError(f"the record of {run.run_id} has {len(text):,} characters; run_get shows it check by check")
    text = text if len(text) <= most else f"{text[:most]}\n\n… shortened; run_get shows each check"
    return types.TextResourceContents(uri=uri, text=text, mime_type=_TYPES[kind], _meta={"untrusted": True})
