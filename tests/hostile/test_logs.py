"""Hostile logs and rows, read by the runbooks: a verdict, and a report in which nothing runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.embedded.logs import FileLogReader, log_path
from lib.operations.logs.dialects import load_dialects
from lib.operations.logs.lines import is_error, is_lock_service_error, parse_events
from lib.platform import connect
from lib.words.pages import inline_script
from tests.consolidation.world import DAY, prediction, quoted
from tests.hostile.hostile import FRAGMENTS, call
from tests.runbooks.test_report import Page

SERVICE = "prediction-coordinator"
DIALECTS = load_dialects(["library", "a1", "a2", "b"])
NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
WAITS = [10**400, float("nan"), float("inf"), -1, True, "soon", [1], None]
TIMES = [
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-13-45",
    5,
    None,
    [],
    "now",
    f"{FRAGMENTS['foreign digits']}T00:00:00",
]

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(list(FRAGMENTS.values())),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
logged = st.builds(
    "{} {}{}".format,
    st.sampled_from(DIALECTS.anchors),
    st.sampled_from(["", "batch=", "date=", "in "]),
    anything,
)
records = st.fixed_dictionaries(
    {"timestamp": st.just(NOON.isoformat()) | st.sampled_from(TIMES)},
    optional={
        "message": logged | anything,
        "severity": anything,
        "service": anything,
        "fields": anything | st.fixed_dictionaries({"waited_ms": st.sampled_from(WAITS)}),
    },
).map(lambda record: json.dumps(record).encode())


@given(lines=st.lists(records | st.binary(max_size=60), max_size=6))
def test_any_log_is_read(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    home = tmp_path_factory.mktemp("home")
    path = log_path(home, SERVICE)
    path.parent.mkdir()
    path.write_bytes(b"\n".join(lines))
    reader = FileLogReader(home)
    found = list(reader.entries([SERVICE], since=NOON - timedelta(days=1), until=NOON + timedelta(days=1)))
    reader.newest(SERVICE, since=NOON)
    for entry in found:
        entry.message.encode()
        is_error(entry, DIALECTS)
        is_lock_service_error(entry, DIALECTS)
    for event in parse_events(found, DIALECTS):
        assert event.waited_seconds is None or 0 <= event.waited_seconds < float("inf")


@pytest.fixture
def poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder whose logs and rows contain each fragment, with each row twice."""
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("RUNBOOK_NOW", NOON.isoformat())
    platform = connect()
    texts = [text for name, text in FRAGMENTS.items() if name not in {"half a pair", "nothing", "blank"}]
    rows = [prediction(player_lookup=text, prediction_id=text) for text in texts]
    platform.staging_writer().write(rows, batch_id="b", worker_id="w", game_date=DAY)
    platform.consolidator().consolidate_batch(batch_id="b", game_date=DAY)
    with platform.adapters.warehouse.connection() as connection:  # type: ignore[attr-defined]
        connection.execute(f"INSERT INTO {quoted(platform.table.table)} FROM {quoted(platform.table.table)}")
    with log_path(tmp_path / "home", SERVICE).open("ab") as log:
        for number, text in enumerate(FRAGMENTS.values()):
            record = {
                "timestamp": (NOON - timedelta(minutes=number + 1)).isoformat(),
                "severity": "ERROR" if number % 2 else text,
                "message": f"❌ Lock acquisition failed: {text} (batch={text})",
                "instance": text,
                "fields": {"waited_ms": WAITS[number % len(WAITS)]},
            }
            log.write(json.dumps(record).encode() + b"\n")
    return tmp_path


@pytest.mark.parametrize("runbook", ["day1_monitoring", "duplicate_diagnosis"])
def test_a_runbook_reports_and_its_report_is_inert(poisoned: Path, runbook: str) -> None:
    result = call("run", runbook, "-p", f"date={DAY}", "--json")
    run: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    assert (run["status"], run["verdict"], result.exit_code) == ("completed", "FAIL", 1), result.output
    html = Path(run["report"]).read_text(encoding="utf-8")
    page = Page(html)
    assert (page.tags.count("script"), html.count(inline_script("copy.js").text)) == (1, 1)
    assert set(page.tags).isdisjoint({"iframe", "object", "embed", "base", "form", "link"})
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "alert(1)" in page.text
