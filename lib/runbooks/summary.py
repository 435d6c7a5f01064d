"""A run in a few lines of Markdown, to be pasted into an issue or a chat."""

from __future__ import annotations

from lib.archive.record import RunRecord
from lib.runbooks.next_steps import first_screen, steps_of
from lib.words.pages import render_markdown


def markdown_summary(record: RunRecord, address: str = "") -> str:
    """Verdict, headline, facts, what to do, and each check that is not PASS.

    Args:
        record: A run that has ended.
        address: Of its report; empty: it is not known here.
    """
    bad = [check for check in record.checks if check.verdict != "PASS"]
    values = {
        "run": record,
        "lead": first_screen(record.checks).check,
        "bad": [(check, steps_of(check)) for check in bad],
        "passed": len(record.checks) - len(bad),
        "address": address,
    }
    return render_markdown("report.md.jinja", values)
