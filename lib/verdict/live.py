"""What a notebook shows only in JupyterLab, to the person who works in it.

An archived run stays small, and without scripts.
"""

from __future__ import annotations

import os

# Jupyter's server sets it for the kernels of open notebooks.
SESSION_VARIABLE = "JPY_SESSION_NAME"
# Set for the kernel of an archived run, whose runner moves rows for files out of the notebook.
ARCHIVED_VARIABLE = "RUNBOOK_TAKES_ROWS"

# In JupyterLab's own colours, for its light and dark themes.
STYLE = """<style>
.verdict.pass { color: var(--jp-success-color1); }
.verdict.warn { color: var(--jp-warn-color1); }
.verdict.fail { color: var(--jp-error-color1); }
.verdict.unknown { color: var(--jp-info-color1); }
table.data :is(caption, th, td), table.verdicts :is(th, td, pre) { text-align: left !important; vertical-align: top; }
table.data :is(th, td).number { text-align: right !important; }
table.data td { white-space: nowrap; }
table.data td.long { white-space: normal; min-width: 14rem; }
table.data .whole { white-space: nowrap; }
table.data .id { white-space: nowrap; }
table.data .id .rest { font-size: 0; }
table.data .id[title]::after { content: "\\2026"; }
table.data ins, table.data .mark.kept { color: var(--jp-success-color1); text-decoration: none; }
table.data del, table.data .mark.removed { color: var(--jp-error-color1); }
table.data .hidden { font-size: 0; }
.on-top { border-left: 4px solid var(--jp-border-color1); padding: 1px 12px; }
.on-top > div { margin: 6px 0; }
.on-top + style + .tl { margin-top: 12px; }
.on-top > div:first-of-type { font-size: var(--jp-content-font-size2); }
.on-top.stopped > div:first-of-type { color: var(--jp-error-color1); }
.on-top:is(.stopped, .fail) { border-color: var(--jp-error-color1); }
.on-top.pass { border-color: var(--jp-success-color1); }
.on-top.warn { border-color: var(--jp-warn-color1); }
.on-top.unknown { border-color: var(--jp-info-color1); }
.on-top .whole { display: inline-block; max-width: 100%; overflow-wrap: anywhere; }
.jp-OutputArea:has(.on-top) .jupyter-widgets:not(:has(*)) { display: none; }
.jp-OutputArea-output.jupyter-widgets:not(:has(*)) { font-size: 0; color: var(--jp-ui-font-color2); }
.jp-OutputArea-output.jupyter-widgets:not(:has(*))::before { font-size: var(--jp-ui-font-size1);
  content: "Run this cell to show its widget, whose kernel has ended or is still busy."; }
.on-top .muted { font-size: var(--jp-content-font-size1); color: var(--jp-ui-font-color2); }
table.data:not(.grouped) thead th { cursor: pointer; }
table.data th[aria-sort=ascending]::after { content: " \\25B2"; }
table.data th[aria-sort=descending]::after { content: " \\25BC"; }
</style>"""

# Scripts only run in a notebook whose cells the user has run, and the report drops them. No table value is part of
# this one. A library such as DataTables would add 700 KB to each notebook, and cannot compare "4 min" with "8 s".
_SORTING = """<script>
window.sortTableByClick ??= document.addEventListener("click", (event) => {
  const head = event.target.closest?.("table.data:not(.grouped) thead th");
  if (!head) return;
  const body = head.closest("table").tBodies[0];
  const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const key = (row) => row.cells[head.cellIndex].dataset.sort ?? row.cells[head.cellIndex].textContent;
  const compare = (a, b) => a - b || (isNaN(a - b) ? a.localeCompare(b) : 0);
  const rows = [...body.rows].sort((a, b) => compare(key(a), key(b)));
  body.replaceChildren(...(order === "ascending" ? rows : rows.reverse()));
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
}) ?? true;
</script>"""


def is_live() -> bool:
    """Return whether this notebook is open in JupyterLab, rather than a run to be archived."""
    return SESSION_VARIABLE in os.environ


def is_archived() -> bool:
    """Return whether the library's runner will archive this notebook, and move rows for files out of it."""
    return ARCHIVED_VARIABLE in os.environ


def style() -> str:
    """Return the styles of verdicts and tables in JupyterLab; empty in an archived run."""
    return STYLE if is_live() else ""


def sorting() -> str:
    """Return the script that sorts a table by a click on a heading; empty in an archived run."""
    return _SORTING if is_live() else ""
