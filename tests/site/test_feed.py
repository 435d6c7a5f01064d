"""The feed is Atom (RFC 4287) whatever the runs say, and its entries keep their ids."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID
from xml.etree import ElementTree

from lib.archive.archive import Archive
from lib.archive.record import RunStatus
from lib.site.build import build_site
from lib.verdict.verdict import Verdict
from tests.site.runs import HOSTILE, HOSTILE_RUNBOOKS, START, archive_run, many_runs, record

ATOM = "{http://www.w3.org/2005/Atom}"


def feed_of(archive: Archive) -> ElementTree.Element:
    build_site(archive, now=START)
    return ElementTree.fromstring(archive.store.read("_site/feed.xml"))  # noqa: S314 - our own file


def words(element: ElementTree.Element, name: str) -> str:
    """Return the text of the only child with this name."""
    (child,) = element.findall(f"{ATOM}{name}")
    assert child.text
    return child.text


def test_the_feed_has_the_newest_runs_that_ended(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert feed_of(archive).findall(f"{ATOM}entry") == []
    for run in many_runs(60):
        archive_run(archive, run)
    for runbook, text in zip(HOSTILE_RUNBOOKS, HOSTILE, strict=False):
        archive_run(
            archive, record(Verdict.FAIL, runbook=runbook, headline=text, started_at=START + timedelta(hours=1))
        )
    archive_run(archive, record(status=RunStatus.RUNNING, started_at=START + timedelta(hours=2)))

    feed = feed_of(archive)
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 50
    assert any("<script>alert('boo')</script>" in words(entry, "title") for entry in entries[:3])
    for element in (feed, *entries):
        assert UUID(words(element, "id").removeprefix("urn:uuid:"))
        assert datetime.fromisoformat(words(element, "updated")).tzinfo
        assert words(element, "title")
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    assert words(feed, "updated") == words(entries[0], "updated")
    assert len({words(entry, "id") for entry in entries}) == 50
    for entry in entries:
        (link,) = entry.findall(f"{ATOM}link")
        run = (tmp_path / "_site" / unquote(link.attrib["href"])).resolve().parent
        assert (run / "run.json").exists()


def test_entries_keep_their_ids_when_the_archive_moves(tmp_path: Path) -> None:
    here = Archive(tmp_path / "here")
    archive_run(here, record())
    before = feed_of(here)
    (tmp_path / "here").rename(tmp_path / "there")
    after = feed_of(Archive(tmp_path / "there"))
    assert words(before.findall(f"{ATOM}entry")[0], "id") == words(after.findall(f"{ATOM}entry")[0], "id")
    assert words(before, "id") != words(after, "id")
