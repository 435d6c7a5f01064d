"""Reports: self-contained, small, and hostile text stays text."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.archive.archive import Archive, Run
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.report import render_cells
from lib.verdict.timeline.data import MEDIA_TYPE as TIMELINE
from lib.verdict.timeline.data import Timeline
from lib.verdict.timeline.drawing import drawn
from lib.words.pages import inline_script
from tests.runbooks.page import Page

NOON = datetime(2026, 1, 17, 17, tzinfo=UTC)
PICTURE = Timeline("b1 <took> 1.3 s", "UTC", NOON, NOON + timedelta(seconds=1.3), (), ())
NOTEBOOKS = Path(__file__).parent / "notebooks"


def executed(name: str, folder: Path) -> Run:
    return execute(find_runbook(name, NOTEBOOKS), archive=Archive(folder))


def shown(*outputs: dict[str, Any]) -> list[str]:
    """Return the HTML of each output of a cell."""
    cell = {"cell_type": "code", "id": "a", "source": "x", "metadata": {}, "outputs": outputs}
    (rendered,) = render_cells({"cells": [cell]}, with_verdicts=False)
    return list(map(str, rendered.outputs))


def data(**bundle: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": bundle}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def prose(source: str, **attachments: Any) -> str:
    cell = {"cell_type": "markdown", "id": "a", "source": source, "metadata": {}, "attachments": attachments}
    (rendered,) = render_cells({"cells": [cell]}, with_verdicts=False)
    return str(rendered.prose)


def test_text_printed_in_pieces_is_one_box_with_its_final_state() -> None:
    bar = [printed(f"\r{percent}%|", "stderr") for percent in range(101)]
    lines = [printed(f"\x1b[3{number % 8}mline {number}\x1b[0m\n") for number in range(3)]
    # An escape sequence may be split.
    assert shown(*bar) == ['<pre class="stream stderr">100%|</pre>']
    assert shown(*lines, printed("\x1b[3"), printed("1mend")) == [
        '<pre class="stream stdout">line 0\nline 1\nline 2\nend</pre>'
    ]
    assert shown(printed("a"), printed(" \r", "stderr"), printed("\nb")) == ['<pre class="stream stdout">a\nb</pre>']
    assert shown(*bar, lines[0], *bar, data(**{"text/plain": "between"}), *bar) == [
        '<pre class="stream"><span class="stderr">100%|</span>\n<span class="stdout">line 0</span></pre>',
        '<pre class="result">between</pre>',
    ]


@pytest.mark.parametrize(
    ("bundle", "html"),
    [
        (
            {"text/latex": "$x^2$", "text/plain": "<IPython.core.display.Math object>"},
            '<pre class="result">$x^2$</pre>',
        ),
        ({"application/json": {"a": ["é"]}}, '<pre class="result">{\n  &#34;a&#34;: [\n    &#34;é&#34;\n  ]\n}</pre>'),
        ({"image/gif": "R0lG\nODlh"}, '<figure><img src="data:image/gif;base64,R0lGODlh" alt="Figure of a"></figure>'),
        ({"application/vnd.plotly.v1+json": {}, "text/html": "<div></div>"}, "A Plotly figure is not shown here"),
        (
            {"application/vnd.vegalite.v5+json": {}, "text/plain": "<VegaLite 5 object>"},
            "A Vega chart is not shown here",
        ),
        ({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "  0%|"}, "A widget is not shown here"),
        ({"application/pdf": "JVBE", "text/plain": "<a.B object at 0x7f>"}, "An output of type application/pdf is not"),
        (
            {TIMELINE: {"finding": "x", "bars": 3}, "text/html": "<svg onload='draw()'></svg>"},
            "A timeline is not shown because its data is invalid.",
        ),
        ({TIMELINE: PICTURE.as_data(), "text/html": "<svg onload='draw()'></svg>"}, drawn(PICTURE)),
        ({"text/html": "<div id='v'></div><script>draw()</script>"}, "This page cannot show: script."),
        ({"text/html": "<iframe src='https://a.b'></iframe>map"}, "This page cannot show: iframe, image https://a.b"),
        (
            {"text/html": "<b>a</b><img src='data:image/png;base64,AA=='>"},
            '<b>a</b><img src="data:image/png;base64,AA==">',
        ),
        ({"text/html": "<b>a</b><a href=' da\tta:text/html,x'>b</a>"}, '<b>a</b><a rel="noopener noreferrer">b</a>'),
        ({"text/plain": "\x1b[31mred\x1b[0m\r\nnext"}, '<pre class="result">red\nnext</pre>'),
    ],
)
def test_an_output_is_shown_or_the_page_says_where_it_is(bundle: dict[str, Any], html: str) -> None:
    (output,) = shown(data(**bundle))
    assert html in output
    assert ("cannot show" in output or "not shown" in output) == ("notebook.ipynb" in output)


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("a<br>b <kbd>C</kbd> H<sub>2</sub>O", "<p>a<br>b <kbd>C</kbd> H<sub>2</sub>O</p>"),
        ("<details><summary>s</summary>\n\nin\n\n</details>", "<details><summary>s</summary>\n<p>in</p>\n</details>"),
        ("replace <batch_id> with it", "<p>replace &lt;batch_id&gt; with it</p>"),
        ("$a_1 \\\\ b_1$ costs $5 or $6", "<p><code>$a_1 \\\\ b_1$</code> costs $5 or $6</p>"),
        ("a<!-- hidden -->b", "<p>ab</p>"),
        ("|a|\n|-:|\n|1|", '<td align="right">1</td>'),
        ("![x](attachment:a%20b.png)", '<img src="data:image/png;base64,AA==" alt="x">'),
        ('<img src="attachment:a b.png" width="8">', '<img src="data:image/png;base64,AA==" width="8">'),
        ("![x](https://a.b/c.png) ![y](d.png)", "This page cannot show: image https://a.b/c.png, image d.png."),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_prose_keeps_its_common_html_and_its_images(source: str, html: str) -> None:
    assert html in prose(source, **{"a b.png": {"image/png": "AA=="}})


@pytest.mark.parametrize(
    "outputs",
    [
        [printed("x" * 99 + "\n", name) for name in ("stdout", "stderr") * 10_000],
        [data(**{"text/plain": "x"})] * 10_000,
        [data(**{"text/html": "<b>x</b>" * 1_000})] * 1_000,
        [data(**{"image/png": "A" * 900_000})] * 10,
    ],
    ids=["lines", "results", "html", "images"],
)
def test_the_outputs_of_a_cell_share_a_limit(outputs: list[dict[str, Any]]) -> None:
    html = "".join(shown(*outputs))
    assert len(html) < 6_000_000 if "<img" in html else len(html) < 700_000
    assert "Shortened: the first" in html


def test_headline_has_no_escape_sequence(tmp_path: Path) -> None:
    run = executed("coloured_error", tmp_path)
    assert run.record.headline == "ValueError in step-error: near WHERE, see docs"
    assert run.record.error
    assert run.record.error.message == "near WHERE, see docs"


def test_hostile_text_is_inert(tmp_path: Path) -> None:
    run = executed("hostile", tmp_path)
    html = (tmp_path / run.report).read_text(encoding="utf-8")
    page = Page(html)
    assert page.tags.count("script") == 1
    assert inline_script("copy.js").text in html
    assert f"script-src {inline_script('copy.js').source}; ".replace("'", "&#39;") in html
    assert set(page.tags).isdisjoint({"iframe", "object", "embed", "base", "form", "link"})
    assert page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    addresses = [value for name, value in page.attributes if name in ("href", "src")]
    assert all(a.startswith(("data:image/", "#")) or ":" not in a for a in addresses)
    assert "alert('boo')" in page.text
    assert "🔒" in page.text
    assert "\x00" not in html
    assert "\x1b" not in html
    assert len(html) < 1_500_000
    assert "default-src 'none'" in html


def test_report_of_a_trivial_run_is_small_and_complete(tmp_path: Path) -> None:
    run = executed("broken_rule", tmp_path)
    html = (tmp_path / run.report).read_text(encoding="utf-8")
    text = " ".join(Page(html).text.split())
    assert len(html) < 60_000
    for part in ("FAIL", "5 keys of 587", "Repair them", "runbook duplicates --game-date 2026-01-17", "About this run"):
        assert part in text
    assert text.index("5 keys of 587") < text.index("none held")  # worst first
    assert "<dt>rows</dt> <dd>123,456</dd>" in html
    assert "<dt>longest</dt> <dd>3 min 20 s</dd>" in html
    assert "://" not in html
    looking, changing = text.index("Next, check again"), text.index("This changes something")
    assert looking < text.index("runbook duplicates") < changing < text.index("runbook repair apply")


def test_verdict_shown_before_an_error_is_not_the_runs(tmp_path: Path) -> None:
    text = Page((tmp_path / executed("cell_error", tmp_path).report).read_text(encoding="utf-8")).text
    assert "The run did not complete: failed" in text
    assert "not run" in text
    assert text.index("UNKNOWN") < text.index("too early")


def test_notebook_in_the_archive_is_valid(tmp_path: Path) -> None:
    import nbformat

    notebook = json.loads((tmp_path / executed("broken_rule", tmp_path).notebook).read_text(encoding="utf-8"))
    nbformat.validate(notebook)
