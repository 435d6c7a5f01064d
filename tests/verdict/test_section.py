"""The answers of every step count in the verdict, each question once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lib.errors import CorruptState, SourceUnavailable, UserError
from lib.verdict.all_rows import AllRows
from lib.verdict.cells import Id
from lib.verdict.check import Question
from lib.verdict.findings import Findings
from lib.verdict.section import Section, Table, section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.quantities import spoken_seconds

ROWS, LOCKS, CAUSE = Question("rows", "Rows"), Question("locks", "Locks"), Question("cause", "Cause")


@dataclass
class Run:
    """The minimal argument of a step."""

    findings: Findings = field(default_factory=Findings)


@section(ROWS)
def rows(run: Run, missing: int) -> Section:
    if missing < 0:
        raise SourceUnavailable("the table does not answer")
    return Section((ROWS.fails(f"{missing} missing") if missing else ROWS.passes("all there"),))


@section(LOCKS)
def locks(run: Run, state: str = "free") -> Section:
    return Section((LOCKS.answer(Verdict.PASS if state == "free" else Verdict.WARN, state),), leads=True)


@section(CAUSE)
def cause(run: Run) -> Section:
    return Section((CAUSE.warns("a race"),))


@section(ROWS)
def rows_after_the_repair(run: Run) -> Section:
    return Section((ROWS.passes("all there"),), settles=(ROWS.id, CAUSE.id))


@section(LOCKS)
def everything(run: Run) -> Section:
    return Section((*rows(run, 3).checks, *cause(run).checks))


def test_a_step_counts_without_being_listed() -> None:
    run = Run()
    locks(run)
    rows(run, 3)
    found = run.findings.conclude()
    assert (found.verdict, found.headline) == (Verdict.FAIL, "Rows: 3 missing")


def test_a_step_with_an_unreadable_source_is_unknown_and_the_next_one_runs() -> None:
    run = Run()
    rows(run, -1)
    locks(run)
    unknown, passed = run.findings.conclude().checks
    assert (unknown.id, unknown.verdict, passed.verdict) == ("rows", Verdict.UNKNOWN, Verdict.PASS)
    assert unknown.summary == "could not check: the table does not answer"


def test_a_user_error_ends_the_run() -> None:
    @section(ROWS)
    def refused(run: Run, error: Exception) -> Section:
        raise error

    with pytest.raises(UserError):
        refused(Run(), UserError("no such date"))
    assert refused(Run(), CorruptState("damaged")).checks[0].verdict is Verdict.UNKNOWN


def test_a_later_answer_replaces_and_settles() -> None:
    run = Run()
    rows(run, 3)
    cause(run)
    rows_after_the_repair(run)
    assert [check.summary for check in run.findings.conclude().checks] == ["all there"]


def test_a_step_that_is_run_again_counts_once_with_its_newest_answer() -> None:
    run = Run()
    rows(run, 3)
    rows_after_the_repair(run)
    rows(run, 3)  # its cell was run once more
    assert run.findings.conclude().verdict is Verdict.FAIL


def test_no_answer_hides_another_by_accident() -> None:
    run = Run()
    rows(run, 3)
    rows(run, 0)  # of another date
    assert [check.summary for check in run.findings.conclude().checks] == ["3 missing", "all there"]
    with pytest.raises(ValueError, match="must answer each question once, got rows, rows"):
        Section((ROWS.fails("3 missing"), ROWS.passes("all there")))


def test_a_repeated_answer_counts_once() -> None:
    run = Run()
    everything(run)
    assert [check.id for check in run.findings.conclude().checks] == ["rows", "cause"]


def test_if_all_checks_pass_the_leading_step_is_the_headline() -> None:
    run = Run()
    rows(run, 0)
    locks(run)
    assert run.findings.conclude().headline == "Locks: free"
    locks(run, "held")
    assert run.findings.conclude().headline == "Locks: held"


@pytest.mark.parametrize("name", ["", "Rows", "rows-2026-01-17", "rows2", "_rows", "rows\n"])
def test_an_id_is_letters_and_underscores(name: str) -> None:
    with pytest.raises(ValueError, match="letters and underscores"):
        Question(name, "Rows")


MOMENT = datetime(2026, 1, 18, 0, 31, tzinfo=UTC)


def of_two_tables() -> Section:
    committed = Table(
        "Ledger of 2026-01-17",
        ("Committed", "Took", "Rows", "Id", "Line", "Note"),
        [
            (local_time(MOMENT, "America/New_York"), spoken_seconds(90.5), 2**62 + 1, Id("007"), Decimal("22.5"), "-"),
            (local_time(None, "UTC"), spoken_seconds(None), None, None, None, "late"),
        ],
    )
    return Section((ROWS.passes("all there"),), (committed, Table("Ledger, older", ("a",), [], file=None)))


def test_a_frame_has_all_rows_with_real_types() -> None:
    frame = of_two_tables().df
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "Committed": "datetime64[us, UTC]",
        "Took, s": "float64",
        "Rows": "Int64",
        "Id": "object",
        "Line": "float64",
        "Note": "object",
    }
    first = frame.iloc[0]
    assert [first["Committed"], first["Took, s"], first["Rows"], first["Id"]] == [MOMENT, 90.5, 2**62 + 1, "007"]
    assert list(frame["Note"]) == ["-", "late"]
    shown = Table("Keys", ("n",), [(1,)], file=AllRows("Keys", ("n", "n"), [(number, -number) for number in range(70)]))
    assert list(shown.df.columns) == ["n", "n 2"]
    assert len(shown.df) == 70
    assert list(Table("Empty", ("a", "b"), []).df.columns) == ["a", "b"]


def test_tables_and_checks_are_found_by_name() -> None:
    found = of_two_tables()
    ledger = found["Ledger of 2026-01-17"]
    assert found["ledger of"] is ledger
    assert found["ROWS"] is found.checks[0]
    assert list(found) == ["Ledger of 2026-01-17", "Ledger, older", "Rows", "rows"]
    assert found._ipython_key_completions_() == list(found)
    with pytest.raises(KeyError) as several:
        found["ledger"]
    assert (
        str(several.value) == "'ledger' is ambiguous: 'Ledger of 2026-01-17', 'Ledger, older'; write more of the name"
    )
    with pytest.raises(UserError, match="nothing named 'rowz'; did you mean 'rows'\\? It has: 'Ledger of 2026"):
        found["rowz"]
    with pytest.raises(UserError, match="has no table"):
        _ = Section((ROWS.passes("all there"),)).df
