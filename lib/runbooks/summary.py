"""Summarise a run in a few lines of Markdown, for an issue or a chat."""

from __future__ import annotations

from lib.archive.record import RunRecord
from lib.runbooks.next_steps import steps_of
from lib.words.pages import render_markdown


def markdown_summary(record: RunRecord, address: str = "") -> str:
    """Return verdict, headline, since when, what it affects and what to do, then all other checks that are not PASS.

    Args:
        record: An ended run.
        address: The address of its report; left out if empty.
    """
    bad = [check for check in record.checks if check.verdict != "PASS"]
    values = {
        "run": record,
        "lead": bad[0] if bad else None,
        "bad": [(check, steps_of(check)) for check in bad],
        "passed": len(record.checks) - len(bad),
        "address": address,
    }
    return render_markdown("report.md.jinja", values)
