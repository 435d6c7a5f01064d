"""The part of the proof that is simulated."""

from __future__ import annotations

from proof.campaign import Broken, Tally, break_all, break_promises, tally_in_parallel
from proof.checks import PROMISES
from proof.moving_lines import MOVING_OFF, MOVING_SECOND_LINES
from proof.original import ORIGINAL, WEAKNESSES
from proof.part import PartResult
from proof.variant import OURS, OURS_MOVING, Variant
from proof.variants import DEFENCES_OFF, SECOND_LINES

_SCHEDULES_OF_THE_ORIGINAL = 500
_SCHEDULES_OF_SECOND_LINES = 1_000
_SHARE_OF_MOVING_LINES = 4
_OFF = (*DEFENCES_OFF, *MOVING_OFF)
_SECOND = (*SECOND_LINES, *MOVING_SECOND_LINES)
_HEADING = (
    "| variant | what is different | what broke | schedules until found | seed |",
    "| --- | --- | --- | ---: | ---: |",
)


def simulate(schedules: int, first_seed: int, most: int, processes: int) -> PartResult:
    """Simulate the library, and search for what breaks each variant.

    Args:
        schedules: Number of schedules of the library; a quarter as many more are run where lines move.
        first_seed: The first seed, for the library and every variant.
        most: Maximum number of schedules to try for each variant.
        processes: Number of parallel processes.
    """
    ours = tally_in_parallel(OURS.name, range(first_seed, first_seed + schedules), processes)
    moving = tally_in_parallel(
        OURS_MOVING.name, range(first_seed, first_seed + schedules // _SHARE_OF_MOVING_LINES), processes
    )
    original = break_promises(ORIGINAL.name, first_seed, min(most, _SCHEDULES_OF_THE_ORIGINAL), processes)
    broken = dict(break_all([variant.name for variant in _OFF], first_seed, most, processes))
    fewer = min(most, _SCHEDULES_OF_SECOND_LINES)
    broken |= dict(break_all([variant.name for variant in _SECOND], first_seed, fewer, processes))
    unbroken = [variant.name for variant in _OFF if broken[variant.name] is None]
    unbroken += [] if original else [ORIGINAL.name]
    return PartResult(
        "Simulated schedules",
        holds=not ours.broken and not moving.broken and not unbroken,
        summary=_summary(ours, moving, unbroken),
        markdown=_markdown(ours, moving, broken, original, most),
    )


def _summary(ours: Tally, moving: Tally, unbroken: list[str]) -> str:
    for name, played in ((OURS.name, ours), (OURS_MOVING.name, moving)):
        if played.broken:
            seed, how = played.broken[0]
            return f"{len(played.broken)} of {played.schedules:,} schedules of {name} are violated, as {seed}: {how}"
    if unbroken:
        return f"the library was not violated, but neither was {', '.join(unbroken)}"
    return (
        f"{ours.schedules:,} schedules and {moving.schedules:,} with moving lines, no violation; "
        f"{len(_OFF) + 1} weakened variants, each violated"
    )


def _markdown(
    ours: Tally, moving: Tally, broken: dict[str, Broken | None], original: dict[str, Broken], most: int
) -> str:
    return "\n".join(
        [
            f"{ours.schedules:,} schedules of the real code, in which these events occurred:",
            "",
            *(f"- {count:,} {event}" for event, count in sorted(ours.events.items())),
            "",
            f"Violations: **{len(ours.broken)}**.",
            f"{moving.schedules:,} more schedules (`{OURS_MOVING.name}`) on a table where a moved line supersedes",
            f"the old one: **{len(moving.broken)}** violations.",
            "One case is excluded from the schedules: another writer refills a table between the cleanup's listing",
            "and its drop, which may arrive late. BigQuery has no conditional drop; our own writer never uses a name",
            "twice.",
            *(f"- seed {seed}: {how}" for seed, how in (*ours.broken[:20], *moving.broken[:20])),
            "",
            "Checked at each step, at each commit and at the end:",
            "",
            *(f"- **{what}**: {meaning}" for what, meaning in PROMISES.items()),
            "",
            "### Each defence removed",
            "",
            *_table(_OFF, broken, most),
            "",
            "### Second lines",
            "",
            "These exist for efficiency or against mistakes other than interleavings; nothing breaks without them.",
            "",
            *_table(_SECOND, broken, min(most, _SCHEDULES_OF_SECOND_LINES)),
            "",
            "### The original lock and consolidation",
            "",
            "The services' first version: a release deletes any holder's lock, no heartbeat, no fence, the",
            "batch as holder, the client's clock, a MERGE that continues after its client has given up, and a check",
            "that passes if it could not run. "
            f"Of {min(most, _SCHEDULES_OF_THE_ORIGINAL):,} schedules, the first that broke each promise:",
            "",
            *_HEADING,
            *(_row(ORIGINAL, found, most) for _, found in sorted(original.items())),
            "",
            "Each of its faults alone, in the library:",
            "",
            "| fault | variant |",
            "| --- | --- |",
            *(f"| {fault} | `{name}` |" for fault, name in WEAKNESSES.items()),
        ]
    )


def _table(chosen: tuple[Variant, ...], broken: dict[str, Broken | None], most: int) -> list[str]:
    rows = [
        "| variant | what is different | what broke | schedules until found | seed |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    return rows + [_row(variant, broken[variant.name], most) for variant in chosen]


def _row(variant: Variant, found: Broken | None, most: int) -> str:
    if found is None:
        return f"| `{variant.name}` | {variant.title} | nothing in {most:,} schedules | | |"
    return f"| `{variant.name}` | {variant.title} | {found.what} | {found.tried:,} | {found.seed} |"
