"""The head of a notebook is never better than its steps' findings, and always shows a failed cell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from lib.errors import UserError
from lib.verdict.check import Looking, Question
from lib.verdict.findings import Findings
from lib.verdict.head import HEAD, verdict_so_far
from lib.verdict.live import ARCHIVED_VARIABLE
from lib.verdict.section import Section
from lib.verdict.timeline.data import Timeline
from lib.verdict.timeline.drawing import Picture, drawn
from lib.verdict.verdict import Verdict

NOT_YET = "The verdict will appear here once the first step has run."
NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
QUESTIONS = [Question(name, name.title()) for name in ("rows", "locks", "logs")]


class Notebook:
    """A notebook as IPython runs it, and its displays by id."""

    def __init__(self) -> None:
        self.shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
        self.shell.display_pub = self.publisher = CapturingDisplayPublisher()

    def run(self, code: str, cell: str | None = None, **names: Any) -> None:
        self.shell.user_ns.update(names)
        self.shell.run_cell(code, cell_id=cell)

    def displayed(self, kind: str) -> list[str]:
        """The current verdict and timeline."""
        outputs = [each for each in self.publisher.outputs if each["transient"]]
        return list({each["transient"]["display_id"]: each["data"][kind] for each in outputs}.values())

    @property
    def text(self) -> str:
        return self.displayed("text/plain")[0]


@pytest.fixture(scope="module")
def notebook() -> Iterator[Notebook]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HEAD, "_shell", None)  # restored afterwards
        yield Notebook()
        InteractiveShell.clear_instance()


def picture(finding: str) -> Picture:
    return Picture(Timeline(finding, "UTC", NOON, NOON + timedelta(seconds=1), (), ()))


A, B = picture("a"), picture("b")
TEXTS = st.text() | st.just("<script>alert(1)</script>\n" * 99)
CHECKS = st.builds(
    lambda question, verdict, summary, step: question.on({}, [Looking("bq ls")]).answer(verdict, summary, step),
    st.sampled_from(QUESTIONS),
    st.sampled_from(Verdict),
    TEXTS,
    TEXTS | st.just("Look: bq ls"),
)
SECTIONS = st.builds(
    Section,
    st.lists(CHECKS, max_size=3, unique_by=lambda check: check.id).map(tuple),
    st.lists(st.sampled_from([A, B, "a table"]), max_size=2).map(tuple),
    st.sampled_from([(), ("rows",)]),
    st.booleans(),
)
# A step's name and findings. Without them, the setup is run again or the verdict is drawn.
EVENTS = st.lists(st.tuples(st.sampled_from("abc"), SECTIONS) | st.sampled_from(["setup", "verdict"]), max_size=8)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


@given(EVENTS)
def test_the_head_shows_what_the_steps_found_in_any_order(notebook: Notebook, events: list[Any]) -> None:
    older, findings, steps, is_final = Findings(), Findings(), set[str](), False
    notebook.publisher.outputs.clear()
    verdict_so_far()
    for event in events:
        older.add("late", Section((QUESTIONS[0].fails("of a run before"),)))
        if event == "setup":
            findings, older, steps, is_final = Findings(), findings, set(), False
        elif event == "verdict":
            findings.end()
            is_final = True
        else:
            findings.add(*event)
            steps.add(event[0])
            is_final = False
        if not steps and not is_final:
            assert notebook.text == NOT_YET
            continue
        found = findings.conclude()
        so_far = f" so far, {len(steps)} step{'s' * (len(steps) > 1)}"
        assert notebook.text.startswith(f"{found.verdict}{'' if is_final else so_far}: ")
        html, timeline = notebook.displayed("text/html")
        assert timeline in ("", drawn(A.timeline), drawn(B.timeline))
        assert bool(timeline) == (findings.picture is not None)
        tags = Tags()
        tags.feed(html)
        assert tags.seen <= {"div", "b", "span", "code"}
        assert "\n" not in html
        assert len(html) < 10_000


def test_the_timeline_is_that_of_the_deciding_step(notebook: Notebook) -> None:
    verdict_so_far()
    findings = Findings()
    findings.add("bad", Section((QUESTIONS[0].fails("3 missing"),), (A,)))
    findings.add("good", Section((QUESTIONS[1].passes("free"),), (B,)))
    assert notebook.displayed("text/html")[1] == drawn(A.timeline)
    findings.add("bad", Section((QUESTIONS[0].passes("all there"),), (A,)))
    findings.add("good", Section((QUESTIONS[1].passes("free"),), (B,)))
    assert notebook.displayed("text/html")[1] == drawn(B.timeline)


def test_a_failed_cell_stays_on_top_until_it_runs_without_an_error(notebook: Notebook) -> None:
    failing = {
        "step-2": ("raise ValueError('<b>no</b>\\nsuch')", "Stopped by ValueError in step-2: <b>no</b> such"),
        "step-3": ("raise UserError('no such date')", "Stopped: no such date"),
        "step-4": ("1 +", "Stopped by SyntaxError in step-4: invalid syntax"),
        "step-5": ("raise KeyboardInterrupt", "Stopped by KeyboardInterrupt in step-5"),
    }
    passed = Section((QUESTIONS[0].passes("all there"),))
    notebook.run("verdict_so_far()", "head", verdict_so_far=verdict_so_far, Findings=Findings, UserError=UserError)
    notebook.run("findings = Findings(); findings.add('rows', passed);", "step-1", passed=passed)
    for cell, (code, said) in failing.items():
        notebook.run(code, cell)
        first, second = notebook.text.splitlines()
        assert first.startswith(said)
        assert second == "PASS so far, 1 step: Rows: all there"
        html = notebook.displayed("text/html")[0]
        assert html.startswith('<div class="on-top stopped"><div><b>Stopped')
        assert "<b>no" not in html
    notebook.run("findings.end();", "verdict")
    for cell, (_, said) in reversed(failing.items()):
        assert notebook.text.startswith(said)
        notebook.run("pass", cell)
    assert notebook.text == "PASS: Rows: all there"
    notebook.run("raise ValueError")  # as nbconvert runs it: without the cell's id
    assert notebook.text.startswith("Stopped by ValueError\n")
    notebook.run("findings = Findings()", "step-1")
    assert notebook.text == NOT_YET


def test_run_again_it_shows_the_findings_and_in_an_archived_run_nothing(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Findings()
    findings.add("rows", Section((QUESTIONS[0].warns("3 missing", "Look: bq ls"),), (A,)))
    before = len(notebook.publisher.outputs)
    verdict_so_far()
    assert notebook.text == "WARN so far, 1 step: Rows: 3 missing"
    assert [each["update"] for each in notebook.publisher.outputs[before:]] == [False, False, True]
    monkeypatch.setenv(ARCHIVED_VARIABLE, "1")
    before = len(notebook.publisher.outputs)
    verdict_so_far()
    assert len(notebook.publisher.outputs) == before
