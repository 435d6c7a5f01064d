"""Importing exported logs with `runbook import logs`, in all forms, and the runbooks' view of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.embedded.logs import decode, log_path
from tests.hostile.hostile import FRAGMENTS, assert_refused, call

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"


def exported(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "insertId": f"{number:08}",
        "logName": "projects/p/logs/run.googleapis.com%2Fstdout",
        "resource": {
            "type": "cloud_run_revision",
            "labels": {"service_name": COORDINATOR, "revision_name": f"{COORDINATOR}-00050-f4f"},
        },
        "labels": {"instanceId": "i-1"},
        "timestamp": f"2026-01-18T04:05:{number:02}.5Z",
        "textPayload": f"line {number}",
        **changes,
    }


OF_WORKER = {"type": "cloud_run_revision", "labels": {"service_name": WORKER}}
NIGHT = [
    exported(3, severity=500),
    exported(1, textPayload=None, jsonPayload={"message": "line 1", "batch": "b"}, severity="WARNING"),
    exported(2, textPayload="z, line 2", resource=OF_WORKER),
    exported(22, textPayload="a, of the same moment", resource=OF_WORKER, timestamp=exported(2)["timestamp"]),
    exported(3, severity=500),
]
FORMS: dict[str, Callable[[], str]] = {
    "array": lambda: json.dumps(NIGHT, indent=2),
    "lines": lambda: "\n".join(map(json.dumps, NIGHT)),
    "BOM": lambda: "\ufeff" + "\r\n".join(map(json.dumps, NIGHT)),
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(logging.getLogger("lib"), "handlers", [])
    return tmp_path / "home"


def held(home: Path, service: str) -> list[tuple[str, str, str]]:
    if not (path := log_path(home, service)).exists():
        return []
    entries = [entry for line in path.read_bytes().splitlines() if (entry := decode(line, service, None))]
    return [(entry.message, entry.severity, entry.revision) for entry in entries]


@pytest.mark.parametrize("form", FORMS)
def test_an_export_is_imported_once_in_time_order(tmp_path: Path, home: Path, form: str) -> None:
    file = tmp_path / "night.json"
    file.write_text(FORMS[form](), encoding="utf-8")
    done = last_json_of(file)
    assert {name: (lines["added"], lines["known"]) for name, lines in done["services"].items()} == {
        COORDINATOR: (2, 0),
        WORKER: (2, 0),
    }
    assert (done["doubled"], done["not_read"]) == (1, 0)
    revision = f"{COORDINATOR}-00050-f4f"
    assert held(home, COORDINATOR) == [("line 1", "WARNING", revision), ("line 3", "ERROR", revision)]
    assert held(home, WORKER) == [("z, line 2", "DEFAULT", ""), ("a, of the same moment", "DEFAULT", "")]
    again = last_json_of(file, file)
    assert [(lines["added"], lines["known"]) for lines in again["services"].values()] == [(0, 2), (0, 2)]
    assert len(held(home, COORDINATOR)) == 2


def last_json_of(*files: Path) -> dict[str, Any]:
    result = call("import", "logs", *files, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return answer


def test_plain_lines_are_read_and_unreadable_ones_are_named_with_their_place(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "worker.log"
    file.write_text(
        "what was before\n"
        "2026-01-17 23:05:00,123 - predictions.worker - INFO - started\n"
        "2026-01-17T23:06:00.5-05:00 with an offset\n"
        '{"timestamp": "2026-01-18T05:00:00Z", "textPayload": "cut shor\n'
        '{"textPayload": "no time"}\n'
    )
    result = call("import", "logs", file, tmp_path / "missing.json", "--service", WORKER)
    assert result.exit_code == 0
    assert f"{WORKER}: 2 lines added, 0 already known" in result.stdout
    assert f"2 lines name no service: attributed to {WORKER} " in result.stdout
    assert "RUNBOOK_NOW=2026-01-18T04:06:01+00:00 runbook run day1_monitoring" in result.stdout
    named = [line.removeprefix("not read: ") for line in result.stderr.splitlines()]
    assert [line.split(": ")[0] for line in named] == [
        f"{file}, line 1",
        f"{file}, line 4",
        f"{file}, line 5",
        f"{tmp_path / 'missing.json'} cannot be read",
    ]
    assert len(held(home, WORKER)) == 2


@pytest.mark.parametrize(
    "content", ["", "[]", "no time\n", "[{", '{"a": 1}', "\0\0\0", "[" * 100_000, '[5, "x", null]']
)
def test_a_file_without_any_line_is_refused(tmp_path: Path, home: Path, content: str) -> None:
    file = tmp_path / "export.json"
    file.write_text(content)
    assert_refused(call("import", "logs", file), "nothing was imported: ", str(file))
    assert not (home / "logs").exists()


def test_on_google_cloud_nothing_is_imported(tmp_path: Path, home: Path) -> None:
    for what in ("logs", "rows"):
        refused = call("import", what, tmp_path / "x.json", "--env", "production")
        assert_refused(refused, "environment production is on Google Cloud", "--env local")
    assert not home.exists()


hostile = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([*FRAGMENTS.values()]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from([*exported(0), "service", "jsonPayload", "severity", "fields", "message", "receiveTimestamp"])
records = st.builds(
    lambda base, changes: {**base, **changes},
    st.builds(exported, st.integers(0, 59)),
    st.dictionaries(fields, hostile, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(records | hostile, max_size=5))
def test_every_exported_line_is_imported_once_or_named(
    tmp_path_factory: pytest.TempPathFactory, parts: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("export")
    file = folder / "export.json"
    file.write_text(json.dumps([exported(0), *parts]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_HOME", str(folder / "home"))
        first, again = last_json_of(file), last_json_of(file)
    added = sum(lines["added"] for lines in first["services"].values())
    assert added + first["doubled"] + first["not_read"] == len(parts) + 1
    assert {lines["added"] for lines in again["services"].values()} == {0}
    assert [path.parent for path in folder.rglob("*.jsonl")] == [folder / "home" / "logs"] * len(first["services"])
    for path in (folder / "home" / "logs").iterdir():
        assert all(decode(line, path.stem, None) for line in path.read_bytes().splitlines())
