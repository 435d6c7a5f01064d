"""The site of 1,000 runs with hostile text in every place, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser, Page, expect

from lib.archive.archive import Archive
from lib.archive.record import RunStatus
from lib.site.build import build_site
from lib.verdict.verdict import Verdict
from tests.browser.chromium import Budget, Visit, chromium, visit
from tests.site.runs import HOSTILE, HOSTILE_RUNBOOKS, START, TITLES, UNDO, archive_run, many_runs, record
from tests.site.schedules import begin_hourly_schedule
from tests.site.serving import serving

RUNS = 1_000
PAGES = {
    "index.html": Budget(bytes=300_000, nodes=4_000),
    "_site/runs.html": Budget(bytes=300_000, nodes=4_000),
    "_site/runs/2026-11-2.html": Budget(bytes=300_000, nodes=4_500),
    "_site/changes.html": Budget(bytes=300_000, nodes=4_000),
    "_site/changes/production/1.html": Budget(bytes=300_000, nodes=4_000),
    "_site/runbooks/production/day1_monitoring/index.html": Budget(bytes=300_000, nodes=4_000),
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"viewport": {"width": 400, "height": 800}},
    "without script": {"java_script_enabled": False},
}


# Per module: while a browser is open, no other test in the process can run an event loop.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with its site."""
    folder = tmp_path_factory.mktemp("archive")
    archive = Archive(folder)
    for run in many_runs(RUNS - 6):
        archive_run(archive, run)
    for name, text in zip(HOSTILE_RUNBOOKS, HOSTILE, strict=False):
        archive_run(archive, record(Verdict.WARN, runbook=name, headline=text, next_step=f"{text} runbook run x"))
    archive_run(archive, record(status=RunStatus.RUNNING, started_at=START + timedelta(days=365)))
    archive.store.write("local/daily_quality/20261124T190000Z-dead/run.json", b"{")
    archive.store.write("local/daily_quality/20269999T999999Z-dead/run.json", b"{")
    build_site(archive, now=START)
    return folder


@pytest.fixture
def seen(browser: Browser) -> Iterator[Visit]:
    with visit(browser) as opened:
        yield opened
        assert opened.offences == []


def open_search(seen: Visit, site: Path, view: str = "") -> Page:
    page = seen.open(f"file://{site}/_site/runs.html{view}")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^[\d,]+ of 1,000 runs$"))
    return page


def lines(page: Page) -> list[str]:
    return page.locator(".runs tbody tr").all_inner_texts()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_behaves_and_keeps_its_budget(browser: Browser, site: Path, name: str, look: str) -> None:
    with visit(browser, **LOOKS[look]) as opened:
        opened.open(f"file://{site}/{name}")
        opened.assert_well_behaved()
        opened.assert_words_whole()
        opened.assert_within(PAGES[name])
        if look in ("light", "dark"):
            opened.assert_accessible()


@pytest.mark.parametrize("look", ["light", "narrow"])
def test_folded_parts_behave_too(browser: Browser, site: Path, look: str) -> None:
    with visit(browser, **LOOKS[look]) as opened:
        page = opened.open(f"file://{site}/index.html")
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        opened.assert_well_behaved()
        opened.assert_words_whole()
        opened.assert_accessible()


def test_the_longest_page_keeps_its_budget(browser: Browser, site: Path) -> None:
    with visit(browser) as opened:
        page = opened.open(f"file://{site}/_site/runs/2026-11-1.html")
        assert len(lines(page)) == 500
        opened.assert_well_behaved()
        opened.assert_within(Budget(bytes=600_000, nodes=14_000))


def test_status_shows_each_environments_state_at_a_glance(seen: Visit, site: Path) -> None:
    page = seen.open(f"file://{site}/index.html")
    # A folder may have the name of a 13th month.
    assert "NaN" not in page.locator("body").inner_text()
    for environment in ("local", "production"):
        status = page.get_by_role("region", name=environment, exact=True)
        expect(status.locator(".badge.solid")).to_have_text(re.compile("PASS|WARN|UNKNOWN|FAIL"))
        expect(status.locator(".headline")).not_to_be_empty()
    assert page.locator(".days svg").count() == 2 * len(TITLES) + len(HOSTILE_RUNBOOKS)
    assert page.locator(".days rect").count() == 30 * page.locator(".days svg").count()
    expect(page.get_by_role("region", name="Recent runs").get_by_role("row")).to_have_count(6)
    worst = page.locator(".hero .badge.solid").first.inner_text()
    expect(page).to_have_title(f"{worst} · Consolidation runbooks")


