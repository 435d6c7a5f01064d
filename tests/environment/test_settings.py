"""Every setting of an environment: if it is missing, invalid or of the wrong type, one line names it and the remedy."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from lib.cli import cli
from lib.consolidation.retention import Retention
from lib.consolidation.staging_names import StagingNames
from lib.consolidation.table_spec import TableSpec
from lib.consolidation.upkeep.due_units import DueTable
from lib.environment import (
    BatchStateSettings,
    Calendar,
    Channel,
    Days,
    DueSettings,
    Environment,
    GoogleSettings,
    LockSettings,
    NotificationSettings,
    RedactionSettings,
    Repository,
    ServiceNames,
    load_environment,
)
from lib.errors import UserError
from lib.operations.criteria.criteria import load_criteria
from lib.operations.quality.rules import rules_of
from tests.environments import local

EMBEDDED: dict[str, Any] = {
    "platform": "embedded",
    "project_id": "x",
    "timezone": "Europe/Berlin",
    "region": "europe-west3",
    "unit": "order",
    "entity": "article",
    "dialects": ["library"],
    "quality": "quality.yaml",
    "criteria": "criteria.yaml",
    "approval": "digest",
    "services": {
        "worker": {"name": "w", "repository": "https://example.org/x.git", "branch": "main", "path": "src"},
        "coordinator": "c",
    },
    "lock": {"lease_seconds": 60, "max_wait_seconds": 5},
    "google": {
        "bigquery_location": "EU",
        "maximum_bytes_billed": 10**9,
        "query_limit_gb": 2.5,
        "firestore_database": "(default)",
        "lock_collections": ["other_locks"],
    },
    "redact": {"patterns": ["acct-[0-9]{8}"], "variables": ["A_SECRET"]},
    "notifications": {
        "channels": [{"variable": "CHANNEL", "minimum": "FAIL"}],
        "reports_url": "https://reports.example.org/",
        "timeout_seconds": 5,
    },
    "batch_state": {"path": "batches.json", "stuck_after_minutes": 10},
    "due": {
        "table": {
            "name": "shop.open_days",
            "date_column": "day",
            "date_type": "DATE",
            "unit_column": "store",
            "where": {"open": [1]},
        },
        "calendar": {
            "seasons": [{"first": "2026-01-01", "last": "2026-12-31", "name": "all year"}],
            "breaks": [{"first": "2026-05-01", "last": "2026-05-01"}],
            "weekdays": ["Mon", "Tue"],
        },
        "units": "stores",
        "by_hour": 20,
    },
    "retention": {"backups_days": 30, "ledger_days": 400, "actions_days": 400},
    "staging": {"name": "_staging_{batch}_{worker}", "workers": ["[a-z]+"], "service": "w"},
    "table": {
        "name": "shop.orders",
        "key_columns": ["order_id", "sku"],
        "date_column": "order_date",
        "date_type": "TIMESTAMP",
        "nullable_keys": ["sku"],
        "row_id_column": "row_id",
        "newest_first": ["updated_at"],
        "active_column": "is_active",
        "never_update": ["created_at"],
        "supersedes": ["order_id"],
        "stamped": ["updated_at"],
        "rounded_columns": ["sku"],
    },
}
GOOGLE: dict[str, Any] = {
    **{name: value for name, value in EMBEDDED.items() if name in ("project_id", "timezone", "table")},
    "platform": "google",
    "batch_state": {"collection": "batches"},
    "due": {"query": "SELECT day, COUNT(*) AS n FROM shop.days WHERE day BETWEEN @since AND @until GROUP BY day"},
}
SECTIONS = (
    *(Environment, TableSpec, StagingNames, ServiceNames, LockSettings, GoogleSettings, RedactionSettings, Channel),
    *(NotificationSettings, BatchStateSettings, DueSettings, Calendar, Days, DueTable, Repository, Retention),
)
# Not in any file: an environment's name is that of its file, and the others are read from a section.
FROM_ELSEWHERE = {"table_spec", "repositories"}

NEEDED = [
    *(("platform",), ("project_id",), ("timezone",), ("table",)),
    *(("table", "name"), ("table", "key_columns"), ("table", "date_column")),
    *(("services", "worker"), ("services", "coordinator"), ("services", "worker", "repository")),
    *(("notifications", "channels", 0, "variable"), ("due", "table", "name"), ("due", "table", "date_column")),
    *(("due", "calendar", "seasons", 0, "first"), ("due", "calendar", "seasons", 0, "last")),
]
WRONG = [
    (("platform",), "mainframe"),
    (("timezone",), "Mars/Olympus"),
    (("unit",), "-1"),
    (("entity",), "an\narticle"),
    (("quality",), "../quality.yaml"),
    (("criteria",), "criteria"),
    (("approval",), "three_people"),
    (("services", "coordinator"), "w"),
    (("services", "worker", "branch"), "--all"),
    (("lock", "lease_seconds"), 0),
    (("lock", "max_wait_seconds"), -1),
    (("google", "maximum_bytes_billed"), 0),
    (("google", "maximum_bytes_billed"), 1.5),
    (("google", "query_limit_gb"), 0),
    (("google", "lock_collections"), ["consolidation_locks"]),
    (("redact", "patterns"), ["("]),
    (("redact", "variables"), ["slack://Token"]),
    (("notifications", "channels", 0, "minimum"), "PASS"),
    (("notifications", "timeout_seconds"), 0),
    (("batch_state", "path"), "../x"),
    (("batch_state", "stuck_after_minutes"), 0),
    (("due", "by_hour"), 49),
    (("due", "calendar", "weekdays"), ["Monday"]),
    (("due", "table", "where"), {"open": []}),
    (("retention", "backups_days"), 0),
    (("retention", "ledger_days"), 3),
    (("retention", "actions_days"), 0.5),
    (("staging", "name"), "_staging_{batch}"),
    (("staging", "workers"), ["("]),
    (("table", "name"), "orders"),
    (("table", "key_columns"), []),
    (("table", "key_columns"), ["sku", "SKU"]),
    (("table", "date_column"), ""),
    (("table", "date_column"), "the date"),
    (("table", "date_type"), "TIME"),
    (("table", "newest_first"), ["a;"]),
    (("table", "supersedes"), ["order_id", "sku"]),
    (("table", "stamped"), ["order_date"]),
]
Place = tuple[str | int, ...]


def places_of(settings: Any, place: Place = ()) -> Iterator[Place]:
    """Return the path of every setting and section below."""
    items = settings.items() if isinstance(settings, dict) else enumerate(settings)
    for name, value in items:
        yield (*place, name)
        if isinstance(value, dict | list):
            yield from places_of(value, (*place, name))


def at(settings: Any, place: Place) -> Any:
    for step in place:
        settings = settings[step]
    return settings


def changed(settings: dict[str, Any], place: Place, value: Any = None) -> dict[str, Any]:
    """Return the settings with another value there; None removes it."""
    new = copy.deepcopy(settings)
    below = at(new, place[:-1])
    if value is None:
        del below[place[-1]]
    else:
        below[place[-1]] = value
    return new


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    return tmp_path


def said(folder: Path, settings: dict[str, Any]) -> str:
    """Return the single error line of a command with this environment."""
    (folder / "e.yaml").write_text(yaml.safe_dump(settings))
    result = CliRunner().invoke(cli, ["duplicates", "--date", "2026-01-17", "--env", "e"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    assert str(folder / "e.yaml") in result.stderr
    return result.stderr


def assert_named(place: Place, line: str) -> None:
    """Check that section and setting are named; for a season its calendar, for a repository its section."""
    sections = [re.escape(str(step)) for step in place if step not in ("name", "worker", "seasons", 0, "where")]
    assert re.search(r"\b.*".join(sections), line), line


def test_every_setting_is_tried() -> None:
    names = {place[-1] for settings in (EMBEDDED, GOOGLE) for place in places_of(settings)}
    assert names >= {field.name for section in SECTIONS for field in fields(section)} - FROM_ELSEWHERE


def test_complete_settings_are_valid(folder: Path) -> None:
    for name, settings in (("embedded", EMBEDDED), ("google", GOOGLE)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))
        assert load_environment(name).table_spec.key_columns == ("order_id", "sku")


def test_a_missing_file_is_named_when_it_is_needed() -> None:
    for setting, needed in (("quality", rules_of), ("criteria", load_criteria)):
        assert needed(local(**{setting: ""}))  # the general rules
        with pytest.raises(
            UserError, match=rf"^environment local: {setting}: .*/elsewhere\.yaml does not exist; write it"
        ):
            needed(local(**{setting: "elsewhere.yaml"}))


@pytest.mark.parametrize("place", NEEDED, ids=str)
def test_a_missing_setting_is_named(folder: Path, place: Place) -> None:
    line = said(folder, changed(EMBEDDED, place))
    assert_named(place, line)
    assert "is missing; write " in line


@pytest.mark.parametrize("section", [place for place in places_of(EMBEDDED) if isinstance(at(EMBEDDED, place), dict)])
def test_an_unknown_setting_is_named(folder: Path, section: Place) -> None:
    if section == ("due", "table", "where"):  # any column
        return
    line = said(folder, changed(EMBEDDED, (*section, "tpyo"), 1))
    assert_named((*section, "tpyo"), line)
    assert "is not a setting; correct or remove it" in line


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        *((EMBEDDED, place) for place in places_of(EMBEDDED) if "open" not in place[:-1]),  # any values
        *((GOOGLE, place) for place in (("batch_state", "collection"), ("due", "query"))),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else value["platform"],
)
def test_a_setting_of_the_wrong_type_is_named(folder: Path, settings: dict[str, Any], place: Place) -> None:
    right = at(settings, place)
    for wrong in (
        ("many", True) if isinstance(right, int | float) else ("many",) if isinstance(right, list) else (5, True)
    ):
        assert_named(place, said(folder, changed(settings, place, wrong)))


@pytest.mark.parametrize(("place", "value"), WRONG, ids=str)
def test_an_invalid_setting_is_named(folder: Path, place: Place, value: Any) -> None:
    assert_named(place, said(folder, changed(EMBEDDED, place, value)))


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4h"


@pytest.mark.parametrize(
    ("signers", "complaint"),
    [
        (None, "is missing; write a line for each person"),
        ("", "names nobody; write a line for each person"),
        ("# alice\n\n  \n", "names nobody"),
        (f"alice {KEY}\nbob\n", "line 2 does not name people and their key"),
        (f"*@example.com {KEY}\n", "line 1 does not name"),
        (f"!mallory,alice {KEY}\n", "line 1 does not name"),
        (f"alice cert-authority {KEY}\n", "line 1 does not name"),
        (f'alice namespaces="git",cert-authority {KEY}\n', "line 1 does not name"),
        (f'"alice" {KEY}\n', "line 1 does not name"),
        (f"alice\x1b {KEY}\n", "line 1 does not name"),
        ("alice ssh-ed25519\n", "line 1 does not name"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_an_approval_by_people_needs_people(folder: Path, signers: str | bytes | None, complaint: str) -> None:
    file = folder / "e.allowed_signers"
    if signers is not None:
        file.write_bytes(signers if isinstance(signers, bytes) else signers.encode())
    for mode in ("person", "two_people"):
        line = said(folder, {**EMBEDDED, "approval": mode})
        assert f"approval: {mode} needs people who can sign: {file}" in line
        assert complaint in line


def test_lines_that_share_a_name_or_a_key_belong_to_one_person(folder: Path) -> None:
    other = KEY.replace("J4h", "abc")
    (folder / "e.allowed_signers").write_text(
        f"# ours\nAlice@example.com,alice {KEY} it's alice's\n"
        f'alice,al namespaces="consolidation-runbooks,a b",valid-before="20300101" {other}\n'
        f"alias {KEY}\nbob sk-ssh-ed25519@openssh.com AAAA\n"
    )
    (folder / "e.yaml").write_text(yaml.safe_dump({**EMBEDDED, "approval": "person"}))
    signers = load_environment("e").signers
    assert signers.person("ALICE") == signers.person("alias") == {"alice@example.com", "alice", "al", "alias"}
    assert signers.person("bob") == {"bob"}
    assert signers.person("mallory") == frozenset()
    assert KEY in signers.keys
