"""The parameters of a notebook as a form, for those who work in it.

The parameters cell stays the source: running it puts the form back to what the cell says. Running the form's cell
gives the cells below what the form shows; its button Run does that, and runs them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from lib.verdict.live import is_live

_NO_WIDGETS = "To have the parameters as a form here: pip install 'consolidation-runbooks[lab]'"


def form() -> None:
    """Show the parameters as widgets, where there are some.

    Raises:
        NotApplied: What the form shows is wrong; the cells below are not run.
    """
    if not is_live():
        return
    from IPython.core.getipython import get_ipython

    from lib.workbench.form.short_errors import shorten_errors
    from lib.workbench.lab.next_notebook import link_next_notebooks

    link_next_notebooks()
    shell: Any = get_ipython()
    if shell is None:
        return
    shorten_errors(shell)
    if find_spec("ipywidgets") is None:
        _show_muted(_NO_WIDGETS)
        return
    from lib.workbench.form.shown_form import show_form

    show_form(shell)


def _show_muted(line: str) -> None:
    from html import escape

    from IPython.display import display

    muted = f'<span style="color: var(--jp-ui-font-color2)">{escape(line)}</span>'
    display({"text/html": muted, "text/plain": line}, raw=True)  # type: ignore[no-untyped-call]
