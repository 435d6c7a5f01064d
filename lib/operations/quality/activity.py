"""What readers see: subjects without any active row, and lines that moved.

A subject is the key without its line: one player, in one game, by one system. Each line is a
prediction of its own, so a line that moved leaves several rows, or an inactive one; both are
right. A subject of which no row is active was deactivated whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.consolidation.upkeep.day_profiles import Activity
from lib.operations import by_hand
from lib.verdict.check import Check
from lib.verdict.section import Section, section
from lib.verdict.table import Table
from lib.verdict.verdict import Verdict

if TYPE_CHECKING:
    from lib.operations.quality.night import Night

_MOST_DATES = 5


@section("Active rows")
def active_rows(night: Night) -> Section:
    """Subjects that nobody sees, on the date and on those before it."""
    if not night.profile or not night.platform.table.active_column:
        return Section(())
    shares = {day: _unseen_share(found) for day, found in night.activity.items()}
    rows = [
        (day, found.subjects, found.unseen, f"{shares[day]:.1%}", found.several, found.most)
        for day, found in reversed(night.activity.items())
    ]
    columns = ("Game date", "Subjects", "Without an active row", "Share", "With several", "Most of one")
    note = "A subject is a key without its line."
    table = Table("What readers see of each date", columns, rows, note, shown=15)
    return Section((_active_check(night),), (table,))


@section("Lines")
def lines(night: Night) -> Section:
    """How often lines moved. Each line is a key of its own, so that is no duplicate."""
    found = night.activity.get(night.game_date)
    if found is None or not night.platform.table.rounded_columns:
        return Section(())
    evidence = {"subjects": found.subjects, "with several lines": found.several, "most lines of one": found.most}
    summary = f"{found.several:,} of {found.subjects:,} have several lines, at most {found.most}"
    if found.most <= night.rules.most_lines:
        return Section((Check("Lines", Verdict.PASS, summary, evidence),))
    step = "Lines move a few times a day: see which batches wrote the others, and whether old ones should be inactive."
    commands = [by_hand.count_rows(night.platform.environment, night.game_date)]
    return Section((Check("Lines", Verdict.WARN, summary, evidence, step, commands),))


def _unseen_share(found: Activity) -> float:
    return found.unseen / found.subjects if found.subjects else 0.0


def _active_check(night: Night) -> Check:
    assert night.profile is not None
    rules = night.rules
    found = night.activity[night.game_date]
    share = _unseen_share(found)
    others = [
        f"{day} ({_unseen_share(activity):.0%})"
        for day, activity in reversed(night.activity.items())
        if day < night.game_date and _unseen_share(activity) > rules.unseen_fail_above
    ]
    inactive = night.profile.rows - night.profile.active_rows
    evidence = {
        "rows": night.profile.rows,
        "inactive rows": f"{inactive:,} ({inactive / night.profile.rows:.0%})",
        "without an active row": f"{found.unseen:,} of {found.subjects:,} (players and systems, whatever the line)",
        "earlier dates that are hit": ", ".join(others[:_MOST_DATES]) or "none",
    }
    commands = [by_hand.count_rows(night.platform.environment, night.game_date)]
    summary = (
        f"readers see nothing of {found.unseen:,} of {found.subjects:,} players and systems ({share:.0%}); "
        f"{inactive:,} rows are inactive"
    )
    step = (
        "Something deactivated more than it replaced, as a key without its system does. "
        "Find the statement in the audit trail or the job history before you activate anything again."
    )
    if share > rules.unseen_fail_above:
        return Check("Active rows", Verdict.FAIL, summary, evidence, step, commands)
    if share > rules.unseen_warn_above:
        return Check("Active rows", Verdict.WARN, summary, evidence, step, commands)
    if others:
        summary = (
            f"the date is well, but {len(others)} before it are mostly inactive: {', '.join(others[:_MOST_DATES])}"
        )
        return Check("Active rows", Verdict.WARN, summary, evidence, step, commands)
    return Check("Active rows", Verdict.PASS, summary, evidence, commands=commands)
