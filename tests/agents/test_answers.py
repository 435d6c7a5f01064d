"""Answers of tools, read by the SDK's own client, which checks their schemas: bounded, and complete over pages."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import types
from mcp.client import Client
from mcp.shared.exceptions import MCPError

from lib.agents.answers import MOST_TOKENS, Answer, EvidenceItem, Found, Untrusted, compact, fitted
from lib.agents.desk import Desk
from lib.agents.server import server
from lib.archive.archive import Archive
from lib.environment import load_environment, redactor_of
from lib.platform import Platform
from lib.ports.jobs import ReadBudget
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from tests.agents.conftest import PLEA
from tests.agents.pipe import tokens
from tests.hostile.hostile import FRAGMENTS
from tests.operations.changes.actions import everything
from tests.site.runs import START, archive_run, record

NOTHING = redactor_of(None)
DAY = "2026-01-17"
anything = st.text(max_size=900) | st.sampled_from([text[:5_000] for text in FRAGMENTS.values()]).map(str)


@given(
    st.lists(
        st.builds(EvidenceItem, what=anything, values=st.dictionaries(anything, anything, max_size=5)), max_size=9
    ),
    anything,
)
def test_an_answer_is_bounded_and_its_pages_contain_every_item(items: list[EvidenceItem], headline: str) -> None:
    answer = Answer[EvidenceItem](untrusted=Untrusted(headline=headline))
    cursor, seen = 0, 0
    while True:
        data = fitted(Found(answer, items, cursor), NOTHING)
        text = compact(data)
        text.encode()
        assert tokens(text) <= MOST_TOKENS
        assert "\\n" not in json.dumps(data)
        Answer[EvidenceItem].model_validate(data)
        seen += len(data["untrusted"]["items"])
        if "next_cursor" not in data:
            break
        assert data["next_cursor"] > cursor
        cursor = data["next_cursor"]
    assert seen == len(items)


@pytest.fixture
def desk(table: Platform, tmp_path: Path) -> Desk:
    """A desk with two archived runs, the later one worse, and a third in another environment."""
    archive = Archive(tmp_path / "outputs")
    of_local = replace(record(), environment="local", runbook="day1_monitoring", parameters={}, verdict=Verdict.PASS)
    question = Question("duplicates", "Duplicates", {f"label {number}": "x" * 300 for number in range(50)})
    for checks in ((question.passes("none"),), (question.fails(f"5 keys; {PLEA}", f"{PLEA}\nnow"),)):
        archive_run(archive, replace(of_local, checks=checks, verdict=checks[0].verdict, headline=checks[0].summary))
    archive_run(archive, replace(of_local, environment="other"))
    archive_run(archive, replace(of_local, runbook=PLEA, started_at=START - timedelta(days=9)))
    return Desk(load_environment("local"), ReadBudget(0))


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_runbooks", {}),
    ("list_runbooks", {"runbook": "rollback"}),
    ("status", {}),
    ("runs_search", {}),
    ("runs_search", {"text": "INSTRUCTIONS", "verdict": "FAIL"}),
    ("runs_search", {"since": "2999-01-01"}),
    ("run_get", {"run_id": "LATER"}),
    ("run_get", {"run_id": "LATER", "check": "duplicates"}),
    ("run_get", {"run_id": "PLEA"}),
    ("runs_diff", {"run_id": "LATER", "before": "EARLIER"}),
    ("locks", {}),
    ("timeline", {"date": DAY}),
    ("timeline", {"hours": 1}),
    ("explain", {"date": DAY}),
    ("explain", {"date": DAY, "key": {"player_lookup": "player0"}}),
    ("plan_get", {"change": "repair", "date": DAY}),
    ("plan_get", {"change": "repair", "date": "2026-01-01"}),
    ("plan_get", {"change": "cleanup", "batch": "batch_2026-01-17_1"}),
    ("plan_get", {"change": "release_lock", "date": DAY, "steal": True}),
]
REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("look", {"runbook": "rollback", "parameters": {"hours": "x"}}, "wrong_request", "is not a number"),
    ("look", {"runbook": "rollback", "parameters": {"environment": "other"}}, "wrong_request", "--env"),
    ("look", {}, "wrong_request", "runbook: Field required"),
    ("look", {"runbook": "rollback", "parameters": {"service": "a\0b"}}, "wrong_request", "a command line cannot"),
    ("run_get", {"run_id": "OTHER"}, "wrong_request", "does not belong to environment local"),
    ("run_get", {"run_id": "LATER", "check": "duplicate"}, "wrong_request", "did you mean duplicates?"),
    ("runs_diff", {"run_id": "EARLIER"}, "could_not_look", "name the run to compare with"),
    ("explain", {"date": "soon"}, "wrong_request", "soon"),
    ("explain", {"date": DAY, "key": {"colour": "red"}}, "wrong_request", "colour"),
    ("plan_get", {"change": "repair"}, "wrong_request", "repair needs date"),
    ("plan_get", {"change": "undo_repair", "date": DAY, "backup": "x"}, "wrong_request", "x"),
    ("plan_get", {"change": "apply"}, "wrong_request", "repair"),
    ("locks", {"cursor": -1}, "wrong_request", "cursor"),
    ("runs_search", {"text": "x" * 20_000}, "wrong_request", "shorten them"),
]


def test_every_tool_answers_to_its_schema_and_changes_nothing(desk: Desk, table: Platform) -> None:
    before = everything(table)
    ids = ids_of(desk)

    async def ask() -> None:
        async with Client(server(desk)) as client:
            listed = (await client.list_tools()).tools
            assert len(listed) == 10
            words = [tool.model_dump_json(by_alias=True, exclude_none=True) for tool in listed]
            assert tokens("".join(words)) < 6_000  # paid once per session
            for name, arguments in CALLS:
                answer = await client.call_tool(name, named(arguments, ids))  # checks the schema
                assert not answer.is_error, answer.content
                assert tokens(text_of(answer)) <= MOST_TOKENS, name
                assert "CANARY" not in text_of(answer)
                facts = {key: value for key, value in (answer.structured_content or {}).items() if key != "untrusted"}
                assert "IGNORE" not in json.dumps(facts)
            for name, arguments, kind, expected in REFUSED:
                answer = await client.call_tool(name, named(arguments, ids))
                data = json.loads(text_of(answer))
                assert (answer.is_error, data["error"]) == (True, kind), (name, data)
                assert expected in data["untrusted"]["headline"]

    anyio.run(ask)
    assert everything(table) == before


def test_only_runs_of_this_environment_are_resources(desk: Desk) -> None:
    ids = ids_of(desk)

    async def ask() -> None:
        async with Client(server(desk)) as client:
            listed = (await client.list_resources()).resources
            assert "IGNORE" not in "".join(one.model_dump_json() for one in listed)
            assert [str(one.uri) for one in listed[:2]] == [
                f"runbook://runs/{ids[name]}/report" for name in ("LATER", "EARLIER")
            ]
            assert len((await client.list_resource_templates()).resource_templates) == 2
            [report] = (await client.read_resource(f"runbook://runs/{ids['LATER']}/report")).contents
            [whole] = (await client.read_resource(f"runbook://runs/{ids['LATER']}/record")).contents
            assert isinstance(report, types.TextResourceContents)
            assert isinstance(whole, types.TextResourceContents)
            assert json.loads(whole.text)["run_id"] == ids["LATER"]
            assert (report.meta, whole.meta) == ({"untrusted": True}, {"untrusted": True})
            assert "CANARY" not in report.text + whole.text
            for wrong in (f"runbook://runs/{ids['OTHER']}/report", "runbook://runs/../report", "file:///etc/passwd"):
                with pytest.raises(MCPError, match="untrusted"):
                    await client.read_resource(wrong)

    anyio.run(ask)


def ids_of(desk: Desk) -> dict[str, str]:
    of_local, other = ([place.rsplit("/", 1)[1] for place in desk.archive.places(name)] for name in ("local", "other"))
    return {"LATER": of_local[0], "EARLIER": of_local[1], "PLEA": of_local[2], "OTHER": other[0]}


def named(arguments: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    return {name: ids.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}


def text_of(answer: types.CallToolResult) -> str:
    [content] = answer.content
    assert isinstance(content, types.TextContent)
    return content.text
