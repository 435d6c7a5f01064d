"""Cells are readable on screen, with screen readers and when copied, in sanitised reports too."""

from __future__ import annotations

from decimal import Decimal

from lib.runbooks.markup import sanitised
from lib.verdict.cells import Difference, Id, Mark, as_stored
from lib.verdict.section import Table
from lib.words.quantities import spoken_seconds

ROWS = [
    ("bam", Id("1bc7e554-aaaa-4bbb"), Mark.KEPT, Difference(8.1, 7.6), spoken_seconds(250.0), None),
    ("cal", Id("short"), Mark.REMOVED, Difference("a <b>", None), spoken_seconds(None), Decimal("-1.5")),
]


def test_a_table_shows_groups_differences_and_which_rows_are_removed() -> None:
    head = ("Player", "Row id", "A repair", "Differs in", "Took", "Gap, ms")
    html = str(sanitised(Table("Keys", head, ROWS, groups={1: "two ids · batch_2026-11-28_1"})._repr_html_()))
    for part in (
        '<code class="id" title="1bc7e554-aaaa-4bbb">1bc7e554<span class="rest">-aaaa-4bbb</span></code>',
        '<tr class="kept"><td>bam</td>',
        '<tr class="removed"><td>cal</td>',
        '<span class="mark removed">removed</span>',
        '<ins><span class="hidden">kept </span>8.1</ins> <del><span class="hidden">removed </span>7.6</del>',
        '<ins><span class="hidden">kept </span>a &lt;b&gt;</ins>',
        '</tbody><tbody><tr class="group"><th colspan="6" scope="rowgroup"><span>two ids',
        '<th scope="col" class="number">Gap,&nbsp;ms</th>',
        '<td class="number">4 min 10 s</td><td class="number">-</td></tr>',
        '<td class="number">-</td><td class="number">-1.5</td></tr>',
    ):
        assert part in html


def test_a_file_has_the_values_behind_the_cells() -> None:
    stored = [as_stored(value) for value in (*ROWS[1], float("nan"), [1, None], b"\x01", "\x1b[2Jx", True)]
    assert stored == [
        *("cal", "short", "removed", "kept a <b>, removed -", None, -1.5),
        *("nan", "[1, null]", "01", "x", True),
    ]
    assert as_stored(Decimal("0.12345678901234567890")) == "0.12345678901234567890"