def test_history_links_from_a_strip_to_the_verdicts_and_to_the_search(seen: Visit, site: Path) -> None:
    page = seen.open(f"file://{site}/index.html")
    page.get_by_role("link", name="History of day1_monitoring in production").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(TITLES["day1_monitoring"])
    assert page.locator(".strip li").count() == 60
    assert page.locator(".plots figure").count() >= 3
    page.get_by_role("link", name="Search all runs of this runbook").click()
    expect(page.get_by_label("Runbook")).to_have_value("day1_monitoring")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d+ of 1,000 runs$"))
    assert all("day1_monitoring production" in line for line in lines(page))


def test_filters_work_and_are_kept_in_the_address(seen: Visit, site: Path) -> None:
    page = open_search(seen, site)
    expect(page.get_by_role("status")).to_have_text("1,000 of 1,000 runs")
    assert len(lines(page)) == 100
    page.get_by_role("button", name="Show more").click()
    assert len(lines(page)) == 200

    page.get_by_label("Environment").select_option("production")
    page.get_by_label("Runbook").select_option("deploy_verify")
    page.get_by_label("FAIL").check()
    page.get_by_label("From").fill("2026-11-01")
    page.get_by_label("To").fill("2026-11-20")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d of 1,000 runs"))
    found = lines(page)
    assert found
    for line in found:
        assert line.startswith("FAIL")
        assert "deploy_verify production" in line
        assert "2026-11-01" <= re.findall(r"2026-\d\d-\d\d(?= \d)", line)[-1] <= "2026-11-20"

    shared = page.url
    seen.open("about:blank")
    again = seen.open(shared)
    expect(again.get_by_label("FAIL")).to_be_checked()
    expect(again.get_by_role("status")).to_have_text(f"{len(found)} of 1,000 runs")
    assert lines(again) == found
    again.get_by_role("button", name="Clear").click()
    expect(again.get_by_role("status")).to_have_text("1,000 of 1,000 runs")
    assert "#" not in again.url


