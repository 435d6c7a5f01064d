"""Files of log lines as people export them: what is read, what is not, and that nothing stops the reading."""

import codecs
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.ports.log_export import read_export
from lib.ports.logs import LogEntry

AT = datetime(2026, 1, 18, 4, 5, 0, 123_000, tzinfo=UTC)
LINE = "🔓 Released consolidation lock: consolidation_2026-01-17"
LABELS = {"service_name": "prediction-coordinator", "revision_name": "prediction-coordinator-00050-f4f"}
STORED = {
    "insertId": "a1",
    "logName": "projects/p/logs/run.googleapis.com%2Fstdout",
    "resource": {"type": "cloud_run_revision", "labels": LABELS},
    "labels": {"instanceId": "i-1"},
    "timestamp": "2026-01-18T04:05:00.123Z",
    "textPayload": LINE,
}
ENTRY = LogEntry(AT, LINE, *LABELS.values(), instance="i-1")
STRUCTURED = {name: value for name, value in STORED.items() if name != "textPayload"} | {
    "insertId": "a2",
    "severity": 500,
    "jsonPayload": {"message": LINE, "waited_ms": 3},
}
OURS = {"timestamp": "2026-01-18T04:05:00.123+00:00", "severity": "INFO", "message": LINE, "fields": {"waited_ms": 3}}


def exported(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "export"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([STORED], indent=2),
        json.dumps(STORED),
        json.dumps(STORED, indent=2),
        codecs.BOM_UTF8 + json.dumps([STORED]).encode(),
        json.dumps([STORED], ensure_ascii=False).encode("utf-16"),
        f"{json.dumps(STORED)}\r\n",
        json.dumps(STORED | {"timestamp": "2026-01-17T23:05:00.123000000-05:00"}),
    ],
    ids=("array", "line", "indented object", "BOM", "UTF-16 of PowerShell", "CRLF", "offset and nanoseconds"),
)
def test_the_output_of_gcloud_is_read(tmp_path: Path, content: str | bytes) -> None:
    export = read_export(exported(tmp_path, content))
    assert export.entries == (ENTRY,)
    assert not export.unread


@pytest.mark.parametrize(
    ("severity", "expected"),
    [(500, "ERROR"), ("500", "ERROR"), ("warning", "WARNING"), (250, "INFO"), ("odd", "DEFAULT"), (None, "DEFAULT")],
)
def test_severities_are_words_or_numbers(tmp_path: Path, severity: object, expected: str) -> None:
    export = read_export(exported(tmp_path, json.dumps(STRUCTURED | {"severity": severity})))
    assert [(entry.severity, entry.message, entry.fields) for entry in export.entries] == [
        (expected, LINE, {"waited_ms": 3})
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"2026-01-18 04:05:00,123 - distributed_lock - INFO - {LINE}", None),
        (f"2026-01-18T04:05:00.123Z {LINE}", LINE),
        (f"[2026-01-17 23:05:00.123-0500] {LINE}", LINE),
        (json.dumps(OURS), LINE),
    ],
)
def test_a_line_with_a_time_is_read(tmp_path: Path, line: str, message: str | None) -> None:
    (entry,) = read_export(exported(tmp_path, line)).entries
    assert (entry.timestamp, entry.message, entry.service) == (AT, message or line, "")


def test_entries_are_put_in_order_and_doubles_are_left_out(tmp_path: Path) -> None:
    later = STORED | {"insertId": "b", "timestamp": "2026-01-18T04:06:00Z"}
    export = read_export(exported(tmp_path, json.dumps([later, STORED, later])))
    assert [entry.timestamp.minute for entry in export.entries] == [5, 6]
    assert export.doubled == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    lines = ["no time", json.dumps(STORED), '{"torn', "  rest of a traceback", json.dumps({"textPayload": "x"})]
    export = read_export(exported(tmp_path, "\n".join(lines)))
    assert [entry.message for entry in export.entries] == [LINE, "rest of a traceback"]
    assert [part.place for part in export.unread] == ["line 1", "line 3", "line 5"]
    cut = read_export(exported(tmp_path, json.dumps([STORED, STRUCTURED])[:-40]))
    assert cut.entries == (ENTRY,)
    assert [part.place for part in cut.unread] == ["entry 2"]


def test_a_missing_file_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_export(tmp_path / "none.json")


@given(content=st.one_of(st.binary(max_size=200), st.text(alphabet='[]{}",:0-T 2Z\n', max_size=80).map(str.encode)))
def test_no_content_stops_the_reading(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    export = read_export(exported(tmp_path_factory.mktemp("export"), content))
    assert all(entry.timestamp.tzinfo for entry in export.entries)


def test_newest_first_order_is_reversed_within_one_time_too(tmp_path: Path) -> None:
    plain = [f"2026-01-18T04:0{minute}:00Z {word}" for minute, word in ((6, "d"), (5, "c"), (5, "b"), (4, "a"))]
    assert [entry.message for entry in read_export(exported(tmp_path, "\n".join(plain))).entries] == list("abcd")
    stored = [STORED | {"insertId": each, "textPayload": each} for each in ("b", "c", "a")]
    assert [entry.message for entry in read_export(exported(tmp_path, json.dumps(stored))).entries] == list("abc")
