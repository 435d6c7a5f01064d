"""The claims about a warehouse that the fence relies on, and how each is judged by what the warehouse did.

A warehouse that is stricter than required is as good as one that behaves as documented; the check says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from lib.consolidation.fence import STALE_TOKEN
from lib.consolidation.trials.promises import (
    DAYS,
    KEYS,
    condition_scripts,
    counted,
    fenced_consolidations,
    fences_of_two_dates,
    trivial_script,
    unfenced_merges,
    writes_past_the_fence,
)
from lib.consolidation.trials.race import Race
from lib.errors import SourceUnavailable
from lib.operations.proving.proof import Cancelled, Claim, Proof
from lib.ports.scratch import StatementRun
from lib.verdict.check import Check, Question
from lib.words.quantities import Value, seconds, spoken_seconds

_SLOW_SECONDS = 3.0
STOP = "Do not let consolidations run here without the lock, and report this run: the fence does not hold here."


def _unfenced(proof: Proof, question: Question) -> Check:
    race = unfenced_merges(proof.arena)
    losers, found = proof.losers_of(race), counted(proof.arena, race.spec)
    question = question.on(_evidence(race, losers, rows=found.rows, keys=found.keys))
    if losers:
        return question.warns(
            f"not true here: {_cancelled(losers)}. This warehouse itself prevents what the fence is for, "
            "which its documentation does not promise; the fence does no harm"
        )
    if found.rows == found.keys:
        return question.warns("not true here: both were committed, and each key is there once; the fence does no harm")
    return question.passes(f"both were committed: {found.rows} rows of {found.keys} keys; only a fence prevents that")


def _fenced(proof: Proof, question: Question) -> Check:
    race = fenced_consolidations(proof.arena, proof.scope.platform.locks)
    losers, found = proof.losers_of(race), counted(proof.arena, race.spec)
    question = question.on(_evidence(race, losers, rows=found.rows, keys=found.keys))
    if found.rows > found.keys:
        return question.fails(f"both were committed: {found.rows} rows of {found.keys} keys, past the fence", STOP)
    if found.keys < KEYS:
        return question.fails(f"{KEYS - found.keys} of {KEYS} keys were lost", STOP)
    how = _cancelled(losers) if losers else "neither was cancelled, the second waited for the first"
    again = " and then retried" if any(each.is_recognised for each in losers) else ""
    return question.passes(f"{how}{again}; each of {KEYS} keys is there once")


def _stale(proof: Proof, question: Question) -> Check:
    found = writes_past_the_fence(proof.arena)
    question = question.on({"rows": found.rows, "refused": found.stale or "no"})
    if found.newer:
        return question.fails(f"even a newer token was refused: {found.newer}", STOP)
    if not found.stale or found.rows != 1:
        return question.fails("a write with a token older than the fence's was committed", STOP)
    if found.stale != STALE_TOKEN:
        return question.fails(f"it was refused for another reason: {found.stale}", STOP)
    return question.passes("it was refused and nothing was written, after a newer one was accepted")


def _by_table(proof: Proof, question: Question) -> Check:
    race = fences_of_two_dates(proof.arena)
    losers = proof.losers_of(race)
    question = question.on(_evidence(race, losers))
    if not losers and not proof.cancelled:
        return question.unknown(
            "nothing was cancelled in this run, so the scope of conflicts is not known",
            "See the results of the claims before this one.",
        )
    if not losers:
        return question.passes(
            f"finer than by table: consolidations of {DAYS[0]} and {DAYS[1]} do not cancel each other, which is better "
            "than required"
        )
    return question.passes(
        f"by table: {DAYS[0]} and {DAYS[1]} are different rows, and {_cancelled(losers)}; so "
        "consolidations of many dates run one after the other"
    )


def _recognised(proof: Proof, question: Question) -> Check:
    cancelled = proof.cancelled
    strange = [each for each in cancelled if not each.is_recognised]
    places = sorted({each.found_at for each in cancelled if each.found_at})
    question = question.on({"cancelled": len(cancelled), "recognised": len(cancelled) - len(strange), "at": places})
    if not cancelled:
        return question.unknown(
            "no transaction was cancelled in this run, so it is not known how this warehouse reports it",
            "See the results of the claims before this one.",
        )
    if strange:
        return question.fails(
            f"{len(strange)} of {len(cancelled)} cancelled transactions were not recognised{_where(strange)}: "
            f"{strange[0].words}",
            "Report this message: it belongs in lib/gcp/bigquery_errors.py. Until then, a consolidation that loses to "
            "another ends with an error instead of a retry; no row is lost, and its staging tables are kept.",
        )
    at_commit = any(place.startswith("COMMIT") for place in places) or not places
    unseen = "" if at_commit else "; at COMMIT this warehouse cancelled none"
    return question.passes(f"{len(cancelled)} of {len(cancelled)} were recognised{_where(cancelled)}{unseen}")


def _child_job(proof: Proof, question: Question) -> Check:
    runs = proof.scratch.run_script(trivial_script())
    if len(runs) < 2:
        raise SourceUnavailable("BigQuery lists only one of the script's statements as a job")
    own = median(_lengths(runs))
    between = median([(after.started_at - before.ended_at).total_seconds() for before, after in pairwise(runs)])
    question = question.on({"statements": len(runs), "each": seconds(own), "until the next": seconds(between)})
    cost = f"{spoken_seconds(own + between)} each: {spoken_seconds(own)}, and {spoken_seconds(between)} until the next"
    if own + between > _SLOW_SECONDS:
        return question.warns(
            f"{cost}; this is slow, since a consolidation has about ten",
            "Retry when BigQuery has free slots; if it is still slow, give the project more slots.",
        )
    return question.passes(cost)


def _lengths(runs: Sequence[StatementRun]) -> list[float]:
    return [(run.ended_at - run.started_at).total_seconds() for run in runs]


def _conditions(proof: Proof, question: Question) -> Check:
    by_count, by_table = (len(proof.scratch.run_script(sql)) - 1 for sql in condition_scripts(proof.arena))
    question = question.on({"jobs for @@row_count": by_count, "jobs for a condition that reads a table": by_table})
    reading = f"a condition that reads a table costs {_jobs(by_table)}"
    if by_count:
        summary = f"not true here: it costs {_jobs(by_count)}, and {reading}"
        return question.warns(summary, "Nothing is wrong; each such condition takes as long as a statement.")
    return question.passes(f"none, and {reading}")


def _jobs(number: int) -> str:
    return "no job" if not number else "1 job" if number == 1 else f"{number} jobs"


def _evidence(race: Race, losers: Sequence[Cancelled], **figures: int) -> dict[str, Value]:
    errors = {each.job_id: each.words for each in losers}
    jobs = {f"job {number}": each.job_id for number, each in enumerate(race.ended, start=1)}
    words = {f"words of {name}": errors[job_id] for name, job_id in jobs.items() if job_id in errors}
    return {**figures, "cancelled": len(losers), **jobs, **words}


def _cancelled(losers: Sequence[Cancelled]) -> str:
    return f"{'one was' if len(losers) == 1 else 'both were'} cancelled{_where(losers)}"


def _where(losers: Sequence[Cancelled]) -> str:
    places = sorted({each.found_at for each in losers if each.found_at})
    return f" at {' and '.join(places)}" if places else ""


CLAIMS: tuple[Claim, ...] = (
    Claim(
        Question("unfenced_merges", "Without a fence, two MERGEs of the same new keys both commit"),
        "This is how the duplicates arose, and why a lock alone is not enough.",
        10,
        _unfenced,
    ),
    Claim(
        Question("fenced_consolidations", "With the fence, two consolidations at once write each key once"),
        "Both update the date's fence row, and the warehouse cancels one of two such transactions.",
        50,
        _fenced,
    ),
    Claim(
        Question("stale_token", "A write with a stale token is refused"),
        "A holder that was paused past its lease must not write over its successor's rows.",
        20,
        _stale,
    ),
    Claim(
        Question("conflict_grain", "Conflicts are by table, or finer"),
        "By table, consolidations of different dates wait for each other, and a backfill runs date by date.",
        25,
        _by_table,
    ),
    Claim(
        Question("conflict_recognised", "A cancelled transaction is recognised, at a statement or at COMMIT"),
        "Only then is it retried; otherwise a consolidation that lost ends with an error.",
        0,
        _recognised,
    ),
    Claim(
        Question("child_job_time", "Time per statement of a script"),
        "Each is a separate job, so a consolidation takes this long for each of its statements.",
        0,
        _child_job,
        needs_jobs=True,
    ),
    Claim(
        Question("row_count_condition", "A condition on @@row_count costs no job"),
        "The transaction uses such conditions to check that its statements did what they should.",
        5,
        _conditions,
        needs_jobs=True,
    ),
)
