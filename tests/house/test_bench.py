"""The benchmarks run, and show clearly which targets were missed."""

import importlib
import os
import subprocess
import sys

import pytest

from bench.__main__ import DOCUMENT, GROUPS
from bench.measure import Sample, Side, command
from bench.result import Difference, Ratio, Result, as_markdown, from_sides, memory_growth
from lib.places import ROOT


def side(*seconds: float, peak_mb: float = 10.0) -> Side:
    return Side([Sample(one, peak_mb) for one in seconds])


@pytest.mark.parametrize(
    ("target", "ours", "reached", "figure"),
    [
        (Ratio(1.5), 1.5, True, "1.50 times"),
        (Ratio(1.5), 1.6, False, "1.60 times"),
        (Ratio(1 / 4), 0.25, True, "4.0 times faster"),
        (Ratio(1 / 4), 0.26, False, "3.8 times faster"),
        (Difference(0.3), 1.25, True, "+0.25 s"),
        (Difference(0.3), 1.4, False, "+0.40 s"),
    ],
)
def test_a_median_is_compared_with_its_target(
    target: Ratio | Difference, ours: float, reached: bool, figure: str
) -> None:
    result = from_sides("work", "by hand", target, side(0.01, ours, 99), side(1), why="it is hard")
    assert (result.is_reached, result.figure) == (reached, figure)
    table = as_markdown([result])
    assert ("NOT REACHED" in table, "it is hard" in table) == (not reached, not reached)


def test_a_benchmark_that_could_not_run_is_unknown() -> None:
    assert "UNKNOWN" in as_markdown([Result("lock", "a server", "", "", "", "UNKNOWN", False, "no server here")])


def test_memory_growth_is_per_row() -> None:
    few, many = (
        from_sides(f"rows: {rows:,}", "by hand", Ratio(2), side(1, peak_mb=peak), side(1), rows=rows)
        for rows, peak in ((1_000, 100), (1_001_000, 300))
    )
    [line] = memory_growth([few, many])
    assert "100 to 300 MB (200 bytes per row)" in line
    assert "10 to 10 MB (0 bytes per row)" in line


def test_a_failed_command_is_not_a_measurement() -> None:
    with pytest.raises(RuntimeError, match="exited with 3: so it went"):
        command([sys.executable, "-c", "print('so it went'); raise SystemExit(3)"])


def test_memory_is_that_of_the_command_and_not_of_the_measuring_process() -> None:
    held = bytearray(150_000_000)
    assert command([sys.executable, "-c", "pass"]).peak_mb < 50 < len(held)


def test_every_group_exists_and_one_runs() -> None:
    assert all(callable(importlib.import_module(f"bench.{name}").results) for name in GROUPS)
    before = DOCUMENT.read_bytes() if DOCUMENT.exists() else None
    told = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--only", "commands"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "`runbook list`, against `python -c pass`" in told.stdout
    assert "target at most 0.30 s more; figure" in told.stdout
    assert (DOCUMENT.read_bytes() if DOCUMENT.exists() else None) == before
