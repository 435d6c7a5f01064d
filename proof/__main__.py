"""`make proof`, and the replay of one schedule: `python -m proof replay VARIANT SEED`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from proof.part import PartResult

DOCUMENT = Path(__file__).parents[1] / "docs" / "PROOF.md"
_HEAD = """# Nothing lost, nothing twice

The claim: whatever fails, and however consolidations interleave, no business key is written twice and no staged row is
lost. This page is the output of `make proof`; every change must pass a smaller version, `tests/proof`.

To replay one schedule and print its history: `python -m proof replay VARIANT SEED`.
"""


@click.group()
def cli() -> None:
    """Test the claim."""


@cli.command()
@click.option(
    "--schedules", default=10_000, show_default=True, help="Number of simulated schedules of the unchanged library."
)
@click.option(
    "--most", default=10_000, show_default=True, help="Maximum number of schedules to try for each weakened variant."
)
@click.option("--kills", default=300, show_default=True, help="Number of real processes to kill.")
@click.option("--seed", default=0, show_default=True, help="The first seed.")
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Number of parallel processes.")
def run(schedules: int, most: int, kills: int, seed: int, jobs: int) -> None:
    """Run simulation, model and real processes; write docs/PROOF.md."""
    from proof.model.result import check_model
    from proof.processes import process_campaign
    from proof.simulation_result import simulate

    results = []
    for part in (
        lambda: simulate(schedules, seed, most, jobs),
        check_model,
        lambda: process_campaign(kills, seed),
    ):
        result = part()
        click.echo(f"{'holds ' if result.holds else 'NOT SHOWN'}  {result.title}: {result.summary}")
        results.append(result)
    DOCUMENT.write_text(_document(results), encoding="utf-8")
    click.echo(f"Written: {DOCUMENT}")
    sys.exit(not all(result.holds for result in results))


def _document(results: list[PartResult]) -> str:
    summary = [
        f"| {result.title} | {result.summary} | {'holds' if result.holds else '**not shown**'} |" for result in results
    ]
    sections = [f"## {result.title}\n\n{result.markdown}\n" for result in results]
    return "\n".join([_HEAD, "| part | found | |", "| --- | --- | --- |", *summary, "", *sections])


@cli.command()
@click.argument("variant")
@click.argument("seed", type=int)
def replay(variant: str, seed: int) -> None:
    """Replay one schedule and print its history."""
    import logging

    from proof.campaign import variants
    from proof.world import World

    if variant not in variants():
        raise click.BadParameter(
            f"unknown variant {variant!r}; use one of {', '.join(variants())}", param_hint="VARIANT"
        )
    logging.disable(logging.CRITICAL)
    world = World(seed, variants()[variant])
    violations = world.play()
    click.echo("\n".join(world.simulation.history))
    click.echo("\n".join(f"VIOLATED {found.what}: {found.how}" for found in violations) or "no violation")
    sys.exit(bool(violations))


if __name__ == "__main__":
    cli()
