"""docs/reference is what the code says now, and what it says of settings is what the loaders take."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError, validate  # which nbformat brings

from lib.archive.record import to_json
from lib.environment import load_environment
from lib.errors import UserError
from lib.operations.quality.rules import QualityRules, load_rules
from lib.schedule.settings import load_schedule
from lib.verdict.verdict import Verdict
from tests.house.reference import run_json, settings
from tests.house.reference.fields import REQUIRED, Row, meaning_of, plain
from tests.house.reference.pages import FOLDER, pages
from tests.site.runs import REPAIR, record

NEEDED = """
platform: embedded
project_id: local
timezone: UTC
table: {name: shop.orders, key_columns: [order_id], date_column: day}
"""


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder of params, with the least that an environment can say."""
    folder = tmp_path / "params"
    (folder / "environments").mkdir(parents=True)
    (folder / "environments" / "local.yaml").write_text(NEEDED)
    monkeypatch.setenv("RUNBOOK_PROJECT", str(tmp_path))
    return folder


def defaults(sections: list[settings.Section]) -> dict[str, Any]:
    """A file that says every default which the page names, and nothing else."""
    content: dict[str, Any] = {}
    rows = [row for section in sections for row in section.rows]
    for row in rows:
        if "[]" not in row.key and row.default is not REQUIRED and not in_optional(row, rows):
            *above, name = row.key.split(".")
            below = content
            for key in above:
                below = below.setdefault(key, {})
            below[name] = plain(row.default)
    return content


def in_optional(row: Row, rows: list[Row]) -> bool:
    """Whether an enclosing setting has a default, which covers this one."""
    return any(row.key.startswith(f"{other.key}.") for other in rows)


def test_the_committed_pages_are_current() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()}
    stale = [name for name in committed.keys() | pages().keys() if committed.get(name) != pages().get(name)]
    assert stale == [], "make readme"


def test_every_setting_and_every_field_of_a_record_says_what_it_means() -> None:
    files = [settings.environment(), settings.schedule(), settings.criteria(), settings.dialect()]
    rows = [row for sections in (*files, settings.sections_of(QualityRules)) for each in sections for row in each.rows]
    assert [row.key for row in rows if not row.meaning] == []
    record = [(kind, each.name) for kind in run_json.kinds() for each in fields(kind)]
    assert [f"{kind.__name__}.{name}" for kind, name in record if not meaning_of(kind, name)] == []


def test_the_schema_describes_what_is_written() -> None:
    schema = json.loads((FOLDER / run_json.SCHEMA).read_text(encoding="utf-8"))
    written = json.loads(to_json(record(Verdict.FAIL, changed=(REPAIR,))))
    validate(written, schema)
    with pytest.raises(ValidationError, match="run_id"):
        validate({name: value for name, value in written.items() if name != "run_id"}, schema)


def test_the_defaults_of_an_environment_are_those_that_the_page_names(params: Path) -> None:
    expected = load_environment("local")
    needed = yaml.safe_load(NEEDED)
    written = defaults(settings.environment())
    del written["due"]  # left out it is null, and an empty one is refused
    written["staging"]["service"] = written["services"]["worker"] = "worker"
    written["services"]["coordinator"] = "coordinator"
    content = {**written, **needed, "table": {**written["table"], **needed["table"]}}
    (params / "environments" / "local.yaml").write_text(yaml.safe_dump(content))
    assert load_environment("local") == expected


@pytest.mark.parametrize("name", ["name", "table_spec", "table.table", "table.staging", "services.repositories"])
def test_what_the_page_leaves_out_of_an_environment_is_refused(params: Path, name: str) -> None:
    section, _, key = name.rpartition(".")
    content = {"services": {"worker": "a", "coordinator": "b"}, **yaml.safe_load(NEEDED)}
    (content[section] if section else content)[key] = {}
    (params / "environments" / "local.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=key):
        load_environment("local")


def test_the_defaults_of_a_schedule_are_those_that_the_page_names(params: Path) -> None:
    needed = {"runbook": "day1_monitoring", "cron": "0 * * * *"}
    (params / "schedule.yaml").write_text(yaml.safe_dump({"entries": {"nightly": needed}}))
    expected = load_schedule()
    content = defaults(settings.schedule())
    content["environment"] = "local"
    entry = {key: value for key, value in content["entries"]["NAME"].items() if key not in content}
    (params / "schedule.yaml").write_text(yaml.safe_dump({**content, "entries": {"nightly": {**entry, **needed}}}))
    assert load_schedule() == expected


def test_the_defaults_of_quality_are_those_that_the_page_names(tmp_path: Path) -> None:
    file = tmp_path / "quality.yaml"
    file.write_text(yaml.safe_dump(defaults(settings.sections_of(QualityRules))))
    assert load_rules(file) == QualityRules()
