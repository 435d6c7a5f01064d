"""A command in a next step links to the next notebook, and hostile text stays harmless."""

import ast
import shlex
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.embedded.commands import EmbeddedCommands
from lib.runbooks.report import render_cells
from lib.verdict.check import Question
from lib.verdict.conclusion import conclude, next_step_html
from lib.verdict.live import SESSION_VARIABLE
from lib.verdict.section import Table
from lib.words.quantities import spoken_seconds
from lib.words.runbook_commands import NextRunbook, parts_of


def found(text: str) -> list[NextRunbook]:
    return [part for part in parts_of(text) if isinstance(part, NextRunbook)]


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SESSION_VARIABLE, "notebooks/day1_monitoring.ipynb")


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}_id", fullmatch=True), st.text(), max_size=3))
def test_a_runbook_command_is_found_with_its_parameters(parameters: dict[str, str]) -> None:
    spaced = {name: " ".join(value.replace("\\", "").split()) for name, value in parameters.items()}
    command = EmbeddedCommands("production").run("day1_monitoring", spaced)
    (following,) = found(f"Look there: {command}")
    assert shlex.split(following.command) == shlex.split(command)
    assigned = {}
    for line in following.parameters:
        (statement,) = ast.parse(line).body
        assert isinstance(statement, ast.Assign)
        assigned[ast.unparse(statement.targets[0])] = str(ast.literal_eval(statement.value))
    assert assigned.keys() == {*spaced, "environment"}
    assert assigned["environment"] == "production"


@given(st.text())
def test_no_sentence_loses_a_letter(text: str) -> None:
    whole = [part.command if isinstance(part, NextRunbook) else part for part in parts_of(text)]
    assert "".join(whole) == text


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("See who holds it: runbook run stuck_lock_release; if nobody does, roll back", "stuck_lock_release"),
        ("Ask again (runbook run day1_monitoring -p game_date=2026-01-17).", "day1_monitoring -p game_date=2026-01-17"),
        ("Look: runbook run deploy_verify --env staging.", "deploy_verify --env staging"),
        ("runbook run a -p 'never closed", "a"),
        (r'runbook run a -p b="never closed\" either', "a -p b="),
        ("Undo: runbook run rollback -p revision=a=60,b=40, or ask.", "rollback -p revision=a=60,b=40"),
        ("Look: runbook run a -p b=etc. --env staging", "a -p b=etc. --env staging"),
    ],
)
def test_a_command_ends_where_the_sentence_continues(text: str, command: str) -> None:
    assert [following.command for following in found(text)] == [f"runbook run {command}"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)


@given(st.text().map(lambda text: f"{text} runbook run x -p a='<script>{text}"))
def test_a_next_step_is_inert(text: str) -> None:
    tags = _Tags()
    tags.feed(next_step_html(text))
    assert set(tags.seen) <= {"code"}


def test_jupyterlab_shows_a_link_and_lines_to_paste(live: None) -> None:
    step = "Find the cause: runbook run duplicate_diagnosis -p game_date=2026-01-17 -p 'reason=<b>'"
    html = conclude([Question("duplicates", "Duplicates").fails("5 keys", step)])._repr_html_()
    assert '<a href="duplicate_diagnosis.ipynb">' in html
    assert "<pre>game_date = &quot;2026-01-17&quot;\nreason = &quot;&lt;b&gt;&quot;</pre>" in html


def test_a_table_is_sorted_by_value_and_only_in_jupyterlab(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(spoken_seconds(seconds), 1_234.5) for seconds in (250.0, 8.2)] * 40
    table = Table("Consolidations", ("Took", "Rows"), rows)
    archived = table._repr_html_()
    assert (archived.count("<tr>"), "<script>" in archived, "<style>" in archived) == (51, False, False)
    monkeypatch.setenv(SESSION_VARIABLE, "notebooks/day1_monitoring.ipynb")
    seen = table._repr_html_()
    assert (seen.count("<tr>"), seen.count("<script>")) == (81, 1)
    assert '<td class="number" data-sort="250.0">4 min 10 s</td>' in seen
    assert '<td class="number" data-sort="1234.5">1,234.5</td>' in seen


def test_a_report_of_a_notebook_saved_in_jupyterlab_runs_no_script(live: None) -> None:
    html = Table("Rows", ("a",), [(1,)])._repr_html_()
    output = {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}
    cell = {"id": "a", "cell_type": "code", "source": "x", "metadata": {}, "outputs": [output]}
    (rendered,) = render_cells({"cells": [cell]}, with_verdicts=False)
    assert str(rendered.outputs[0]) == (
        '<div class="rich" tabindex="0" role="group" aria-label="Rows"><table class="data"><caption>Rows</caption>'
        '<thead><tr><th scope="col" class="number">a</th></tr></thead>'
        '<tbody><tr><td class="number">1</td></tr></tbody></table></div>'
    )
