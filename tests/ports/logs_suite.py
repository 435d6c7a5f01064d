"""The conformance suite of the `LogReader` port, for every adapter.

An adapter's test file subclasses `LogReaderSuite` and implements the writing of lines to its log.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.errors import SourceUnavailable
from lib.ports.logs import ERROR_SEVERITIES, LogEntry, LogReader

WORKER, COORDINATOR = "prediction-worker", "prediction-coordinator"
START = datetime(2026, 1, 17, 12, 0, 0, 250_000, tzinfo=UTC)
END = START + timedelta(hours=1)

# Texts that could break out of a query, a JSON line or a report, and texts that differ only in case or form.
HOSTILE = (
    *('") OR severity>=DEFAULT OR ("', 'x" AND NOT textPayload:"y', "\\", '\\"', '"', "'", "{", '{"timestamp": 7}'),
    *("a\nb", "a\r\nb", " ", "\t", "\x00", "\x1b[31m", "\u2028", "<script>", "ERROR", "MERGE", "merge", "ﬀ İß", "🔒"),
)
LINES = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8"), max_size=20)


@dataclass(frozen=True)
class Logs:
    """A reader, and its logs.

    Attributes:
        reader: The adapter.
        write: Replaces all lines of the logs with these, in this order.
        make_unreadable: Makes the logs unreadable from now on.
    """

    reader: LogReader
    write: Callable[[Sequence[LogEntry]], None]
    make_unreadable: Callable[[], None]


def line(seconds: float, message: str, *, service: str = COORDINATOR, **more: Any) -> LogEntry:
    return LogEntry(START + timedelta(seconds=seconds), message, service, **more)


class LogReaderSuite(abc.ABC):
    """The conformance suite."""

    @pytest.fixture
    @abc.abstractmethod
    def logs(self) -> Logs:
        """Logs of services that logged nothing."""

    def read(self, logs: Logs, *services: str, **asked: Any) -> list[str]:
        period = {"since": START, "until": END}
        found = logs.reader.entries(services or (WORKER, COORDINATOR), **{**period, **asked})
        return [entry.message for entry in found]

    def test_a_line_comes_back_as_it_was_logged(self, logs: Logs) -> None:
        structured = line(
            1, "MERGE complete", revision="r-1", instance="00ab", severity="WARNING", fields={"batch": "b1", "rows": 5}
        )
        plain = line(2.000001, "🔒 plain " + "and long " * 10_000, service=WORKER)
        logs.write([structured, plain])
        found = list(logs.reader.entries([WORKER, COORDINATOR], since=START, until=END))
        assert found == [structured, plain]
        assert {entry.timestamp.tzinfo for entry in found} == {UTC}

    def test_lines_of_several_services_come_by_time(self, logs: Logs) -> None:
        services = (WORKER, COORDINATOR, f"{COORDINATOR}-2")
        logs.write([line(7 * n % 100, f"{7 * n % 100:02} {n % 3}", service=services[n % 3]) for n in range(100)])
        found = self.read(logs)
        assert found == sorted(found)
        assert {message[-1] for message in found} == {"0", "1"}
        assert found == self.read(logs, COORDINATOR, WORKER, COORDINATOR)
        assert len(found) == 67

    def test_the_period_is_half_open_to_the_microsecond(self, logs: Logs) -> None:
        logs.write([line(-1e-6, "before"), line(0, "first"), line(3600 - 1e-6, "last"), line(3600, "after")])
        assert self.read(logs) == ["first", "last"]
        elsewhere = timezone(timedelta(hours=-8))
        assert self.read(logs, since=START.astimezone(elsewhere), until=END.astimezone(elsewhere)) == ["first", "last"]
        assert self.read(logs, until=START) == []
        always = {"since": datetime.min.replace(tzinfo=UTC), "until": datetime.max.replace(tzinfo=UTC)}
        assert self.read(logs, **always) == ["before", "first", "last", "after"]

    def test_no_lines_and_no_services_give_empty_results(self, logs: Logs) -> None:
        assert (self.read(logs), logs.reader.newest(WORKER, since=START)) == ([], None)
        logs.write([line(1, "there")])
        assert self.read(logs, WORKER) == []
        assert list(logs.reader.entries([], since=START, until=END)) == []

    def test_only_lines_with_a_text_or_errors_are_returned(self, logs: Logs) -> None:
        lines = [
            line(1, "MERGE complete: 587 rows"),
            line(2, "merge complete in lower case"),
            line(3, "MERGE complete too", fields={"batch": "b1"}),
            line(4, "fine, no ERROR", severity="WARNING"),
            *(line(5, severity, severity=severity) for severity in sorted(ERROR_SEVERITIES)),
        ]
        logs.write(lines)
        held, errors = ["MERGE complete: 587 rows", "MERGE complete too"], sorted(ERROR_SEVERITIES)
        assert self.read(logs, containing=["MERGE complete"]) == held
        assert self.read(logs, containing=["587", "too"]) == held
        assert sorted(self.read(logs, containing=["no such"], or_errors=True)) == errors
        assert sorted(self.read(logs, containing=["MERGE complete"], or_errors=True)) == sorted([*held, *errors])
        everything = [entry.message for entry in lines]
        assert sorted(self.read(logs, or_errors=True)) == sorted(self.read(logs, containing=[""])) == sorted(everything)

    def test_any_text_finds_exactly_the_lines_that_contain_it(self, logs: Logs) -> None:
        @settings(max_examples=60)
        @given(st.lists(LINES, min_size=1, max_size=4), st.lists(LINES, max_size=4))
        def check(texts: list[str], others: list[str]) -> None:
            logged = [text for text in [*texts, *others, *(f"a{text}b" for text in texts)] if text]
            logs.write([line(number, text) for number, text in enumerate(logged)])
            assert self.read(logs, containing=texts) == [text for text in logged if any(one in text for one in texts)]

        check()

    def test_texts_are_many_and_long(self, logs: Logs) -> None:
        """More than fits in a query: 700 batches of one night, and one text of that length."""
        logs.write([line(1, "batch=0699"), line(2, "batch=0700"), line(3, f"{'é' * 30_000}!")])
        batches = [f"batch={number:04}" for number in range(700)]
        assert self.read(logs, containing=batches) == ["batch=0699"]
        assert self.read(logs, containing=["é" * 30_000]) == [f"{'é' * 30_000}!"]

    @pytest.mark.parametrize("service", ["../secret", 'x" OR "y', "", "-", "ü", "a\nb", "a" * 101])
    def test_an_invalid_service_name_is_refused(self, logs: Logs, service: str) -> None:
        with pytest.raises(SourceUnavailable, match="is not the name of a service") as refusal:
            self.read(logs, WORKER, service)
        assert "\n" not in str(refusal.value)
        with pytest.raises(SourceUnavailable, match="is not the name of a service"):
            logs.reader.newest(service, since=START)

    def test_newest_is_the_greatest_time_and_not_the_last_line(self, logs: Logs) -> None:
        logs.write([line(9, "now"), line(1, "history"), line(30, "another's", service=WORKER)])
        now = START + timedelta(seconds=9)
        assert logs.reader.newest(COORDINATOR, since=START) == now
        assert logs.reader.newest(COORDINATOR, since=now) == now
        assert logs.reader.newest(COORDINATOR, since=now + timedelta(microseconds=1)) is None

    def test_logs_that_cannot_be_read_are_not_empty(self, logs: Logs) -> None:
        logs.write([line(1, "there")])
        logs.make_unreadable()
        with pytest.raises(SourceUnavailable):
            self.read(logs)
        with pytest.raises(SourceUnavailable):
            logs.reader.newest(COORDINATOR, since=START)
