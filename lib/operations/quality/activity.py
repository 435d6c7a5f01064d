"""What readers see: subjects without an active row, and subjects with too many.

A subject is a key without its rounded columns, such as a number that moves and makes a new key each time. If the table
names columns within which one row stays active (`supersedes`), those are the subject, and several active rows are a
fault. Otherwise several are fine, up to a limit. A subject without an active row is invisible to readers.
"""

from __future__ import annotations

from lib.consolidation.upkeep.subjects import Activity, subject_columns
from lib.operations.quality.night import Night
from lib.operations.quality.subjects import named, subjects, table_of
from lib.operations.quality.volume import so_far
from lib.operations.quality.words import noun_of
from lib.verdict.check import Check, Question
from lib.verdict.section import Section, Table, not_asked, section
from lib.verdict.verdict import Verdict
from lib.words.nouns import agreeing, counted
from lib.words.quantities import percent

ACTIVE_ROWS = Question(
    "active_rows",
    "Active rows",
    affects="readers: they cannot see what has no active row",
    can_wait="as long as readers can do without; the inactive rows are kept",
)
ONE_ACTIVE_ROW = Question(
    "one_active_row",
    "One active row",
    affects="readers: they get several rows instead of one",
    can_wait="as long as readers can; no row is lost",
)
SEVERAL = Question(
    "moved_lines",
    "Several active rows",
    affects="readers that expect one row for each subject",
    can_wait="yes: each row has its own key",
)
_MOST_DATES = 5


@section(ACTIVE_ROWS)
def active_rows(night: Night) -> Section:
    """Count the subjects that readers cannot see, on the date and the dates before it."""
    if not night.platform.table.active_column:
        return not_asked(ACTIVE_ROWS, "the table has no active_column")
    if night.profile is None:
        return not_asked(ACTIVE_ROWS, "the date has no rows")
    rows = [
        (day, found.subjects, found.unseen, f"{unseen_share(found):.1%}", found.several, found.most)
        for day, found in reversed(night.activity.items())
    ]
    subjects = night.words.subjects.capitalize()
    columns = (night.words.date, subjects, "Without an active row", "Share", "With several", "Most for one")
    note = f"{subjects}: by {', '.join(subject_columns(night.platform.table))}."
    table = Table("Active rows by date", columns, rows, note, shown=15)
    active, lost = _active_check(night)
    if not night.platform.table.supersedes:
        return Section((active,), (table, *lost))
    one, doubled = _one_active_check(night)
    return Section((active, one), (table, *lost, *doubled))


@section(SEVERAL)
def several_active_rows(night: Night) -> Section:
    """Count active rows whose keys differ only in a rounded column; those are not duplicates."""
    found, table, most = night.activity.get(night.game_date), night.platform.table, night.rules.most_active_rows
    if most is None or not table.rounded_columns:
        lacks = "the table has no rounded_columns" if most is not None else "the quality rules have no most_active_rows"
        return not_asked(SEVERAL, lacks)
    if table.supersedes:
        return not_asked(SEVERAL, "the table keeps one row active, which another check judges")
    if found is None:
        return not_asked(SEVERAL, "the date has no rows")
    words = night.words.subjects
    question = SEVERAL.on(
        {words: found.subjects, "with several": found.several, "most for one": found.most}, night.row_count
    )
    summary = (
        f"{found.several:,} of {found.subjects:,} {words} {agreeing(found.several, 'has')} "
        f"several active rows, up to {found.most}"
    )
    if found.most <= most:
        return Section((question.passes(summary),))
    step = "Find the batches that wrote the others, and check whether older rows should be inactive."
    return Section((question.warns(summary, step),))


def unseen_share(found: Activity) -> float:
    """Return the share of subjects without an active row, 0 to 1."""
    return found.unseen / found.subjects if found.subjects else 0.0


def _active_check(night: Night) -> tuple[Check, list[Table]]:
    """The check, and the subjects without an active row if there are too many."""
    assert night.profile is not None
    rules = night.rules
    found = night.activity[night.game_date]
    share = unseen_share(found)
    others = {
        day: unseen_share(activity)
        for day, activity in reversed(night.activity.items())
        if day < night.game_date and unseen_share(activity) > rules.unseen_fail_above
    }
    rows, inactive = night.profile.rows, night.profile.rows - night.profile.active_rows
    question = ACTIVE_ROWS.on(
        {
            "rows": rows,
            "inactive rows": inactive,
            "inactive rows, share": percent(100 * inactive / rows),
            night.words.subjects: found.subjects,
            "without an active row": found.unseen,
            "without an active row, share": percent(100 * share),
            "earlier dates affected": list(others)[:_MOST_DATES],
        },
        night.row_count,
    )
    of = f"{found.subjects:,} {night.words.subjects}"
    unseen = f"{found.unseen:,} of {of} ({share:.0%}) {agreeing(found.unseen, 'is')} invisible to readers"
    summary = f"{unseen if found.unseen else f'all {of} are visible'}; {counted(inactive, 'row', 'is')} inactive"
    if share > rules.unseen_warn_above:
        lost = subjects(night, several=False)
        columns = subject_columns(night.platform.table)
        step = (
            f"Something deactivated more than it replaced, such as a key without its {noun_of(columns[-1])}, or a "
            "regeneration without its own rows. Find the statement in the audit trail or the job history before you "
            "activate anything again."
        )
        verdict = Verdict.FAIL if share > rules.unseen_fail_above else Verdict.WARN
        since = min([*others, night.game_date])
        answer = question.answer(verdict, f"{summary}: {named(night, lost, found.unseen)}", step, since=since)
        return answer, [table_of(night, "Without an active row", lost)]
    if others:
        hit = ", ".join(f"{day} ({share:.0%})" for day, share in list(others.items())[:_MOST_DATES])
        step = "Find the statement that deactivated them in the audit trail or the job history."
        return question.warns(
            f"the date is fine, but {counted(len(others), 'earlier date', 'is')} mostly invisible to readers: {hit}",
            step,
            since=min(others),
        ), []
    return question.passes(summary), []


def _one_active_check(night: Night) -> tuple[Check, list[Table]]:
    """The check, and the subjects that have several active rows."""
    spec, found = night.platform.table, night.activity[night.game_date]
    earlier = [day for day, activity in reversed(night.activity.items()) if day < night.game_date and activity.several]
    question = ONE_ACTIVE_ROW.on(
        {
            "one active row for each": list(spec.supersedes),
            night.words.subjects: found.subjects,
            "with several active rows": found.several,
            "most active rows for one": found.most,
            "earlier dates with several": earlier[:_MOST_DATES],
        },
        night.row_count,
    )
    if not found.several:
        return question.passes(f"none of {found.subjects:,} {night.words.subjects} has several active rows"), []
    doubled = subjects(night, several=True)
    summary = (
        f"{found.several:,} of {found.subjects:,} {night.words.subjects} "
        f"{agreeing(found.several, 'has')} several active rows, up to {found.most}: "
        f"{named(night, doubled, found.several)}"
    )
    step = (
        "The older rows were not deactivated. On BigQuery this happens while rows are in the streaming buffer, where "
        "an UPDATE is refused for up to 90 minutes. Wait that long, then consolidate the batch again, or deactivate "
        f"all but the newest row of each (by {', '.join(spec.newest_first)})."
    )
    check = question.fails(summary, step, since=min([*earlier, night.game_date]))
    return so_far(night, check), [table_of(night, "With several active rows", doubled)]
