"""The demo's story: what happens, which runbook runs next, and what it must report.

A story is a list of steps that the caller carries out in order:

    with story(platform) as steps:
        for step in steps:
            ...  # an Act: step.play(); a RunRunbook: run step.with_plan(...), then check step.surprises(...)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from lib.platform import Platform
from lib.verdict.check import Check
from lib.verdict.verdict import Verdict
from lib.words.dates import resolve_game_date
from lib.words.quantities import in_one_line
from rehearsal.acts import Acts


@dataclass(frozen=True)
class Act:
    """An event of the story.

    Attributes:
        title: What happens, in one line.
        play: Makes it happen, and returns one line with the figures.
    """

    title: str
    play: Callable[[], str]


@dataclass(frozen=True)
class RunRunbook:
    """A runbook that is run.

    Attributes:
        runbook: Its name.
        parameters: As on the command line.
        expected: Its correct verdict.
        because: Why that is the correct verdict, in one line.
        mentions: Texts that its checks must contain: the true figures.
        beside_previous: Whether it may run at the same time as the previous runbook.
        approves: Part of a command that an earlier run printed, whose plan this run approves.
    """

    runbook: str
    parameters: Mapping[str, str]
    expected: Verdict
    because: str
    mentions: tuple[str, ...] = ()
    beside_previous: bool = False
    approves: str = ""

    def with_plan(self, earlier: Sequence[Check]) -> RunRunbook:
        """Return the same with the newest plan that these checks printed, if it approves one."""
        if not self.approves:
            return self
        printed = (command for check in earlier for command in (check.next_step, *check.changes))
        digests = [found[1] for command in printed if self.approves in command and (found := _PLAN.search(command))]
        return replace(self, parameters={**self.parameters, "plan": digests[-1] if digests else "none was printed"})

    def surprises(self, verdict: Verdict | None, checks: Sequence[Check]) -> list[str]:
        """Return what is not as expected, one line each; empty if everything is."""
        said = "\n".join(f"{check.name}\n{check.summary}\n{in_one_line(check.evidence)}" for check in checks)
        missing = [f"does not mention {text!r}" for text in self.mentions if text not in said]
        return missing if verdict is self.expected else [f"{verdict} instead of {self.expected}", *missing]


Step = Act | RunRunbook
_PLAN = re.compile(r"-p plan=(\S+)")


@contextmanager
def story(platform: Platform, *, seed: int = 0) -> Iterator[list[Step]]:
    """Return the story on a fresh platform, with dates counted from today in the environment's zone.

    The story's live process ends with the ``with`` block, wherever the caller stops.

    Raises:
        UserError: The platform is not an embedded one.
    """
    today = resolve_game_date("today", platform.environment.timezone)
    with ExitStack() as stack:
        acts = Acts(platform, today, seed, stack)
        yield [*_night_and_race(acts, today), *_repair(acts, today), *_holders(acts, today)]


def _night_and_race(acts: Acts, today: date) -> list[Step]:
    yesterday, day = {"date": str(today - timedelta(days=1))}, {"date": str(today)}
    race = acts.race_plan
    return [
        Act("Four weeks of consolidations and their rows; the fix was deployed after two weeks", acts.history),
        Act("A clean night: yesterday's batch, consolidated under the lock", acts.clean_night),
        RunRunbook("deploy_verify", yesterday, Verdict.PASS, "both services run the fix, and the night was clean"),
        RunRunbook(
            "day1_monitoring",
            yesterday,
            Verdict.PASS,
            "no duplicates and no lock failures",
            beside_previous=True,
        ),
        RunRunbook(
            "daily_quality",
            yesterday,
            Verdict.PASS,
            "the night's rows are like those of the four weeks before",
            mentions=("of the usual rows per game and system",),
            beside_previous=True,
        ),
        Act("The race: today the old code runs, with two pairs of overlapping consolidations", acts.race),
        RunRunbook(
            "day1_monitoring",
            day,
            Verdict.FAIL,
            f"the race left {race.duplicate_keys:,} duplicate keys",
            mentions=(f"{race.duplicate_keys:,} duplicate keys",),
        ),
        RunRunbook(
            "duplicate_diagnosis",
            day,
            Verdict.FAIL,
            f"two classes: {race.same_id_twice} keys with the same id twice, "
            f"{race.same_key_different_ids} with different ids",
            mentions=(
                f"{race.same_id_twice} keys: same id twice",
                f"{race.same_key_different_ids} keys: same key, different ids",
            ),
            beside_previous=True,
        ),
        RunRunbook(
            "rollback",
            day,
            Verdict.PASS,
            "no rollback criterion is met: the old code raced, and a rollback would bring it back",
            mentions=("not advised",),
            beside_previous=True,
        ),
    ]


def _repair(acts: Acts, today: date) -> list[Step]:
    day = today.isoformat()
    return [
        RunRunbook(
            "duplicate_diagnosis",
            {"date": day, "repair": "apply", "repair_date": day, "reason": "the race of the demo left them"},
            Verdict.PASS,
            "the repair kept one row per key, and verified it",
            mentions=(f"rows removed: {acts.race_plan.duplicate_keys}",),
            approves=f"repair_date={day}",
        ),
        Act("The fix is back: the same batches, consolidated by the library", acts.consolidate_again),
        RunRunbook(
            "duplicate_diagnosis",
            {"date": day},
            Verdict.PASS,
            "no duplicates came back: the fence prevents a consolidation from inserting a key twice",
        ),
        RunRunbook(
            "day1_monitoring",
            {"date": day},
            Verdict.WARN,
            "the table is clean again, but the day's log still has MERGEs without the lock",
            mentions=("without the lock",),
            beside_previous=True,
        ),
    ]


def _holders(acts: Acts, today: date) -> list[Step]:
    dead, live = (acts.platform.table.lock_key(day) for day in (today, today + timedelta(days=1)))
    return [
        Act("A coordinator is killed during its MERGE and leaves its lock behind", acts.dead_holder),
        Act("Another coordinator is slow but alive", acts.live_holder),
        RunRunbook(
            "stuck_lock_release",
            {},
            Verdict.FAIL,
            "one lock is stuck: its holder is dead; the other holder is alive",
            mentions=(dead, live),
        ),
        RunRunbook(
            "stuck_lock_release",
            {"release": dead, "reason": "its coordinator was killed during the demo"},
            Verdict.PASS,
            "the dead holder's lock is released, the live one's is kept",
            mentions=(dead, live),
            approves=f"release={dead}",
        ),
        RunRunbook(
            "week2_performance_review",
            {"fix_date": acts.fix_deployed_at.date().isoformat()},
            Verdict.PASS,
            "consolidations stay well under 60 s",
            beside_previous=True,
        ),
        RunRunbook(
            "consolidation_timeout",
            {"date": today.isoformat()},
            Verdict.PASS,
            "no consolidation took 60 s, and no batch waited too long",
            beside_previous=True,
        ),
        Act("The dead coordinator's batch is consolidated", acts.rescue),
    ]
