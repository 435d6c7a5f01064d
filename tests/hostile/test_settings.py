"""Any environment and criteria files: valid settings, or one line that names the file."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from lib import places
from lib.environment import Environment, load_environment
from lib.errors import UserError
from lib.operations.criteria.criteria import Criterion
from lib.settings_file import load_settings
from tests.environments import NEEDED, NEEDED_SETTINGS
from tests.hostile.hostile import FRAGMENTS, MEGABYTE

BUT_TABLE, BUT_TIMEZONE = (re.sub(rf"^{name}: .*\n", "", NEEDED, flags=re.M) for name in ("table", "timezone"))
LAYERS = "\n".join(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in pairwise("abcdefgh"))


def loaded(folder: Path, content: str | bytes) -> Environment | str:
    """Return the environment, or the error about its file."""
    (folder / "e.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNBOOK_ENVIRONMENTS", str(folder))
        try:
            return load_environment("e")
        except UserError as error:
            return str(error)


def assert_told(said: Environment | str) -> None:
    assert isinstance(said, str)
    assert "e.yaml: " in said or "e.yaml cannot be read" in said or "e.yaml has no settings" in said
    assert "\n" not in said
    assert len(said) < 1500


@pytest.mark.parametrize(
    "content",
    [
        "[" * 20_000,
        "{a: " * 5_000,
        "&a [*a]",
        "!!python/object/apply:os.system ['touch hacked']",
        f"a: &a [x, x, x]\n{LAYERS}\n{BUT_TIMEZONE}timezone: *h\n",
        f"{NEEDED}region: !!python/name:os.system ''\n",
        f"{NEEDED}region: !!bool x\n",
        f"{NEEDED}region: !!int ''\n",
        f"{NEEDED}region: !!timestamp x\n",
        f"{BUT_TIMEZONE}timezone: 2026-13-45\n",
        f"{NEEDED}project: y\n",
        f"{NEEDED}name: ../../elsewhere\n",
        f"{NEEDED}1: 2\n",
        f"{NEEDED}? {'x' * 100_000}\n: 1\n",
        f"{BUT_TABLE}table: 5\n",
        f"{BUT_TABLE}table: [name]\n",
        f"{BUT_TABLE}table: {{name: 'a.b`; DROP TABLE x; --'}}\n",
        f"{BUT_TABLE}table: {{name: a.b, date_column: day, key_columns: ['a` --']}}\n",
        f"{NEEDED}lock: {{max_wait_seconds: .nan}}\n",
        f"{NEEDED}lock: {{max_wait_seconds: .inf}}\n",
        f"{NEEDED}lock: {{max_wait_seconds: -1}}\n",
        f"{NEEDED}lock: {{max_wait_seconds: {'9' * 5_000}}}\n",
        f"{NEEDED}lock: {{lease_seconds: .nan}}\n",
        f"{NEEDED}lock: {{lease_seconds: 1.0e+300}}\n",
        f"{NEEDED}notifications: {{timeout_seconds: .nan}}\n",
        f"{NEEDED}google: {{query_limit_gb: .nan}}\n",
        f"{NEEDED}redact: {{patterns: ['{'(' * 2_000}{')' * 2_000}']}}\n",
        f"{NEEDED}redact: {{patterns: ['a{{99999999999}}']}}\n",
        f'{NEEDED}region: "\\ud800"\n',
        f'{NEEDED}region: "a\\0b"\n',
        f'{BUT_TIMEZONE}timezone: "\\u202e"\n',
        f"{BUT_TIMEZONE}timezone: Mars/Olympus\n",
        f"{BUT_TIMEZONE}timezone: ../../etc/passwd\n",
        f"{BUT_TABLE}table: {{name: a.b, date_column: day, key_columns: [game_id, Game_ID]}}\n",
        f"{BUT_TABLE}table: {{name: a.b, key_columns: [id], date_column: day, lock_scope: table}}\n",
        f"{NEEDED}batch_state: {{path: ../../etc/passwd}}\n",
        f"{NEEDED}batch_state: {{collection: prediction_batches}}\n",
        f"{NEEDED}batch_state: {{stuck_after_minutes: .nan}}\n",
        f"{NEEDED}staging: 5\n",
        f"{NEEDED}staging: {{name: '_staging_{{batch}}'}}\n",
        f"{NEEDED}staging: {{name: '`{{batch}}_{{worker}}'}}\n",
        f"{NEEDED}staging: {{name: 'consolidation_{{batch}}_{{worker}}'}}\n",
        f"{NEEDED}staging: {{workers: ['{'(' * 2_000}']}}\n",
        f"{NEEDED}staging: {{workers: [5]}}\n",
        f"{BUT_TABLE}table: {{name: a.b, key_columns: [id], date_column: day, staging: {{}}}}\n",
        f"{BUT_TABLE}table: {{name: a.{'b' * 251}, key_columns: [id], date_column: day}}\n",
        *(
            f"{NEEDED}due: {due}\n"
            for due in (
                "5",
                "[query]",
                "{}",
                "{when: always}",
                "{calendar: {}}",
                "{query: 'SELECT day, units FROM t', calendar: {weekdays: [Mon]}}",
                "{query: 'SELECT d, @since, @until FROM t'}",
                "{query: 'SELECT * FROM t WHERE d BETWEEN @since AND @until'}",
                "{query: 'SELECT t.*, 1 FROM t WHERE d BETWEEN @since AND @until'}",
                "{query: 'SELECT d, n FROM t WHERE d BETWEEN @since AND @until AND @x'}",
                "{query: 'SELECT d, n FROM t WHERE d BETWEEN @since AND @until AND n = ?'}",
                "{query: 'SELECT d, n INTO x FROM t WHERE d BETWEEN @since AND @until'}",
                "{query: 'SELECT d, n FROM t WHERE d BETWEEN @since AND @until; DROP TABLE t'}",
                "{query: 'SELECT d, n FROM t WHERE d = @since -- @until'}",
                "{query: \"SELECT d, n FROM EXTERNAL_QUERY('c', 'DELETE FROM t') WHERE d BETWEEN @since AND @until\"}",
                "{query: 'DELETE FROM t WHERE d BETWEEN @since AND @until'}",
                "{query: 'CALL p(@since, @until)'}",
                "{query: 'BEGIN SELECT @since, @until; END'}",
                "{query: 'CREATE TABLE x AS SELECT d, n FROM t WHERE d BETWEEN @since AND @until'}",
                f"{{query: 'SELECT {'(' * 3_000}'}}",
                f"{{query: 'SELECT d, n FROM t WHERE {'d' * 20_000}'}}",
                "{query: 'SELECT d, (', calendar: {weekdays: [Mon]}}",
                "{table: schedule}",
                "{table: {name: schedule, date_column: day}}",
                "{table: {name: a.b}}",
                "{table: {name: a.b, date_column: 'day` --'}}",
                "{table: {name: a.b, date_column: day, where: {'x` --': [1]}}}",
                "{table: {name: a.b, date_column: day, where: {status: []}}}",
                "{table: {name: a.b, date_column: day, where: 'TRUE; DROP TABLE x'}}",
                "{table: {name: a.b, date_column: day, where: {status: [2026-01-17]}}}",
                "{table: {name: a.b, date_column: day}, query: x}",
                "{calendar: {weekdays: [Monday]}}",
                "{calendar: {seasons: [{first: 2026-10-20, last: 2026-01-01}]}}",
                "{calendar: {seasons: [{first: 2026-10-20}]}}",
                "{calendar: {seasons: [{first: 2026-02-30, last: 2026-03-01}]}}",
                "{calendar: {seasons: [{first: 2026-01-01, last: 2026-06-01}, {first: 2026-06-01, last: 2026-07-01}]}}",
                "{calendar: {seasons: [{first: 2026-01-01, last: 2026-06-01}], "
                "breaks: [{first: 2026-07-01, last: 2026-07-02}]}}",
                f"{{calendar: {{breaks: [{{first: 2026-07-01, last: 2026-07-02, name: {'x' * 99}}}]}}}}",
                "{calendar: {weekdays: [Mon]}, by_hour: 0}",
                "{calendar: {weekdays: [Mon]}, by_hour: .nan}",
                "{calendar: {weekdays: [Mon]}, by_hour: 17:30}",
                '{calendar: {weekdays: [Mon]}, units: "a\\u202eb"}',
            )
        ),
        b"\xff\xfe",
        b"a: \0",
        "",
        "x" * MEGABYTE,
    ],
    ids=lambda content: repr(content)[:40],
)
def test_an_invalid_environment_is_reported_in_one_line(tmp_path: Path, content: str | bytes) -> None:
    assert_told(loaded(tmp_path, content))


@pytest.mark.parametrize(
    "query",
    [
        "-- games\nSELECT d, n FROM t WHERE d BETWEEN @since AND @until;",
        "WITH days AS (SELECT d FROM UNNEST(GENERATE_DATE_ARRAY(@since, @until)) AS d) "
        "SELECT d, COUNT(t.id) FROM days LEFT JOIN `my-project.raw.t` AS t USING (d) GROUP BY d",
    ],
)
def test_a_due_query_may_be_any_select_of_two_columns(tmp_path: Path, query: str) -> None:
    said = loaded(tmp_path, f"{NEEDED}{yaml.safe_dump({'due': {'query': query}})}")
    assert isinstance(said, Environment), said
    assert said.due is not None
    assert said.due.query == query


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(FRAGMENTS.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
settings_of = st.dictionaries(
    st.sampled_from(
        [
            "platform",
            "project_id",
            "timezone",
            "services",
            "lock",
            "table",
            "staging",
            "redact",
            "google",
            "region",
            "batch_state",
            "due",
        ]
    ),
    values,
)


@given(settings=settings_of)
@example(settings={"platform": "embedded", "project_id": "x", "services": {"worker": FRAGMENTS["shell"]}})
def test_any_settings_are_an_environment_or_an_error_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]
) -> None:
    complete = {**NEEDED_SETTINGS, **settings}
    found = loaded(tmp_path_factory.mktemp("settings"), yaml.safe_dump(complete))
    if not isinstance(found, Environment):
        assert_told(found)


@pytest.mark.parametrize("threshold", [".nan", ".inf", "'; DROP TABLE x'", "9" * 5_000, "!!float x"])
def test_a_criterion_needs_a_threshold_that_can_be_met(tmp_path: Path, threshold: str) -> None:
    path = tmp_path / "criteria.yaml"
    path.write_text(
        "success:\n- {id: a, text: t, metric: duplicates, healthy: at_most, otherwise: FAIL, "
        f"threshold: {threshold}}}\n"
    )
    with pytest.raises(UserError, match=r"^[^\n]*criteria\.yaml[^\n]*$"):
        load_settings(path, dict[str, tuple[Criterion, ...]])


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1e9", "2026-01-17", "💥"])
def test_runbook_now_must_be_a_time_at_which_a_period_can_end(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    monkeypatch.setenv("RUNBOOK_NOW", moment)
    with pytest.raises(UserError, match="RUNBOOK_NOW"):
        places.now()
