"""Reports of runs in a browser: the first screen, an unfolded check, and copied text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from lib.archive.archive import Archive
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from tests.browser.chromium import Visit, chromium, visit
from tests.browser.reports import SCREEN, assert_is_a_good_report, shown_in_print
from tests.site.serving import serving

NOTEBOOKS = Path(__file__).parents[1] / "runbooks" / "notebooks"
PLANNED = "runbook run repair -p game_date=2026-01-17"
APPLIED = f"{PLANNED} -p plan=3f9a1c2b4d5e-20260117T2315Z-a109c7 --env staging -p reason="


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reports of real runs: one with several steps, one with hostile outputs, and one that did not complete."""
    folder = tmp_path_factory.mktemp("outputs")
    archive = Archive(folder)
    names = ("steps", "hostile", "cell_error")
    return {name: folder / execute(find_runbook(name, NOTEBOOKS), archive=archive).report for name in names}


# Per module: while a browser is open, no other test in the process can run an event loop.
@pytest.fixture(scope="module")
def browser(reports: dict[str, Path]) -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def seen(browser: Browser) -> Iterator[Visit]:
    with visit(browser, viewport=SCREEN) as opened:
        yield opened
        assert opened.offences == []


def pasted(page: Page) -> str:
    """Return the clipboard's content, as pasted into a field."""
    page.evaluate("document.body.append(document.createElement('textarea'))")
    field = page.locator("textarea").last
    field.focus()
    page.keyboard.press("Control+v")
    text = field.input_value()
    field.evaluate("field => field.remove()")
    return text


@pytest.mark.parametrize("name", ["steps", "cell_error"])
def test_a_report_meets_the_requirements_for_every_report(
    browser: Browser, reports: dict[str, Path], name: str
) -> None:
    assert_is_a_good_report(browser, reports[name].as_uri())


def test_the_first_screen_says_how_bad_since_when_and_what_next(seen: Visit, reports: dict[str, Path]) -> None:
    page = seen.open(reports["steps"].as_uri())
    hero = page.get_by_role("region", name="Verdict")
    expect(hero.get_by_role("heading")).to_have_text("Duplicates: 5 keys of 587")
    expect(hero.locator(".facts dt")).to_have_text(["Since", "Affects", "Safe to wait?"])
    expect(hero.locator(".facts dd").first).to_have_text("2026-01-17 09:03:22 EST")
    looking, changing = hero.locator(".todo").all()
    expect(looking).to_contain_text("Next See the plan")
    expect(looking.locator("code")).to_have_text(PLANNED)
    expect(changing).to_contain_text("This changes something")
    expect(changing.locator("code")).to_have_text(APPLIED)
    expect(page.locator(".matrix > .check")).to_have_count(3)
    expect(page.locator(".picture img")).to_have_count(1)


def test_a_check_unfolds_its_own_step_and_nothing_is_shown_twice(seen: Visit, reports: dict[str, Path]) -> None:
    page = seen.open(reports["steps"].as_uri())
    page.locator(".matrix").get_by_text("5 keys of 587", exact=True).click()
    opened = page.locator(".matrix > .check[open]")
    expect(opened.locator("caption")).to_have_text(["Duplicate keys"])
    expect(opened.locator(".todo")).to_have_count(0)
    expect(page.get_by_role("group", name="Duplicate keys")).to_have_count(1)
    opened.get_by_text("Figures, commands, code").click()
    expect(opened.locator("pre").last).to_contain_text("Table")
    page.locator(".notebook > summary").click()
    expect(page.locator("#step-1-rows")).to_have_text("Shown above: Duplicates")
    page.get_by_text("2 passed", exact=True).click()
    page.get_by_text("last line 3.2 s ago", exact=True).click()
    page.get_by_role("link", name="Logs of the coordinator").first.click()
    expect(page.locator("caption", has_text="Last lines")).to_be_visible()


def test_a_changing_command_is_copied_without_its_reason(seen: Visit, reports: dict[str, Path]) -> None:
    page = seen.open(reports["steps"].as_uri())
    for number, copied in enumerate((PLANNED, APPLIED)):
        page.locator(".hero .command button").nth(number).click()
        expect(page.get_by_role("button", name="Copied")).to_have_count(1)
        assert pasted(page) == copied
        expect(page.get_by_role("button", name="Copied")).to_have_count(0)
    page.get_by_role("button", name="Copy as Markdown").click()
    copied = pasted(page)
    assert copied.startswith("**FAIL** Are rows there twice? (steps, local)\n\n**Duplicates: 5 keys of 587**\n")
    assert f"- then apply it: `{APPLIED}` (changes something)" in copied
    assert "could not look: \\`x\\`" in copied
    assert copied.endswith(f"{reports['steps'].as_uri()}\n")


def test_without_scripts_the_page_is_complete(browser: Browser, reports: dict[str, Path]) -> None:
    with visit(browser, viewport=SCREEN, java_script_enabled=False) as opened:
        page = opened.open(reports["steps"].as_uri())
        assert page.get_by_role("button", name="Copy", exact=True).count() == 0
        page.get_by_role("button", name="Copy as Markdown").click()
        expect(page.locator("#markdown-text")).to_be_visible()
        opened.assert_well_behaved()


def test_a_served_report_copies_and_hostile_outputs_do_nothing(browser: Browser, reports: dict[str, Path]) -> None:
    folder = reports["hostile"].parents[3]
    with serving(str(folder)) as (_, port), visit(browser, viewport=SCREEN) as opened:
        page = opened.open(f"http://127.0.0.1:{port}/{reports['steps'].relative_to(folder).as_posix()}")
        page.locator(".hero").get_by_role("button", name="Copy").first.click()
        assert pasted(page) == PLANNED
        opened.open(f"http://127.0.0.1:{port}/{reports['hostile'].relative_to(folder).as_posix()}")
        opened.assert_well_behaved()


def test_paper_shows_open_checks_unfolded_and_no_buttons(seen: Visit, reports: dict[str, Path]) -> None:
    seen.open(reports["steps"].as_uri())
    assert shown_in_print(seen, ".matrix > .check:not(.pass) table") == [True, True]
    assert not any(shown_in_print(seen, "button"))
    assert not any(shown_in_print(seen, ".passed table"))


def test_a_run_that_did_not_complete_shows_where_it_stopped(seen: Visit, reports: dict[str, Path]) -> None:
    page = seen.open(reports["cell_error"].as_uri())
    expect(page.get_by_role("region", name="Verdict")).to_contain_text("The run did not complete: failed")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("link", name="Stopped in").click()
    expect(page.get_by_role("alert")).to_be_in_viewport()
