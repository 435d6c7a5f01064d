"""Run dbt in a warmed-up process, with the Python of dbt's own environment.

    python bench/dbt_build.py FOLDER BUILD_ARGUMENTS...

FOLDER contains the warehouse of a small batch in ``first/`` and the warehouse of the measured batch. The seconds of
the second build are written to FOLDER/seconds.
"""

import os
import sys
from pathlib import Path
from time import perf_counter

from dbt.cli.main import dbtRunner


def build(warehouse: Path, arguments: list[str]) -> float:
    os.environ["WAREHOUSE"] = str(warehouse)
    started = perf_counter()
    result = dbtRunner().invoke(["--quiet", "build", *arguments])
    seconds = perf_counter() - started
    if not result.success:
        raise SystemExit(f"dbt build failed: {result.exception or result.result}")
    return seconds


folder = Path(sys.argv[1])
build(folder / "first" / "warehouse.duckdb", sys.argv[2:])
(folder / "seconds").write_text(str(build(folder / "warehouse.duckdb", sys.argv[2:])))
