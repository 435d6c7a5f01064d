"""Metrics for Prometheus: its own parser accepts them, and rules and dashboard use only these."""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lib.archive.archive import Archive
from lib.cli.metrics import write_textfile
from lib.errors import SourceUnavailable, UserError
from lib.metrics.exposition import as_text
from lib.metrics.runs import RunMetrics
from lib.metrics.table import TableMetrics
from lib.platform import Platform
from lib.verdict.verdict import Verdict
from tests.operations.changes.actions import BATCH, KEPT, consolidate, row, stage
from tests.operations.conftest import home, platform  # noqa: F401
from tests.site.runs import START, archive_run, record
from tests.site.serving import serving

DOCS = Path(__file__).parents[2] / "docs/metrics"
NOW = START + timedelta(hours=1)
_WORD = re.compile(r"\b(?:runbook|consolidation)_[a-z_]+")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(*sources: Any) -> Samples:
    families = text_string_to_metric_families(as_text(sources).decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def table(platform: Platform) -> Platform:  # noqa: F811
    stage(platform, [row(number) for number in range(4)])
    consolidate(platform)
    stage(platform, [row(9)], KEPT)
    return platform


def test_the_table_with_its_lock_and_its_staging(table: Platform) -> None:
    with table.locks.acquire(game_date="2026-01-17", batch_id=BATCH):
        found = samples(TableMetrics(table, datetime.now(UTC)))
    of = {"environment": "local"}
    assert value(found, "consolidation_locks", state="held", **of) == 1
    assert value(found, "consolidation_rows_total", rows="inserted", **of) == 4
    assert value(found, "consolidation_committed_total", **of) == 1
    assert value(found, "consolidation_backlog_rows", **of) == 1
    assert value(found, "consolidation_attempts", ended="completed", **of) == 1
    assert value(found, "consolidation_phase_seconds", phase="merge", quantile="1", **of) > 0
    assert value(found, "consolidation_duplicate_keys", day="today", **of) == 0
    assert {value(found, "consolidation_source_up", source=name, **of) for name in ("locks", "ledger", "logs")} == {1}


def test_what_cannot_be_read_is_left_out_and_not_0(table: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise SourceUnavailable("locks", "the lock store does not answer")

    monkeypatch.setattr(type(table.locks.store), "read_all", unreachable)
    found = samples(TableMetrics(table, datetime.now(UTC)))
    assert value(found, "consolidation_source_up", source="locks", environment="local") == 0
    assert not [name for name, _ in found if name.startswith("consolidation_lock")]


def test_the_last_verdicts_of_the_archive(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for hours, verdict in ((3, Verdict.PASS), (2, Verdict.FAIL), (1, Verdict.UNKNOWN)):
        at = START - timedelta(hours=hours)
        archive_run(archive, replace(record(), runbook="nightly", verdict=verdict, started_at=at, finished_at=at))
    found = samples(RunMetrics(archive, NOW))
    of = {"environment": record().environment, "runbook": "nightly"}
    assert {word: value(found, "runbook_verdict", verdict=word, **of) for word in Verdict} == {
        "PASS": 0,
        "WARN": 0,
        "UNKNOWN": 1,
        "FAIL": 0,
    }
    assert value(found, "runbook_last_pass_timestamp_seconds", **of) == (START - timedelta(hours=3)).timestamp()
    assert value(found, "runbook_last_run_timestamp_seconds", **of) == (START - timedelta(hours=1)).timestamp()


def test_rules_and_dashboard_use_existing_metrics(table: Platform, tmp_path: Path) -> None:
    text = as_text([RunMetrics(Archive(tmp_path), NOW), TableMetrics(table, datetime.now(UTC))]).decode()
    sent = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    rules = [rule["expr"] for rule in yaml.safe_load((DOCS / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]]
    panels = json.loads((DOCS / "grafana.json").read_text("utf-8"))["panels"]
    asked = {
        word for expr in [*rules, *(panel["targets"][0]["expr"] for panel in panels)] for word in _WORD.findall(expr)
    }
    assert len(asked) > 12
    assert asked <= sent
    documented = set(_WORD.findall((DOCS.parent / "how-to/metrics.md").read_text("utf-8")))
    assert sent <= documented


def test_a_file_for_the_collector_is_replaced_atomically(tmp_path: Path) -> None:
    write_textfile(tmp_path / "a.prom", b"one")
    write_textfile(tmp_path / "a.prom", b"two")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.prom": b"two"}
    with pytest.raises(UserError, match=r"\.prom"):
        write_textfile(tmp_path / "a.txt", b"")
    with pytest.raises(UserError, match=r"no/a.prom' cannot be written: No such file or directory; give a file"):
        write_textfile(tmp_path / "no" / "a.prom", b"")


def test_the_site_answers_scrapes_if_enabled(tmp_path: Path) -> None:
    archive_run(Archive(tmp_path), record())
    with serving(str(tmp_path), "--metrics", "local") as (_, port):
        status, kind, text = scraped(port)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"runbook_verdict", "consolidation_source_up"} <= names
    with serving(str(tmp_path)) as (_, port):
        assert scraped(port)[0] == 404


def scraped(port: int) -> tuple[int, str | None, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()
