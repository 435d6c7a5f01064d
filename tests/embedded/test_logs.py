"""Log files: written line by line by many processes, and readable whatever they contain."""

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.embedded.logs import FileLogReader, JsonLinesHandler, append_entries, decode, encode, log_path
from lib.ports.logs import LogEntry
from tests.ports.logs_suite import COORDINATOR, LogReaderSuite, Logs

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
SERVICE = "prediction-coordinator"
ALWAYS = {"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}


def entry(seconds: float, message: str, severity: str = "DEFAULT") -> LogEntry:
    return LogEntry(NOON + timedelta(seconds=seconds), message, SERVICE, severity=severity)


def messages(home: Path, **asked: object) -> list[str]:
    return [found.message for found in FileLogReader(home).entries([SERVICE], **{**ALWAYS, **asked})]  # type: ignore[arg-type]


class TestFileLogReader(LogReaderSuite):
    """The conformance suite on a fresh state folder."""

    @pytest.fixture
    def logs(self, tmp_path: Path) -> Logs:
        def write(entries: Sequence[LogEntry]) -> None:
            for path in tmp_path.glob("logs/*"):
                path.unlink()
            for entry in entries:
                append_entries(tmp_path, entry.service, [entry])

        def make_unreadable() -> None:
            path = log_path(tmp_path, COORDINATOR)
            path.unlink()
            path.mkdir()

        return Logs(FileLogReader(tmp_path), write, make_unreadable)


def test_log_records_are_read_back_with_their_fields(tmp_path: Path) -> None:
    path = log_path(tmp_path, SERVICE)
    logger = logging.Logger("lib.test")
    logger.addHandler(JsonLinesHandler(path, service=SERVICE, revision="r-1"))
    logger.warning("🔓 Released %s\nby <b>hand</b> \ud800", "consolidation_2026-01-17", extra={"waited_ms": 12.5})
    (found,) = FileLogReader(tmp_path).entries([SERVICE], **ALWAYS)
    assert found.message == "🔓 Released consolidation_2026-01-17\nby <b>hand</b> ?"
    assert (found.severity, found.service, found.revision) == ("WARNING", SERVICE, "r-1")
    assert found.fields["waited_ms"] == 12.5
    assert found.timestamp.tzinfo is UTC
    assert found.instance


def test_lines_of_many_writers_never_mix(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: append_entries(tmp_path, SERVICE, [entry(n, f"{n}:" + "x" * 5000)]), range(200)))
    assert sorted(int(text.partition(":")[0]) for text in messages(tmp_path)) == list(range(200))


def test_plain_and_damaged_lines_are_tolerated(tmp_path: Path) -> None:
    path = log_path(tmp_path, SERVICE)
    append_entries(tmp_path, SERVICE, [entry(0, "first")])
    with path.open("ab") as file:
        file.write(b"Traceback (most recent call last):\n\xff\xfe\x00\n{torn\n" + b"[" * 100_000 + b"\n\n")
        file.write(b'{"timestamp": 7, "message": null, "service": "another"}\n2026-01-17T17:00:09Z plain with a time\n')
    append_entries(tmp_path, SERVICE, [entry(10, "last")])
    found = messages(tmp_path)
    assert (found[0], found[-2:]) == ("first", ["plain with a time", "last"])
    assert "Traceback (most recent call last):" in found
    assert {one.service for one in FileLogReader(tmp_path).entries([SERVICE], **ALWAYS)} == {SERVICE}
    assert messages(tmp_path, containing=["Traceback"]) == ["Traceback (most recent call last):"]


def test_a_line_before_any_time_is_left_out(tmp_path: Path) -> None:
    log_path(tmp_path, SERVICE).parent.mkdir()
    log_path(tmp_path, SERVICE).write_text("no time\n")
    assert messages(tmp_path) == []
    assert FileLogReader(tmp_path).newest(SERVICE, since=NOON) is None


def test_a_log_that_cannot_be_written_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file where the folder belongs")
    logger = logging.Logger("lib.test")
    logger.addHandler(JsonLinesHandler(log_path(tmp_path, SERVICE), service=SERVICE))
    logger.info("one")
    logger.info("two")
    assert capsys.readouterr().err.count("cannot be written") == 1


@given(st.text(max_size=200), st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_any_message_is_one_line_and_is_read_back(message: str, moment: datetime) -> None:
    line = encode(LogEntry(moment.replace(tzinfo=UTC), message, SERVICE))
    assert line.count(b"\n") == 1
    json.loads(line)
    found = decode(line, SERVICE, None)
    assert found is not None
    assert found.message == message
    assert found.timestamp == moment.replace(tzinfo=UTC)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(line: bytes) -> None:
    found = decode(line, SERVICE, NOON)
    assert found is None or found.timestamp.tzinfo is not None
