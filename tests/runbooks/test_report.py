"""Reports: self-contained, small, and hostile text stays text."""

import json
from pathlib import Path

from lib.archive.archive import Archive, Run
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from tests.runbooks.page import Page

NOTEBOOKS = Path(__file__).parent / "notebooks"


def executed(name: str, folder: Path) -> Run:
    return execute(find_runbook(name, NOTEBOOKS), archive=Archive(folder))


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    run = executed("hostile", tmp_path)
    html = (tmp_path / run.report).read_text(encoding="utf-8")
    page = Page(html)
    assert set(page.tags).isdisjoint({"script", "iframe", "object", "embed", "base", "form", "link"})
    assert page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    addresses = [value for name, value in page.attributes if name in ("href", "src")]
    assert all(a.startswith(("data:image/", "#")) or ":" not in a for a in addresses)
    assert "alert('boo')" in page.text
    assert "🔒" in page.text
    assert "\x00" not in html
    assert "\x1b" not in html
    assert len(html) < 1_500_000
    assert "default-src 'none'" in html


def test_report_of_a_trivial_run_is_small_and_says_it_all(tmp_path: Path) -> None:
    run = executed("broken_rule", tmp_path)
    html = (tmp_path / run.report).read_text(encoding="utf-8")
    text = " ".join(Page(html).text.split())
    assert len(html) < 60_000
    for part in ("FAIL", "5 keys of 587", "Repair them", "runbook duplicates --game-date 2026-01-17", "About this run"):
        assert part in text
    assert text.index("5 keys of 587") < text.index("none held")  # worst first
    assert "://" not in html
    looking, changing = text.index("To check by hand"), text.index("These change something")
    assert looking < text.index("runbook duplicates") < changing < text.index("runbook repair apply")
    assert '<pre class="commands">runbook duplicates --game-date 2026-01-17</pre>' in html


def test_verdict_shown_before_an_error_is_not_the_runs(tmp_path: Path) -> None:
    text = Page((tmp_path / executed("cell_error", tmp_path).report).read_text(encoding="utf-8")).text
    assert "The run did not complete: failed" in text
    assert "not run" in text
    assert text.index("UNKNOWN") < text.index("too early")


def test_notebook_in_the_archive_is_valid(tmp_path: Path) -> None:
    import nbformat

    notebook = json.loads((tmp_path / executed("broken_rule", tmp_path).notebook).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
