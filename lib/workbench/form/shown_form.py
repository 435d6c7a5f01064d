"""Show this kernel's form where its cell is run."""

from __future__ import annotations

from functools import cache
from typing import Any

import ipywidgets as widgets

from lib.errors import UserError
from lib.workbench.form.archived_run import ArchivedRun
from lib.workbench.form.declared import DeclaredParameters, last_declared
from lib.workbench.form.front_end import FrontEnd
from lib.workbench.form.live_form import LiveForm, NotApplied
from lib.workbench.form.look import form_style, line
from lib.workbench.form.this_notebook import this_notebook


class _Workbench:
    """The objects of a kernel; a run outlives the form that it was started from."""

    def __init__(self) -> None:
        self.front_end = FrontEnd()
        self.archived_run = ArchivedRun()
        self.form: LiveForm | None = None


@cache
def _workbench(_shell: Any) -> _Workbench:
    return _Workbench()


def show_form(shell: Any) -> Any:
    """Show the form for the parameters cell that was last run in this kernel.

    Args:
        shell: IPython's shell.

    Returns:
        The widget shown.

    Raises:
        NotApplied: A value in the form is invalid.
    """
    bench = _workbench(shell)
    try:
        declared = last_declared(shell.history_manager.input_hist_raw)
        if declared is None:
            raise UserError("Run the parameters cell first, then this one.")
        if bench.form is None or not bench.form.declares(declared):
            bench.form = LiveForm(shell, declared, this_notebook(), bench.front_end, bench.archived_run)
        return _show(bench.form, declared, _cell_id(shell))
    except NotApplied:
        raise
    except UserError as error:
        return _display(widgets.HTML(form_style() + line(str(error))), str(error))


def _show(form: LiveForm, declared: DeclaredParameters, cell_id: str) -> Any:
    try:
        form.show(declared, cell_id)
    finally:
        _display(form.widget, "The parameter form is shown where widgets are supported.")
    return form.widget


def _display(widget: Any, plain: str) -> Any:
    from IPython.display import display

    bundle = {**widget._repr_mimebundle_(), "text/plain": plain}
    display(bundle, raw=True)  # type: ignore[no-untyped-call]
    return widget


def _cell_id(shell: Any) -> str:
    """Return JupyterLab's id of the running cell; empty in other front ends."""
    kernel = getattr(shell, "kernel", None)
    return str(kernel.get_parent().get("metadata", {}).get("cellId", "")) if kernel else ""
