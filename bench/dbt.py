"""Consolidating a batch, compared with dbt: an incremental merge, and a test that the key is unique.

dbt has its own environment, `.venv-dbt`, with the same version of DuckDB. Both are measured as a call in a
warmed-up process, as in a service, and as a command.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.batch import DAY, ID, Batch
from bench.measure import Sample, command
from bench.result import Ratio, Result, compared
from bench.setting import RUNBOOK, Setting
from lib.places import ROOT

_ENVIRONMENT = ROOT / ".venv-dbt" / "bin"
_PROJECT = ROOT / "bench" / "dbt_project"
_TABLES = 15
_COMMAND = (
    "half of the time is the minimum in the next row, a fifth the call itself; the rest is this library's imports and "
    "translating the statements, which a service does only once"
)
_FLOOR = """
import click, duckdb, pydantic, sqlglot, tenacity, yaml
sqlglot.parse_one("SELECT a FROM b", read="bigquery").sql(dialect="duckdb")
with duckdb.connect({path!r}) as connection:
    connection.execute({merge!r})
"""


def results(setting: Setting) -> Iterator[Result]:
    if not (_ENVIRONMENT / "dbt").exists():
        why = f"`{ROOT.name}/.venv-dbt` is missing; `make bench` installs bench/dbt_project/requirements.txt there"
        yield Result("consolidation", "dbt with dbt-duckdb", "", "", "", "UNKNOWN", is_reached=False, why=why)
        return
    sizes = [(587, 1 / 5, 1 / 6, 7), *([] if setting.quick else [(1_000_000, 1.0, 1.0, 3)])]
    for rows, limit, command_limit, rounds in sizes:
        batch = Batch(setting.folder / str(rows), rows, _TABLES).make()
        yield compared(
            f"consolidation of {rows:,} rows from {_TABLES} tables, as a call",
            "dbt with dbt-duckdb, as a call",
            Ratio(limit),
            partial(batch.merged, "ours", setting.folder / "ours"),
            partial(_called, batch, setting.folder / "theirs"),
            rounds=setting.rounds(rounds),
        )
        yield compared(
            f"the same {rows:,} rows, as a command",
            "`dbt build`",
            Ratio(command_limit),
            partial(_commanded_ours, batch, setting),
            partial(_commanded_dbt, batch, setting.folder / "theirs"),
            rounds=setting.rounds(rounds),
            why=_COMMAND,
        )
        if rows == 587:
            yield compared(
                f"the same {rows:,} rows, as a command",
                "importing DuckDB, sqlglot, pydantic and click, and only the same MERGE",
                Ratio(2),
                partial(_commanded_ours, batch, setting),
                partial(_imports_and_merge, batch, setting.folder / "theirs"),
                rounds=setting.rounds(rounds),
                why=_COMMAND,
            )


def _called(batch: Batch, folder: Path) -> Sample:
    copied = batch.copy(folder)
    # The same tables, so that both builds are of the same project.
    Batch(folder / "first", _TABLES, _TABLES).make()
    # -P: the script's folder has modules with the same names as dbt and its imports.
    arguments = [str(_ENVIRONMENT / "python"), "-P", str(ROOT / "bench" / "dbt_build.py"), str(folder)]
    sample = command([*arguments, *_build_arguments(copied)])
    return replace(sample, seconds=float((folder / "seconds").read_text()))


def _commanded_dbt(batch: Batch, folder: Path) -> Sample:
    copied = batch.copy(folder)
    variables = {"WAREHOUSE": str(folder / "warehouse.duckdb")}
    return command([str(_ENVIRONMENT / "dbt"), "--quiet", "build", *_build_arguments(copied)], variables=variables)


def _imports_and_merge(batch: Batch, folder: Path) -> Sample:
    copied = batch.copy(folder)
    code = _FLOOR.format(path=str(copied.file), merge=copied.typed_merge)
    return command([sys.executable, "-c", code])


def _commanded_ours(batch: Batch, setting: Setting) -> Sample:
    batch.copy(Path(setting.variables["RUNBOOK_HOME"]))
    arguments = ["consolidate", "--batch", ID, "--date", str(DAY), "--keep-staging"]
    return command([RUNBOOK, *arguments], variables=setting.variables)


def _build_arguments(batch: Batch) -> list[str]:
    values = {"staging_tables": batch.staging_tables, "game_date": str(DAY)}
    arguments = [f"--project-dir={_PROJECT}", f"--profiles-dir={_PROJECT}", f"--vars={json.dumps(values)}"]
    return [*arguments, f"--target-path={batch.folder / 'target'}", f"--log-path={batch.folder / 'log'}"]
