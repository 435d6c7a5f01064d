"""A form for a notebook's parameters.

The parameters cell remains the source: running it resets the form to the cell's values. Running the form's cell sets
the values in the form for the cells below; its button Run does that and also runs them.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from lib.verdict.live import is_live

_NO_WIDGETS = "For a parameter form here: pip install 'consolidation-runbooks[lab]'"


def form() -> None:
    """Show the parameters as widgets, if widgets are installed.

    Raises:
        NotApplied: A value in the form is invalid; the cells below are not run.
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
