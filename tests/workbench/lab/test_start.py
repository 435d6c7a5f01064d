"""JupyterLab's start page: shown even if checks fail, and free of hostile text."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from urllib.parse import unquote

import nbformat
import pytest

from lib.archive.archive import Archive
from lib.errors import UserError
from lib.runbooks.catalogue import runbooks
from lib.verdict.verdict import Verdict
from lib.workbench.lab.asked import Asked
from lib.workbench.lab.folder import LabFolder, lab_folder, prepare
from lib.workbench.lab.start import page, start
from tests.site.runs import HOSTILE, archive_run, record

PATIENT = 60.0


class Seen(HTMLParser):
    """Parses a page: its text by cell or paragraph, its tags and its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = [""]
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [unquote(value or "") for name, value in attrs if name == "href"]
        if tag in ("p", "tr", "h1"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += " ".join(data.split()) + " "


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabFolder]:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    library = logging.getLogger("lib")
    handlers = list(library.handlers)
    lab = lab_folder("local")
    prepare(lab)
    yield lab
    library.handlers[:] = handlers


def line(seen: Seen, beginning: str) -> str:
    (found,) = [text for text in seen.texts if beginning in text]
    return found


def test_an_empty_project_is_shown_with_each_notebook_and_when_to_run_it(folder: LabFolder) -> None:
    seen = Seen(start("local", wait_seconds=PATIENT).html)
    assert "nba_predictions.player_prop_predictions" in line(seen, "Environment")
    assert "Locks" in line(seen, "Locks ")
    assert line(seen, "Duplicates ").startswith(("UNKNOWN", "WARN"))
    assert [link for link in seen.links if "(" not in link] == [f"{each.name}.ipynb" for each in runbooks()]
    assert all((folder.path / link).is_file() for link in seen.links)
    readers = line(seen, "Where do the duplicates come from?")
    assert readers.startswith("when a check reports duplicate keys, or when readers see rows twice")
    assert readers.rstrip().endswith("not run yet")


def test_runbooks_with_bad_last_verdicts_come_first() -> None:
    archive = Archive()
    archive_run(archive, record(Verdict.PASS, runbook="deploy_verify"))
    archive_run(archive, record(Verdict.FAIL, runbook="rollback", headline="5 duplicate keys"))
    seen = Seen(start("local", wait_seconds=PATIENT).html)
    titles = [text for text in seen.texts if "ago:" in text]
    assert ["FAIL , " in titles[0], "PASS , " in titles[1]] == [True, True]
    assert titles[0].rstrip().endswith("ago: 5 duplicate keys")


def test_a_failed_check_shows_why_and_the_rest_is_shown(tmp_path: Path, folder: LabFolder) -> None:
    (tmp_path / "outputs").write_text("a file")
    (tmp_path / "home" / "warehouse.duckdb").write_text("damaged")
    (tmp_path / "home" / "locks.sqlite").write_text("damaged" * 100)
    seen = Seen(start("local", wait_seconds=PATIENT).html)
    for beginning in ("Locks ", "Duplicates ", "Last runs:"):
        assert "could not " in line(seen, beginning)
    assert {f"{each.name}.ipynb" for each in runbooks()} <= {*seen.links}


def test_a_check_that_does_not_answer_is_not_waited_for() -> None:
    go_on = threading.Event()
    began = monotonic()
    asked = Asked("Locks", go_on.wait)
    assert str(asked.result(monotonic())).startswith("could not check: no answer within 0")
    assert monotonic() - began < PATIENT
    go_on.set()
    assert asked.result(monotonic() + PATIENT) is True


@pytest.mark.parametrize("text", [*HOSTILE, "[a](http://evil.example) runbook run rollback -p lock='<b>'"])
def test_hostile_text_makes_no_link_and_no_markup(text: str) -> None:
    archive_run(Archive(), record(Verdict.FAIL, headline=text, next_step=text))
    seen = Seen(start("local", wait_seconds=PATIENT).html)
    assert seen.tags <= {"style", "h1", "h2", "p", "b", "span", "code", "table", "tr", "th", "td", "a", "br"}
    assert seen.attributes <= {"class", "href"}
    assert all(link.endswith(".ipynb") and "evil" not in link for link in seen.links)


def test_it_is_a_notebook_that_updates_when_run() -> None:
    notebook = nbformat.from_dict(page("local", wait_seconds=PATIENT))  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    (cell,) = notebook.cells
    found: dict[str, object] = {}
    exec(cell.source.replace("start(", "again = start("), found)  # noqa: S102 - our own cell
    again = str(found["again"]._repr_html_())  # type: ignore[attr-defined]
    assert Seen(again).links == Seen(cell.outputs[0].data["text/html"]).links


def test_an_unknown_environment_is_refused() -> None:
    with pytest.raises(UserError, match="no environment 'nope'"):
        start("nope")
