"""Changes by runs on the site, each with its undo, which changes nothing by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lib.archive.archive import Archive
from lib.archive.record import RunError, RunRecord, RunStatus
from lib.errors import UserError
from lib.verdict.verdict import Verdict
from tests.runbooks.page import Page
from tests.site.pages import built, text_of
from tests.site.runs import REPAIR, START, UNDO, archive_run, record

HOUR = timedelta(hours=1)
APPROVED = {"game_date": "2026-11-24", "repair": "apply", "plan": "5c81", "reason": "a race"}
RELEASE = replace(REPAIR, action="forced release", what="1 lock released", undo="", note="none is needed")


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def copied(archive: Archive, page: str) -> list[str]:
    """Return the texts that a page's buttons copy."""
    attributes = Page(archive.store.read(page).decode()).attributes
    return [value for name, value in attributes if name == "data-copy"]


def test_lists_distinguish_runs(archive: Archive) -> None:
    run = record(parameters={"game_date": "yesterday", "hours": 24, "repair": "apply"}, changed=(REPAIR, RELEASE))
    archive_run(archive, replace(run, given=("game_date", "repair")))
    page = built(archive)
    recent = page.split("Recent runs", maxsplit=1)[1]
    assert "day1_monitoring local 2026-11-23 · repair=apply" in recent
    assert "CHANGED 15 rows removed · undo The command shows its plan first: Copy" in recent
    assert "CHANGED 1 lock released · no undo none is needed" in recent
    assert "2026-11-24 14:00:00 EST operator" in recent
    for name in ("index.html", "_site/runs.html", "_site/runs/2026-11-1.html", "_site/changes.html"):
        assert UNDO in text_of(archive, name)
        assert set(copied(archive, name)) == {UNDO}, name
    assert UNDO in archive.store.read("_site/runs/2026-11-1.js").decode()


def test_the_audit_page_has_every_change_of_each_environment(archive: Archive) -> None:
    assert "No run has changed anything." in built(archive, "_site/changes.html")
    for number in range(205):
        change = replace(REPAIR, what=f"{number} rows removed")
        archive_run(archive, record(started_at=START - number * HOUR, changed=(change,)))
    archive_run(archive, record(environment="production", started_at=START - 300 * HOUR, changed=(RELEASE,)))
    page = built(archive, "_site/changes.html")
    assert page.index("local 205 changes") < page.index("0 rows removed") < page.index("49 rows removed")
    assert "50 rows removed" not in page
    assert page.index("production 1 change") < page.index("1 lock released forced release of 2026-11-24 · production")
    assert "the race left them ana Undo The command shows its plan first" in page
    parts = {name: text_of(archive, name) for name in archive.store.names("_site/changes")}
    assert sorted(parts) == [f"_site/changes/{part}.html" for part in ("local/1", "local/2", "production/1")]
    assert "Newer" in parts["_site/changes/local/1.html"]
    assert all(
        any(f" {number} rows removed" in part for part in parts.values()) for number in range(205)
    )  # fmt: skip
    assert "All changes: part 2 part 1" in page


@pytest.mark.parametrize(
    "undo",
    [
        "runbook repair apply --game-date 2026-11-24 --plan 5c81 --reason x",
        "runbook run rollback -p lock=on -p plan=5c81 -p reason=x",
        "runbook run rollback; rm -rf ~",
        "runbook run rollback -p 'x=\n' && rm -rf ~",
        "runbook consolidate --batch x --game-date 2026-11-24",
        "rm -rf ~",
        "none is needed: runbook consolidate --batch x",
    ],
)
def test_commands_that_change_something_cannot_be_copied(archive: Archive, undo: str) -> None:
    archive_run(archive, record(Verdict.FAIL, changed=(replace(REPAIR, undo=undo),), next_step=f"Now: {undo}"))
    page = built(archive)
    assert "CHANGED 15 rows removed · no undo" in page
    assert [command for command in copied(archive, "index.html") if command != "runbook run rollback"] == []


@pytest.mark.parametrize(
    ("run", "may_have_changed"),
    {
        "cut short": (record(status=RunStatus.KERNEL_DIED, parameters=APPROVED), True),
        "of an earlier version": (record(parameters=APPROVED), True),
        "refused": (
            record(
                status=RunStatus.FAILED,
                error=RunError("step-3", "PlanOutdated", "it has moved", UserError.exit_code),
                parameters=APPROVED,
            ),
            False,
        ),
        "only shown": (record(parameters={**APPROVED, "plan": "", "reason": ""}), False),
        "broken off": (record(changed=(replace(REPAIR, is_certain=False),)), True),
    }.values(),
)
def test_an_uncertain_change_is_shown_as_such(archive: Archive, run: RunRecord, may_have_changed: bool) -> None:
    archive_run(archive, run)
    assert ("CHANGED?" in built(archive)) == may_have_changed
    assert ("CHANGED?" in text_of(archive, "_site/changes.html")) == may_have_changed


def test_the_feed_marks_runs_that_changed_something(archive: Archive) -> None:
    archive_run(archive, record(changed=(REPAIR,)))
    archive_run(archive, record(started_at=START - HOUR))
    built(archive)
    feed = ElementTree.fromstring(archive.store.read("_site/feed.xml"))  # noqa: S314 - our own file
    newest, other = feed.findall("{*}entry")
    assert [each.attrib["term"] for each in newest.findall("{*}category")] == ["PASS", "CHANGED"]
    assert [each.attrib["term"] for each in other.findall("{*}category")] == ["PASS"]
    assert (newest.findtext("{*}title") or "").endswith("All 3 checks passed · CHANGED: 15 rows removed")
    assert UNDO in (newest.findtext("{*}summary") or "")
