"""README.md's table of runbooks, made from the notebooks: ``python -m tests.house.readme`` renews it."""

from __future__ import annotations

from lib.places import ROOT
from lib.runbooks.catalogue import Runbook, runbooks

README = ROOT / "README.md"
_START, _END = "## The runbooks\n\n", "\n\nA verdict is"


def table() -> str:
    """Return the table with a row per runbook: name, question, what it does, and what it may change."""
    rows = [f"| `{each.name}` | {each.title} | {each.purpose} | {_changes(each)} |" for each in runbooks()]
    return "\n".join(["| runbook | asks | does | changes |", "| --- | --- | --- | --- |", *rows])


def _changes(runbook: Runbook) -> str:
    return "what you name, with its plan" if any(each.name == "plan" for each in runbook.parameters) else "nothing"


def renewed(text: str) -> str:
    """Return the README with the table up to date."""
    before, start, rest = text.partition(_START)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ValueError("README.md has lost the heading before its table of runbooks, or the text after it")
    return "".join((before, start, table(), end, after))


if __name__ == "__main__":
    README.write_text(renewed(README.read_text(encoding="utf-8")), encoding="utf-8")
