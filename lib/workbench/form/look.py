"""The form's style: JupyterLab's own colours, in its light and dark themes."""

from __future__ import annotations

from html import escape

from lib.verdict.live import style
from lib.words.text import one_line

# Widths in pixels: a character of a label, and an input.
CHARACTER, INPUT = 8, 290

_LONGEST_LINE = 500
_STYLE = """<style>
.runbook-form { max-width: 66rem; padding: 4px 0; overflow: visible; }
.runbook-form .widget-label { font-family: var(--jp-code-font-family); font-size: var(--jp-code-font-size); }
.runbook-form .runbook-field { flex-flow: row wrap; align-items: flex-start; overflow: visible; }
.runbook-form .runbook-field > :first-child { flex: 0 1 auto; max-width: calc(100% - 4px); overflow: visible; }
.runbook-form .runbook-date { margin: 2px; }
.runbook-form .runbook-date > * { margin: 0; }
.runbook-form .runbook-date > .widget-dropdown { flex: 1 1 auto; width: auto; }
.runbook-form .runbook-date > .widget-datepicker { flex: 0 0 8.5rem; width: 8.5rem; margin-left: 4px; }
.runbook-form .runbook-words { flex: 1 1 16rem; min-width: 0; margin-left: 16px; }
.runbook-form .widget-html-content { line-height: 1.4; padding: 5px 0; color: var(--jp-ui-font-color2); }
.runbook-form .runbook-said { color: var(--jp-ui-font-color1); }
.runbook-form .runbook-wrong { color: var(--jp-error-color1); }
.runbook-form .widget-accordion { margin: 0; }
.runbook-form .jupyter-widget-Collapse { border: none; }
.runbook-form .jupyter-widget-Collapse-header { border: none; background: none; padding: 4px 2px; font-weight: normal; }
.runbook-form .jupyter-widget-Collapse-contents { border: none; padding: 0; background: none; }
.runbook-form .runbook-buttons { flex-wrap: wrap; align-items: center; overflow: visible; gap: 8px; }
.runbook-form iframe { width: 100%; height: min(40rem, 75vh); border: 1px solid var(--jp-border-color2); }
[data-jp-theme-light="false"] .runbook-form { color-scheme: dark; }
[data-jp-theme-light="false"] .runbook-form select { appearance: auto; background-image: none !important; }
.runbook-form iframe { color-scheme: light; }
[data-jp-theme-light="false"] .runbook-form iframe { color-scheme: dark; }
</style>"""
# The report's links lead to files next to it, which are not next to this page.
_NO_LINKS = "<style>a:not([href^='#']) { pointer-events: none; color: inherit; text-decoration: none; }</style>"


def form_style() -> str:
    """Return the style element of the form."""
    return style() + _STYLE


def line(text: str, kind: str = "said") -> str:
    """Return a line of text as HTML; `kind` is ``said`` or ``wrong``."""
    return f'<div class="runbook-{kind}" role="status">{escape(one_line(text)[:_LONGEST_LINE])}</div>'


def verdict_line(verdict: str, headline: str) -> str:
    """Return a verdict in its colour, with its headline."""
    shown = f'<b class="verdict {escape(verdict.lower())}">{escape(verdict)}</b>'
    return f'<div class="runbook-said" role="status">{shown} {escape(one_line(headline)[:_LONGEST_LINE])}</div>'


def report_in_place(page: str, title: str) -> str:
    """Embed a whole page in a frame of limited height, without scripts or access to the surrounding page."""
    return f'<iframe sandbox title="{escape(title)}" srcdoc="{escape(page + _NO_LINKS)}"></iframe>'
