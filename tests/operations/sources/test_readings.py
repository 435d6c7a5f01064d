"""A figure compared with its past: the usual passes, and a larger distance is never better."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lib.operations.quality.rules import Limits
from lib.operations.sources.readings import Reading, compare
from lib.verdict.verdict import Verdict

FIGURES = st.floats(-1e6, 1e6)
ROWS = st.integers(1, 2_000)
READINGS = st.builds(
    Reading,
    what=st.just("bias"),
    value=FIGURES,
    rows=ROWS,
    deviation=st.floats(0, 1e6),
    limits=st.just(Limits(scatters=4, steady=0.1, warn=1.2, fail=1.5)),
    in_deviations=st.booleans(),
)


@given(READINGS, st.lists(READINGS, min_size=7, max_size=30), st.tuples(FIGURES, FIGURES))
def test_a_larger_distance_is_never_better(reading: Reading, past: list[Reading], changes: tuple[float, float]) -> None:
    usual = compare(reading, past).value
    assert compare(replace(reading, value=usual), past).verdict is Verdict.PASS
    nearer, farther = (replace(reading, value=usual + change) for change in sorted(map(abs, changes)))
    assert compare(nearer, past).verdict.badness <= compare(farther, past).verdict.badness
    assert compare(nearer, past).scatters <= compare(farther, past).scatters


@given(READINGS, st.lists(READINGS, min_size=7, max_size=30), ROWS)
def test_fewer_rows_never_raise_the_verdict(reading: Reading, past: list[Reading], rows: int) -> None:
    fewer = replace(reading, rows=min(rows, reading.rows))
    assert compare(fewer, past).verdict.badness <= compare(reading, past).verdict.badness