def test_filter_finds_runs_that_changed_something_with_an_undo_to_copy(seen: Visit, site: Path) -> None:
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = open_search(seen, site)
    page.get_by_label("Changed something").check()
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d\d of 1,000 runs"))
    assert all("CHANGED 15 rows removed · undo" in line for line in lines(page))
    assert "changed=yes" in page.url
    page.get_by_text("15 rows removed").first.click()
    undo = page.locator("details.undo[open]")
    expect(undo.locator("code")).to_have_text(UNDO)
    undo.get_by_role("button", name="Copy").click()
    expect(undo.get_by_role("button")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == UNDO
    seen.assert_words_whole()


def test_the_next_step_can_be_copied_only_with_scripts(browser: Browser, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    command = "runbook run duplicate_diagnosis -p game_date=2026-11-24"
    archive_run(archive, record(Verdict.FAIL, next_step=f"Find out who writes them: {command}"))
    build_site(archive, now=START)
    for script in (True, False):
        with visit(browser, java_script_enabled=script, permissions=["clipboard-read", "clipboard-write"]) as opened:
            page = opened.open(f"file://{tmp_path}/index.html")
            button = page.locator(".hero button")
            expect(page.locator(".hero code")).to_have_text(command)
            expect(button).to_be_visible(visible=script)
            if script:
                button.click()
                expect(button).to_contain_text("Copied")
                assert page.evaluate("navigator.clipboard.readText()") == command
            opened.assert_well_behaved()


def test_text_finds_headlines_parameters_and_ids(seen: Visit, site: Path) -> None:
    page = open_search(seen, site, "#text=" + "game_date%3D2026-11-11 all 3 passed")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d\d of 1,000 runs"))
    assert all("2026-11-1" in line and "All 3 checks passed" in line for line in lines(page))
    page.get_by_label("Text").fill("<script>alert")
    expect(page.locator(".runs tbody tr").first).to_contain_text("<script>alert('boo')</script>")
    page.get_by_label("Text").fill("20261124t190000z-dead")
    expect(page.get_by_role("status")).to_have_text("1 of 1,000 runs")
    assert "damaged" in lines(page)[0]


def test_links_of_hostile_runs_lead_to_their_files(seen: Visit, site: Path) -> None:
    page = seen.open(f"file://{site}/index.html")
    addresses = page.locator("a").evaluate_all("links => links.map((link) => link.href)")
    paths = {re.sub("^file://", "", address).split("#")[0] for address in addresses}
    missing = [path for path in map(unquote, paths) if not Path(path).exists()]
    # These runs left only a record.
    assert [path for path in missing if not path.endswith("report.html")] == []
    assert all(address.startswith("file://") for address in addresses)


def test_a_page_older_than_its_next_run_does_not_look_green(
    seen: Visit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path / "outputs")
    archive_run(archive, record(Verdict.PASS))
    begin_hourly_schedule(archive, tmp_path, START, monkeypatch)
    build_site(archive, now=START)
    seen.page.clock.install(time=START + timedelta(minutes=59))
    page = seen.open(f"file://{tmp_path}/outputs/index.html")
    green = page.locator(".hero .badge").evaluate("badge => getComputedStyle(badge).backgroundColor")
    expect(page.get_by_text("This page is out of date")).to_be_hidden()
    icon = page.locator("link[rel=icon]").get_attribute("href")
    expect(page).to_have_title("PASS · Consolidation runbooks")
    page.clock.run_for(timedelta(minutes=15).total_seconds() * 1000)
    expect(page.get_by_text("This page is out of date")).to_be_visible()
    page.clock.run_for(timedelta(minutes=5).total_seconds() * 1000)
    expect(page).to_have_title("Out of date · Consolidation runbooks")
    assert page.locator("link[rel=icon]").get_attribute("href") != icon
    assert page.locator(".hero .badge").evaluate("badge => getComputedStyle(badge).backgroundColor") != green
    seen.assert_accessible()


def test_served_site_works_under_its_own_headers(seen: Visit, site: Path) -> None:
    with serving(str(site)) as (_, port):
        page = seen.open(f"http://127.0.0.1:{port}/")
        page.get_by_role("link", name="Runs", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("1,000 of 1,000 runs")
        page.go_back()
        page.get_by_role("link", name="History of day1_monitoring in production").click()
        expect(page.locator(".strip li")).to_have_count(60)
        seen.assert_well_behaved()


def test_served_report_runs_no_script_and_loads_nothing(browser: Browser, tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    place = archive_run(archive, record())
    hostile = (
        b"<title>a report</title><script>document.title = 'run'; fetch('http://evil.example/')</script>"
        b"<img src=http://evil.example/x.png onerror=\"document.title = 'run'\">"
        b"<iframe src=http://evil.example/></iframe><form action=http://evil.example/><button>Send</button></form>"
    )
    archive.store.write(f"{place}/report.html", hostile)
    with serving(str(tmp_path)) as (_, port), visit(browser) as opened:
        requests: list[str] = []
        opened.page.on("response", lambda response: requests.append(response.url))
        page = opened.open(f"http://127.0.0.1:{port}/{place}/report.html")
        page.get_by_role("button", name="Send").click()
        assert page.title() == "a report"
        assert opened.offences, "the browser says what it has blocked"
        assert all(url.startswith(f"http://127.0.0.1:{port}/") for url in requests)


def test_everything_can_be_reached_by_keyboard(seen: Visit, site: Path) -> None:
    page = open_search(seen, site)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Text")).to_be_focused()
    page.keyboard.type("2026-11-11")
    expect(page.get_by_role("status")).to_have_text(re.compile(r"^\d\d of 1,000 runs"))
    outline = page.get_by_label("Text").evaluate("field => getComputedStyle(field).outlineStyle")
    assert outline != "none"
