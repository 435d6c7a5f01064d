"""Every question of the runbooks has what a bad answer affects, and whether it can wait."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from lib.places import ROOT

# A trial's result is not an incident; its claim has the reason why it matters.
CLAIMS = "proving/claims.py"


def questions() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield file and line of each question in `lib.operations`, with the source of its keyword arguments."""
    operations = ROOT / "lib" / "operations"
    for path in sorted(operations.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Question":
                given = {keyword.arg or "": ast.unparse(keyword.value) for keyword in node.keywords}
                yield f"{path.relative_to(operations)}:{node.lineno}", given


def test_every_question_has_affects_and_can_wait() -> None:
    found = [(place, given) for place, given in questions() if not place.startswith(CLAIMS)]
    assert len(found) > 50
    assert [place for place, given in found if {"affects", "can_wait"} - given.keys()] == []
    assert [place for place, given in found if "''" in given.values()] == []
