"""A report's first screen: read-only and changing commands are separate, and each check has its step."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, date, datetime
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from lib.archive.record import RunError, RunRecord, RunStatus, from_json, to_json
from lib.embedded.commands import EmbeddedCommands
from lib.runbooks.markup import sanitised, with_whole_cells
from lib.runbooks.next_steps import ending_at_its_reason, first_screen, steps_of
from lib.runbooks.report_page import TIMELINE, pictures, render_report
from lib.runbooks.summary import markdown_summary
from lib.verdict.check import Changing, Check, Looking, Question
from lib.verdict.section import ANSWERS_TYPE
from lib.verdict.verdict import Verdict
from lib.words.pages import as_code
from lib.words.text import one_line
from tests.runbooks.page import Page
from tests.site.runs import HOSTILE, record

COMMANDS = EmbeddedCommands("staging")
LOCKS = Question("locks", "Locks", affects="consolidations: they wait", can_wait="yes")
LOOK, CHANGE = Looking("bq ls --jobs"), Changing("bq cancel job")


def run_of(*checks: Check) -> RunRecord:
    return replace(record(checks[0].verdict, headline=checks[0].summary), checks=checks)


def cell(id_: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    shown = [{"output_type": "display_data", "metadata": {}, "data": data} for data in outputs]
    return {"cell_type": "code", "id": id_, "source": f"{id_}()", "metadata": {}, "outputs": shown}


def answers(*ids: str) -> dict[str, Any]:
    return {ANSWERS_TYPE: list(ids), "text/html": f"<p class='check'>said of {', '.join(ids)}</p>"}


def text_of_report(run: RunRecord, *cells: dict[str, Any]) -> str:
    return " ".join(Page(render_report(run, {"cells": list(cells)})).text.split())


def test_a_next_step_is_split_into_words_and_commands() -> None:
    run = COMMANDS.run("deploy_verify")
    check = LOCKS.on({}, [LOOK]).fails("1", f"First look: {LOOK}; then do it ({CHANGE}), or verify: {run}.", [CHANGE])
    found = [(step.words, step.command, step.changes, step.runbook) for step in steps_of(check)]
    assert found == [
        ("First look", LOOK, False, ""),
        ("then do it", CHANGE, True, ""),
        ("or verify", run, False, "deploy_verify"),
    ]
    assert [step.words for step in steps_of(LOCKS.fails("1", "Ask the owner."))] == ["Ask the owner."]


def test_the_first_step_never_changes_anything() -> None:
    plan = COMMANDS.run_plan("repair", {"date": "2026-01-17"}, plan="3f9a", reason="why it is safe")
    first = first_screen((LOCKS.on({}, [LOOK]).fails("1", f"Apply it: {plan}"), LOCKS.warns("2")))
    assert first.look
    assert (first.look.command, [step.command for step in first.changes]) == (LOOK, [plan])
    assert first_screen((LOCKS.passes("well"),)).check is None
    planned = first_screen((LOCKS.passes("well"), LOCKS.passes("planned", f"Apply the plan: {plan}")))
    assert (planned.look, len(planned.changes)) == (None, 1)


@given(st.text().map(lambda text: " ".join(text.replace("\\", "").split())))
def test_a_changing_command_is_copied_up_to_its_reason(reason: str) -> None:
    plan = COMMANDS.run_plan("repair", {"date": "2026-01-17"}, plan="3f9a", reason=reason)
    if "'" not in reason:
        assert (
            ending_at_its_reason(plan) == "runbook run repair -p date=2026-01-17 -p plan=3f9a --env staging -p reason="
        )
    release = COMMANDS.changing("locks", "release", "x", "--plan", "3f9a", "--reason", "why it is safe")
    assert ending_at_its_reason(release) == "runbook locks release x --plan 3f9a --env staging --reason="
    assert shlex.split(ending_at_its_reason(release) + "'mine'")[-1] == "--reason=mine"


@pytest.mark.parametrize(
    ("since", "kept"),
    [
        (None, ""),
        (datetime(2026, 1, 17, 14, 3, 22, 9, tzinfo=UTC), "2026-01-17T14:03:22+00:00"),
        (date(2026, 1, 17), "2026-01-17"),
        ("the last deployment", "the last deployment"),
    ],
)
def test_only_a_bad_answer_shows_since_when_and_whether_it_can_wait(since: Any, kept: str) -> None:
    bad = LOCKS.fails("1 stuck", since=since)
    assert (bad.since, bad.affects, bad.can_wait) == (kept, "consolidations: they wait", "yes")
    well = LOCKS.answer(Verdict.PASS, "free", since=since)
    assert (well.since, well.affects, well.can_wait) == ("", "", "")
    assert LOCKS.unknown("could not look").can_wait == "unknown until this has an answer"
    (read,) = from_json(to_json(run_of(bad))).checks
    assert read == bad


def test_times_are_in_the_environments_zone() -> None:
    text = text_of_report(run_of(LOCKS.fails("1 stuck", since=datetime(2026, 1, 17, 14, tzinfo=UTC))))
    assert "Since 2026-01-17 09:00:00 EST Affects consolidations: they wait Safe to wait? yes" in text
    assert "UTC" not in text
    assert "Since then" in text_of_report(run_of(LOCKS.fails("1 stuck", since="then")))


def test_head_and_form_are_left_out_unless_the_run_stopped_there() -> None:
    run = run_of(LOCKS.fails("1 stuck"))
    cells = [cell(id_, {"text/plain": f"said by {id_}"}) for id_ in ("head", "form", "setup")]
    assert [name for name in ("head", "form", "setup") if f"{name}()" in text_of_report(run, *cells)] == ["setup"]
    failed = replace(run, status=RunStatus.FAILED, checks=(), error=RunError("form", "ValueError", "no such widget"))
    text = text_of_report(failed, *cells)
    assert ("said by head" in text, "said by form" in text, "said by setup" in text) == (False, True, True)


def test_each_check_finds_the_last_step_that_answered_it() -> None:
    first = cell("step-1", answers("locks", "rows"), {"text/html": "<p>as it was</p>"})
    last = cell("step-2", answers("locks"), {"text/html": "<p>as it is now</p>"})
    checks = (LOCKS.fails("1 stuck"), Question("rows", "Rows").passes("all there"))
    text = text_of_report(run_of(*checks), first, last)
    assert text.index("as it is now") < text.index("all there") < text.index("as it was") < text.index("The notebook")
    assert text.count("as it is now") == text.count("as it was") == 1
    assert "said of" not in text


def test_a_notebook_that_does_not_name_its_answers_is_complete() -> None:
    old = cell("step-1", {"text/html": "<p class='check'>FAIL of then</p>"}, {"text/html": "<p>the old rows</p>"})
    hostile = cell("step-2", {ANSWERS_TYPE: {"locks": 1}, "text/html": "<p>b</p>"}, {ANSWERS_TYPE: [None, ["locks"]]})
    text = text_of_report(run_of(LOCKS.fails("1 stuck")), old, hostile)
    assert text.index("The notebook") < text.index("FAIL of then") < text.index("the old rows")


def test_the_picture_is_the_timeline_of_the_step_that_decided() -> None:
    drawing, lanes = {"image/svg+xml": "<svg/>"}, {TIMELINE: {}, "text/html": "<p>lanes</p>"}
    cells = [cell("a", drawing), cell("b", answers("locks"), drawing, lanes), cell("c", lanes)]

    def cell_of_picture(count: int, decisive: Check | None) -> list[str]:
        return [cell_id for _, cell_id in pictures({"cells": cells[:count]}, decisive)]

    stuck = LOCKS.fails("1 stuck")
    assert (cell_of_picture(3, stuck), cell_of_picture(3, None)) == (["b"], ["c"])
    assert (cell_of_picture(1, stuck), cell_of_picture(0, stuck)) == (["a"], [])
    text = text_of_report(run_of(stuck), *cells)
    # The drawing is never trusted, and its data is invalid; the words in the style sheet are not a timeline.
    assert text.count("A timeline is not shown because its data is invalid.") == 2


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_does_not_break_out_of_markdown_or_the_page(text: str) -> None:
    question = Question("locks", text, {}, [Looking(text)], affects=text, can_wait=text)
    step = f"{text} {COMMANDS.run('day1_monitoring', {'lock': text})}"
    run = run_of(question.fails(text, step, [Changing(text)], since=text))
    page = Page(render_report(run, {"cells": []}))
    assert page.tags.count("script") == 1
    assert set(page.tags).isdisjoint({"img", "svg onload", "iframe"})
    html = MarkdownIt("commonmark").render(markdown_summary(run, text))
    shown = Page(html)
    assert set(shown.tags) <= {"p", "strong", "ul", "li", "code"}


@given(st.text())
def test_a_code_span_shows_exactly_its_text(text: str) -> None:
    shown = Page(MarkdownIt("commonmark").render(as_code(text)))
    assert one_line(shown.text) == one_line(text) or not one_line(text)
    assert set(shown.tags) <= {"p", "code"}


@given(st.text(alphabet=st.sampled_from("<>&\"'-= ab1/\n")))
def test_keeping_words_whole_adds_no_tags_from_the_text(text: str) -> None:

    table = (
        f'<table><tr><td class="long" title="{escape(text)}">{escape(text)}</td><th>{escape(text)}</th></tr></table>'
    )
    clean = sanitised(table)
    before, after = Page(str(clean)), Page(str(with_whole_cells(clean)))
    assert after.text == before.text
    assert [tag for tag in after.tags if tag != "span"] == before.tags
    assert [each for each in after.attributes if each != ("class", "whole")] == before.attributes
