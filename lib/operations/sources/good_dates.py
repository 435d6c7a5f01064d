"""Good dates: the recent dates that would not have failed, and so show what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lib.consolidation.upkeep.day_profiles import DayProfile
from lib.operations.quality.activity import unseen_share
from lib.operations.quality.night import Night
from lib.operations.quality.values import changed_scale, null_flaws, range_flaws
from lib.operations.quality.volume import recent_rows
from lib.verdict.verdict import Verdict


def left_out(night: Night) -> dict[date, str]:
    """Return the dates that are not good, with the reason: volume, active rows, required values, ranges or scale.

    They are judged by this run's rules and counts. Duplicates and units without rows are not checked: that would cost
    another query, and they hardly change a median.
    """
    low = recent_rows(night).failed
    reasons = {profile.game_date: list(_reasons(night, profile, low)) for profile in night.past}
    return {day: ", ".join(found) for day, found in reasons.items() if found}


def _reasons(night: Night, profile: DayProfile, low: frozenset[date]) -> Iterator[str]:
    day, rules = profile.game_date, night.rules
    if day in low or not profile.active_rows:
        yield "volume"
    has_active = bool(night.platform.table.active_column)
    if has_active and (seen := night.activity.get(day)) and unseen_share(seen) > rules.unseen_fail_above:
        yield "active rows"
    flaws = [*null_flaws(night, profile), *range_flaws(night, profile)]
    yield from dict.fromkeys(flaw.column for flaw in flaws if flaw.verdict is Verdict.FAIL)
    yield from (f"scale of {rule.column}" for rule in night.column_rules if changed_scale(night, profile, rule))
