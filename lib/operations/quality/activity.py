"""What readers see: subjects without any active row, and lines that moved.

A subject is the key without its line: one player, in one game, by one system. Each line is a
prediction of its own, so a line that moved leaves several rows, or an inactive one; both are
right. A subject of which no row is active was deactivated whole.
"""

from __future__ import annotations

from lib.consolidation.upkeep.day_profiles import Activity
from lib.operations.quality.night import Night
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, section
from lib.words.quantities import percent

ACTIVE_ROWS = Question("active_rows", "Active rows")
LINES = Question("moved_lines", "Lines")
_MOST_DATES = 5


@section(ACTIVE_ROWS)
def active_rows(night: Night) -> Section:
    """Subjects that nobody sees, on the date and on those before it."""
    if not night.profile or not night.platform.table.active_column:
        return Section(())
    rows = [
        (day, found.subjects, found.unseen, f"{_unseen_share(found):.1%}", found.several, found.most)
        for day, found in reversed(night.activity.items())
    ]
    columns = ("Game date", "Subjects", "Without an active row", "Share", "With several", "Most of one")
    note = "A subject is a key without its line."
    table = Table("What readers see of each date", columns, rows, note, shown=15)
    return Section((_active_check(night),), (table,))


@section(LINES)
def lines(night: Night) -> Section:
    """How often lines moved. Each line is a key of its own, so that is no duplicate."""
    found = night.activity.get(night.game_date)
    if found is None or not night.platform.table.rounded_columns:
        return Section(())
    question = LINES.on(
        {"subjects": found.subjects, "with several lines": found.several, "most lines of one": found.most},
        night.row_count,
    )
    summary = f"{found.several:,} of {found.subjects:,} have several lines, at most {found.most}"
    if found.most <= night.rules.most_lines:
        return Section((question.passes(summary),))
    step = "Lines move a few times a day: see which batches wrote the others, and whether old ones should be inactive."
    return Section((question.warns(summary, step),))


def _unseen_share(found: Activity) -> float:
    return found.unseen / found.subjects if found.subjects else 0.0


def _active_check(night: Night) -> Check:
    assert night.profile is not None
    rules = night.rules
    found = night.activity[night.game_date]
    share = _unseen_share(found)
    others = {
        day: _unseen_share(activity)
        for day, activity in reversed(night.activity.items())
        if day < night.game_date and _unseen_share(activity) > rules.unseen_fail_above
    }
    rows, inactive = night.profile.rows, night.profile.rows - night.profile.active_rows
    question = ACTIVE_ROWS.on(
        {
            "rows": rows,
            "inactive rows": inactive,
            "inactive rows, share": percent(100 * inactive / rows),
            "players and systems, whatever the line": found.subjects,
            "without an active row": found.unseen,
            "without an active row, share": percent(100 * share),
            "earlier dates that are hit": list(others)[:_MOST_DATES],
        },
        night.row_count,
    )
    summary = (
        f"readers see nothing of {found.unseen:,} of {found.subjects:,} players and systems ({share:.0%}); "
        f"{inactive:,} rows are inactive"
    )
    step = (
        "Something deactivated more than it replaced, as a key without its system does. "
        "Find the statement in the audit trail or the job history before you activate anything again."
    )
    if share > rules.unseen_fail_above:
        return question.fails(summary, step)
    if share > rules.unseen_warn_above:
        return question.warns(summary, step)
    if others:
        hit = ", ".join(f"{day} ({share:.0%})" for day, share in list(others.items())[:_MOST_DATES])
        return question.warns(f"the date is well, but {len(others)} before it are mostly inactive: {hit}", step)
    return question.passes(summary)
