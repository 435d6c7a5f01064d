"""Every command on a page is one that the command line takes; blocks in Python, YAML and JSON can be read."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.commands import commands_in, fault_of
from tests.docs.pages import SHELLS, Block, blocks_of, name_of, pages, prose_of

_MENTIONED = re.compile(r"`(runbook [^`]+)`")
PAGES = [pytest.param(page, id=name_of(page)) for page in pages()]


def shown(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of the page's blocks, with its place."""
    for block in blocks_of(page, *SHELLS):
        for line in block.lines:
            if "runbook" in line:
                yield from ((f"{block.place}: {line.strip()}", words) for words in commands_in(line))


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_block_is_taken(page: Path) -> None:
    commands = list(shown(page))
    written = [words[1] for _, words in commands if words[:1] == ["new"] and len(words) > 1]
    faults = [f"{place}: {fault}" for place, words in commands if (fault := fault_of(words, written=written))]
    assert faults == []


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_sentence_is_taken(page: Path) -> None:
    commands = [
        words for found in _MENTIONED.finditer(prose_of(page)) for words in commands_in(" ".join(found[1].split()))
    ]
    assert [
        f"runbook {' '.join(words)}: {fault}" for words in commands if (fault := fault_of(words, mentioned=True))
    ] == []


@pytest.mark.parametrize(
    ("line", "words", "fault"),
    [
        ("runbook run day1_monitoring -p hours=48  # exit 0", ["run", "day1_monitoring", "-p", "hours=48"], ""),
        ("PLAN=$(runbook repair plan --date DATE | tail -1)", ["repair", "plan", "--date", "DATE"], ""),
        ("runbook run NAME -p KEY=VALUE > out.txt && echo", ["run", "NAME", "-p", "KEY=VALUE"], ""),
        ("runbook run day1_monitoring -p ours=48", None, "no parameter 'ours'"),
        ("runbook run day1_monitor", None, "no runbook 'day1_monitor'"),
        ("runbook run day1_monitoring --jbos 4", None, "No such option"),
        ("runbook run day1_monitoring --jobs many", None, "not a valid integer"),
        ("runbook locks remove 2026-01-17", None, "there is no command remove"),
        ("runbook drill no_such_drill", None, "no_such_drill"),
        ("runbook stage --batch b", None, "lacks FILE"),
    ],
)
def test_what_is_taken(line: str, words: list[str] | None, fault: str) -> None:
    [found] = commands_in(line)
    assert words in (None, found)
    said = fault_of(found)
    assert fault in said if fault else said == ""


def read(block: Block) -> None:
    """Read it as its language.

    Raises:
        Exception: It cannot be read.
    """
    if block.language == "python":
        compile(block.text, block.place, "exec")
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("lib"):
                module = importlib.import_module(str(node.module))
                assert [name.name for name in node.names if not hasattr(module, name.name)] == [], block.place
    elif block.language == "json":
        json.loads(block.text)
    else:
        yaml.safe_load(block.text)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_in_a_language_can_be_read(page: Path) -> None:
    for block in blocks_of(page, "python", "json", "yaml"):
        read(block)
