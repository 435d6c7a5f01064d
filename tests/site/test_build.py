"""The site of an archive: its content, and that incremental builds have the same result."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.archive.archive import Archive, Run
from lib.archive.record import RunError, RunStatus
from lib.cli import cli
from lib.errors import UserError
from lib.site.build import build_site
from lib.site.plots import Frame
from lib.verdict.check import Question
from lib.verdict.verdict import Verdict
from lib.words.pages import in_zone
from lib.words.quantities import Quantity, seconds, size_in_bytes
from tests.runbooks.page import Page
from tests.site.pages import built, text_of
from tests.site.runs import HOSTILE, HOSTILE_RUNBOOKS, START, archive_run, many_runs, record

HOUR = timedelta(hours=1)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "outputs")


def files_of(archive: Archive) -> dict[str, bytes]:
    names = {"index.html", *archive.store.names("_site")}
    return {name: archive.store.read(name) for name in names}


def test_an_empty_archive_has_a_site(archive: Archive) -> None:
    assert "No runs yet" in built(archive)
    assert "No runs yet" in text_of(archive, "_site/runs.html")


def test_the_status_is_the_worst_of_the_newest_with_its_next_step(archive: Archive) -> None:
    archive_run(archive, record(Verdict.FAIL, headline="24 keys twice", started_at=START - HOUR))
    archive_run(archive, record(Verdict.PASS, headline="none twice"))
    archive_run(archive, record(Verdict.WARN, runbook="deploy_verify", headline="one is old", next_step="Deploy it"))
    status, recent = built(archive).split("Recent runs", maxsplit=1)
    assert "WARN local 1 of 2 passed one is old" in status
    assert "Next Deploy it" in status
    assert "24 keys twice" not in status
    assert recent.index("none twice") < recent.index("24 keys twice")


def test_an_environment_is_healthy_only_if_the_newest_of_each_passed(archive: Archive) -> None:
    archive_run(archive, record(Verdict.PASS))
    archive_run(archive, record(Verdict.PASS, runbook="deploy_verify"))
    assert "PASS local 2 of 2 passed Healthy" in built(archive)
    archive_run(archive, record(status=RunStatus.INTERRUPTED, started_at=START + HOUR, headline="Interrupted"))
    page = built(archive)
    assert "Healthy" not in page
    assert "UNKNOWN local 1 of 2 passed Interrupted" in page
    assert "Next Run it again: runbook runs rerun 2026112" in page


def test_environments_are_worst_first_and_healthy_ones_are_collapsed(archive: Archive) -> None:
    for environment in ("canary", "production", "staging"):
        verdict = Verdict.FAIL if environment == "production" else Verdict.PASS
        archive_run(archive, record(verdict, environment=environment, headline="24 keys twice"))
    page = built(archive)
    assert "FAIL production PASS canary PASS staging FAIL production 0 of 1 passed 24 keys twice" in page
    folded = archive.store.read("index.html").decode().split('<details class="standing">')[1:]
    assert [re.findall('<h2 id="status-[0-9]">(.*?)</h2>', part) for part in folded] == [["canary"], ["staging"]]


def test_a_tab_shows_the_verdict_as_a_word_a_colour_and_a_shape(archive: Archive) -> None:
    icons = set[tuple[str, str]]()
    for verdict in sorted(Verdict, key=lambda verdict: verdict.badness):
        archive_run(archive, record(verdict, environment=verdict.lower()))
        assert built(archive).startswith(f"{verdict} · "), "the worst"
        icons.update(
            re.findall(
                r"rel=\"icon\".*?fill='%23([0-9a-f]{6})'.*?d='([^']*)'", archive.store.read("index.html").decode()
            )
        )
    colours, shapes = map(set, zip(*icons, strict=True))
    assert len(colours) == len(shapes) == len(Verdict)


def test_a_refused_run_does_not_hide_what_was_found_last(archive: Archive) -> None:
    archive_run(archive, record(Verdict.FAIL, headline="24 keys twice"))
    mistyped = RunError("step-3", "UserError", "names no lock", UserError.exit_code)
    archive_run(
        archive, record(status=RunStatus.FAILED, error=mistyped, headline="names no lock", started_at=START + HOUR)
    )
    status, recent = built(archive).split("Recent runs", maxsplit=1)
    assert "FAIL local 0 of 1 passed 24 keys twice" in status
    assert "names no lock" not in status
    assert "names no lock" in recent


def test_running_and_lost_runs_are_shown_as_such_and_read_again_each_time(archive: Archive) -> None:
    archive_run(archive, record(Verdict.PASS, started_at=START - HOUR))
    archive_run(archive, record(status=RunStatus.RUNNING, runbook="deploy_verify"))
    running = archive.begin(record(status=RunStatus.RUNNING, started_at=START + timedelta(days=36_500)))
    page = built(archive)
    assert "A newer run is in progress" in page
    assert "abandoned Killed or lost" in page
    archive.write_record(type(running)(running.place, record(Verdict.FAIL, headline="it found something")))
    assert "it found something" in built(archive)


def test_damaged_runs_are_rows_that_say_so_and_never_pass(archive: Archive) -> None:
    archive.store.write("local/day1_monitoring/20261124T195340Z-3fa2/run.json", b"{")
    archive.store.write("local/deploy_verify/20269999T999999Z-3fa2/notebook.ipynb", b"")
    page = built(archive)
    assert page.count("damaged") >= 4
    assert "run.json is missing" in page
    assert "UNKNOWN local 0 of 2 passed" in page
    assert "runbook runs verify" in page
    assert "2026-99" in text_of(archive, "_site/runs.html")


def test_hostile_text_is_inert_on_every_page(archive: Archive) -> None:
    for runbook, text in zip(HOSTILE_RUNBOOKS, HOSTILE, strict=False):
        archive_run(archive, record(Verdict.FAIL, runbook=runbook, headline=text, next_step=text))
    for run in many_runs(100):
        archive_run(archive, run)
    build_site(archive, now=START)
    for name, content in files_of(archive).items():
        html = content.decode()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", html), name
        if not name.endswith(".html"):
            continue
        page = Page(html)
        assert set(page.tags).isdisjoint({"iframe", "object", "embed", "base", "style", "img"}), name
        assert not [key for key, _ in page.attributes if key.startswith("on") or key == "style"], name
        addresses = [value for key, value in page.attributes if key in ("href", "src")]
        assert all(value.startswith("data:image/svg+xml,") or ":" not in value for value in addresses), name
        assert all(not value.startswith("/") for value in addresses), name


def test_figures_of_runs_are_plotted_over_time(archive: Archive) -> None:
    for number in range(3):
        evidence = {
            "2026-11-24": Quantity(number, "duplicate keys"),
            "2026-11-23": Quantity(0, "duplicate keys"),
            "longest": seconds(60 * number + 20),
            "id": "8d4af7a6",
            "size": size_in_bytes([1.2e9, 950e6, 900e6][number]),
            "error lines": ["503 Service Unavailable", "429 Too Many Requests", "503"][number],
        }
        archive_run(archive, record(started_at=START - number * HOUR, evidence=evidence))
    build_site(archive, now=START)
    html = archive.store.read("_site/runbooks/local/day1_monitoring/index.html").decode()
    assert "Duplicates: duplicate keys: from 0 to 2, newest 0" in html
    assert "Duplicates: longest: from 20 to 140, newest 20 s" in html
    assert "Duplicates: size: from 900 to 1,200, newest 1,200 MB" in html
    assert "8d4af7a6" not in html
    assert "503" not in html
    assert "<dt>Took</dt><dd>4.2 s</dd>" in html, "what never changed needs no drawing"


def test_the_status_has_since_when_whom_it_affects_and_whether_it_can_wait(archive: Archive) -> None:
    question = Question("locks", "Locks", affects="batches of <the date>", can_wait="until the next batch")
    found = {"local": question.fails("1 stuck", since=START - HOUR), "production": question.passes("none held")}
    for environment, check in found.items():
        run = record(check.verdict, environment=environment, headline=check.summary)
        archive_run(archive, replace(run, checks=(check,)))
    build_site(archive, now=START)
    html = archive.store.read("index.html").decode()
    (facts,) = re.findall(r'<dl class="facts">.*?</dl>', html, re.DOTALL)
    assert " ".join(re.sub("<[^>]*>", " ", facts).split()) == (
        f"Since {in_zone(START - HOUR, run.timezone)} Affects batches of &lt;the date&gt; "
        "Safe to wait? until the next batch"
    )


def test_deploys_and_changes_are_marked_on_the_figures_of_their_environment(archive: Archive) -> None:
    for number in range(40):
        evidence = {"tried": number % 3, "longest": seconds(0.001 * (number + 1))}
        archive_run(archive, record(started_at=START - number * HOUR, evidence=evidence))
    repaired, deployed, later = START - 12 * HOUR, START - 30 * HOUR, START + HOUR
    for environment in ("local", "production"):
        for moment in (repaired, later):
            change = record(runbook="duplicate_diagnosis", environment=environment, started_at=moment)
            checks = (Question("repair", "Repair", {"audit record": "1"}).passes("done"),)
            archive_run(archive, replace(change, checks=checks))
    zone = ZoneInfo("America/New_York")
    evidence = {"prediction-worker": f"{deployed.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}", "apart": seconds(600)}
    deploy = record(runbook="deploy_verify", started_at=START - 2 * HOUR)
    archive_run(archive, replace(deploy, checks=(Question("deployed_together", "Both", evidence).passes("both"),)))
    build_site(archive, now=START)
    html = archive.store.read("_site/runbooks/local/day1_monitoring/index.html").decode()
    figures = html.count("<figcaption>")
    assert figures == 2
    assert html.count(">deploy</text>") == html.count(">repair</text>") == figures
    assert html.count("<li>Deploy of prediction-worker, 2026-11-23 08:00:00 EST</li>") == 1
    assert html.count("<li>Repair, ") == 1, "that of this environment, and not what came after the newest run"
    assert "Duplicates: longest: from 1 to 40, newest 1 ms" in html
    first, last = (float(x) for x in re.findall(r'<circle [^>]* cx="([\d.]+)"', html)[:40][::39])
    assert (first, last) == (Frame.LEFT, Frame.RIGHT)


def test_a_run_closed_as_abandoned_is_read_again(archive: Archive) -> None:
    run = archive.begin(record(status=RunStatus.RUNNING))
    observed = archive.read(run.place)
    assert isinstance(observed, Run)
    archive.write_record(Run(run.place, replace(observed.record, finished_at=START)))
    assert "Killed or lost" in built(archive)
    archive.write_record(Run(run.place, record(Verdict.FAIL, headline="24 keys twice")))
    assert "FAIL local 0 of 1 passed 24 keys twice" in built(archive)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_fresh_build_deletes_pages_of_removed_runs(archive: Archive, fresh: bool) -> None:
    months_ago = record(runbook="deploy_verify", headline="of old", started_at=START - timedelta(days=90))
    place = archive_run(archive, months_ago)
    archive_run(archive, record())
    build_site(archive, now=START)
    assert [name for name, page in files_of(archive).items() if b"of old" in page]
    archive.store.delete(f"{place}/run.json")
    archive.store.delete("_site/rows.json")
    build_site(archive, fresh=fresh, now=START)
    assert [name for name, page in files_of(archive).items() if b"of old" in page] == []


RUNS = st.lists(
    st.builds(
        record,
        st.sampled_from(Verdict),
        runbook=st.sampled_from(["day1_monitoring", "deploy_verify"]),
        environment=st.sampled_from(["local", "production"]),
        started_at=st.integers(0, 70).map(lambda days: START - timedelta(days=days)),
        headline=st.sampled_from(HOSTILE),
        status=st.sampled_from([RunStatus.COMPLETED, RunStatus.RUNNING, RunStatus.FAILED]),
        evidence=st.dictionaries(st.sampled_from(["keys", "rows"]), st.sampled_from([Quantity(1, "keys"), 7, "none"])),
    ),
    max_size=6,
)


@settings(max_examples=25)
@given(st.lists(st.tuples(RUNS, st.integers(0, 3)), min_size=1, max_size=4))
def test_an_incremental_build_equals_a_fresh_one(steps: list[tuple[Sequence, int]]) -> None:  # type: ignore[type-arg]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.site.groups._RUNS_IN_SHARD", 3)
        patch.setattr("lib.site.groups._RUNS_IN_HISTORY", 2)
        archive = Archive(folder)
        for runs, pruned in steps:
            for run in runs:
                archive_run(archive, run)
            for place in archive.places()[:pruned]:
                archive.store.delete(f"{place}/run.json")
            build_site(archive, now=START)
        bit_by_bit = files_of(archive)
        build_site(archive, fresh=True, now=START)
        assert files_of(archive) == bit_by_bit


def test_runs_that_end_at_the_same_time_do_not_lose_each_other(archive: Archive) -> None:
    runs = list(many_runs(24, seed=7))

    def work(mine: list) -> None:  # type: ignore[type-arg]
        for run in mine:
            archive_run(archive, run)
            build_site(archive, now=START)

    threads = [threading.Thread(target=work, args=(runs[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = files_of(archive)
    build_site(archive, fresh=True, now=START)
    assert together == files_of(archive)


def test_the_command_builds_the_site_or_shows_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    archive_run(Archive(), record())
    for words in (["site", "build"], ["site", "build", "--fresh"]):
        assert CliRunner().invoke(cli, words).output == f"Site: {tmp_path}/outputs/index.html\n"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "file"))
    result = CliRunner().invoke(cli, ["site", "build"])
    assert result.exit_code == 2
    assert result.stderr.startswith("runbook: ")
    assert result.stderr.count("\n") == 1


def test_a_bucket_has_the_same_site_as_a_folder(archive: Archive) -> None:
    bucket = Archive(f"memory://{archive.address.strip('/').replace('/', '-')}")
    for run in many_runs(5):
        place = archive_run(archive, run)
        bucket.store.write(f"{place}/run.json", archive.store.read(f"{place}/run.json"))
    for one in (archive, bucket):
        build_site(one, now=START)
    in_folder, in_bucket = files_of(archive), files_of(bucket)
    assert in_folder.keys() == in_bucket.keys()
    # Only the feed's id differs.
    assert {name for name in in_folder if in_folder[name] != in_bucket[name]} == {"_site/feed.xml"}
