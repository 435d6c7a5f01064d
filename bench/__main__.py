"""`make bench` and `make bench-quick`: run the benchmarks, print the table, and write docs/BENCHMARKS.md."""

from __future__ import annotations

import compileall
import importlib
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import click

from bench.result import Result, as_markdown, memory_growth
from bench.setting import Setting
from lib.places import ROOT

DOCUMENT = ROOT / "docs" / "BENCHMARKS.md"
# Modules in the order of the table; each has a function `results(setting)`.
GROUPS = (
    "locks",
    "consolidation",
    "dbt",
    "requests",
    "jobs",
    "runbooks",
    "timeline",
    "duplicates",
    "site",
    "commands",
    "report_size",
    "masking",
)
_LIBRARIES = ("duckdb", "sqlglot", "papermill", "nbconvert", "ipykernel", "google-cloud-firestore")
_HEAD = """# Benchmarks

Both sides of a row were measured alternately, in one run on one machine. Times are medians, with the fastest and the
slowest run in brackets, followed by the peak memory of a process. Compare the ratios, not the times. Nothing is
disabled for the benchmarks: all figures in "ours" include checks, fence and ledger. `make bench` writes this page;
`make bench-quick` runs the same benchmarks with smaller sizes.
"""


@click.command()
@click.option("--quick", is_flag=True, help="Smaller sizes, fewer rounds; writes no document.")
@click.option("--only", multiple=True, type=click.Choice(GROUPS), help="Only these groups; writes no document.")
def main(quick: bool, only: tuple[str, ...]) -> None:
    """Run the benchmarks and print each figure with its target."""
    # Compile first: the benchmarks measure the program, not Python's compiler.
    compileall.compile_dir(ROOT / "lib", quiet=1)
    started = perf_counter()
    results = []
    for result in _results(quick, only or GROUPS):
        results.append(result)
        click.echo(f"{result.standing:11}  {result.what}, against {result.against}")
        click.echo(f"             ours {result.ours}; theirs {result.theirs or '-'}")
        click.echo(f"             target {result.target}; figure {result.figure}")
        if result.why and not result.is_reached:
            click.echo(f"             why: {result.why}")
    for line in memory_growth(results):
        click.echo(line)
    minutes = (perf_counter() - started) / 60
    click.echo(f"{sum(result.is_reached for result in results)} of {len(results)} reached, in {minutes:.1f} min")
    if not (quick or only):
        DOCUMENT.write_text(_page(results, minutes), encoding="utf-8")
        click.echo(f"Written: {DOCUMENT}")


def _results(quick: bool, groups: tuple[str, ...]) -> Iterator[Result]:
    for name in groups:
        click.echo(f"\n{name.replace('_', ' ')}", err=True)
        with TemporaryDirectory(prefix="bench-") as folder:
            yield from importlib.import_module(f"bench.{name}").results(Setting(Path(folder), quick))


def _page(results: Sequence[Result], minutes: float) -> str:
    growth = [f"- {line}" for line in memory_growth(results)]
    parts = [_HEAD, _machine(minutes), "", as_markdown(results), "", "## Memory growth", "", *growth, ""]
    return "\n".join(parts)


def _machine(minutes: float) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} in {minutes:.0f} minutes: {os.cpu_count()} cores "
        f"({platform.machine()}), Python {platform.python_version()}, {libraries}."
    )


if __name__ == "__main__":
    sys.exit(main())
