"""The form in JupyterLab: its fields and its two buttons."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from lib.errors import RunbookError, UserError
from lib.runbooks.parameters import APPROVALS, Parameter
from lib.words.text import text_of
from lib.workbench.form.archived_run import ArchivedRun
from lib.workbench.form.declared import DeclaredParameters
from lib.workbench.form.fields import Field
from lib.workbench.form.front_end import FrontEnd
from lib.workbench.form.look import form_style, line
from lib.workbench.form.this_notebook import ThisNotebook

_CHANGING = "Choose the change: Run only shows its plan. With plan and reason, Run applies it."
_DOUBLE_CLICK_SECONDS = 1.0


class NotApplied(UserError):
    """A value in the form is invalid, so the cells below keep their values and are not run."""

    def _render_traceback_(self) -> list[str]:
        """Show no traceback in IPython, because the mistake is not in the cell."""
        return [str(self)]


class LiveForm:
    """The parameters of a cell as widgets. A form is kept as long as the cell declares the same parameters.

    Args:
        shell: IPython's shell, whose namespace receives the values.
        declared: What the parameters cell declares.
        notebook: The notebook.
        front_end: Runs the cells below.
        archived_run: The last run started from here, or the one in progress.
    """

    def __init__(
        self,
        shell: Any,
        declared: DeclaredParameters,
        notebook: ThisNotebook,
        front_end: FrontEnd,
        archived_run: ArchivedRun,
    ) -> None:
        self._archived_run, self._front_end = archived_run, front_end
        self._shell, self._declared, self._runbook = shell, declared, notebook.runbook
        self._cell_id = ""
        self._left: Mapping[str, Any] = {}
        longest = max((len(parameter.name) for parameter in declared.parameters), default=0)
        self._fields = [Field(parameter, longest) for parameter in declared.parameters]
        names = [parameter.name for parameter in declared.parameters]
        folded = {*APPROVALS, *notebook.asking_for_changes(names)}
        self._changing = [field for field in self._fields if field.parameter.name in folded]
        self._fold = widgets.Accordion()
        self._run = widgets.Button(
            description="Run", button_style="primary", tooltip="Run the cells below with these values"
        )
        self._archive = widgets.Button(
            description="Run and archive", tooltip="Run the runbook with these values in the background and archive it"
        )
        self._said = widgets.HTML()
        self._run.on_click(lambda _: self._clicked_run())
        self._archive.on_click(lambda _: self._clicked_archive())
        self.widget = widgets.VBox(
            [
                widgets.HTML(form_style()),
                *self._rows(),
                widgets.HBox([self._run, self._archive, self._said]).add_class("runbook-buttons"),
                archived_run.widget,
            ]
        ).add_class("runbook-form")

    def declares(self, declared: DeclaredParameters) -> bool:
        """Return whether the form is for exactly these parameters."""
        return [_as_declared(one) for one in self._declared.parameters] == [
            _as_declared(one) for one in declared.parameters
        ]

    def show(self, declared: DeclaredParameters, cell_id: str) -> None:
        """Apply the form's values; if other cells have set parameters meanwhile, show those instead.

        Args:
            declared: The last execution of the parameters cell.
            cell_id: Id of the form's cell.

        Raises:
            NotApplied: A value is invalid; the namespace is unchanged.
        """
        self._cell_id = cell_id
        held = {field.parameter.name: self._held(field.parameter) for field in self._fields}
        if declared.execution == self._declared.execution and _are_same(held, self._left):
            self._apply()
            return
        self._declared, self._left = declared, held
        for field in self._fields:
            field.show(held[field.parameter.name])
        if any(field.text for field in self._changing if field.parameter.name in APPROVALS):  # must not be overlooked
            self._fold.selected_index = 0
        self._said.value = ""

    def _held(self, parameter: Parameter) -> Any:
        return self._shell.user_ns.get(parameter.name, parameter.default)

    def _apply(self) -> None:
        self._said.value = ""
        self._left = self._values()
        self._shell.user_ns.update(self._left)
        self._said.value = line(f"Run with {self._summary(self._left)}")

    def _clicked_run(self) -> None:
        if self._run.disabled:  # a double click
            return
        try:
            values = self._values()
        except NotApplied as error:
            self._said.value = line(str(error), "wrong")
            return
        if self._front_end.run_clicked_cell_and_below(self._cell_id):
            self._run.disabled = True
            threading.Timer(_DOUBLE_CLICK_SECONDS, self._enable).start()
        elif threading.current_thread() is threading.main_thread():
            self._apply()
            self._said.value = line(f"Set: {self._summary(values)}. Now run the cells below.")
        else:  # cells may be running, so the values must not be set between two of them
            self._said.value = line("Now run this cell and those below.")

    def _clicked_archive(self) -> None:
        try:
            started = self._archived_run.start(self._runbook, self._values())
        except NotApplied as error:
            self._said.value = line(str(error), "wrong")
        except RunbookError as error:
            self._said.value = line(f"Not run: {error}", "wrong")
        else:
            self._said.value = "" if started else line("A run is in progress: stop it, or wait for it to end.")

    def _enable(self) -> None:
        self._run.disabled = False

    def _values(self) -> dict[str, Any]:
        """Return the form's typed values.

        Raises:
            NotApplied: A value is invalid.
        """
        values: dict[str, Any] = {}
        wrong = []
        for field in self._fields:
            try:
                values[field.parameter.name] = field.value()
            except UserError:
                wrong.append(field.parameter.name)
        if wrong:
            raise NotApplied(f"Not run: invalid value for {', '.join(wrong)}.")
        return values

    def _summary(self, values: Mapping[str, Any]) -> str:
        given = [
            f"{field.parameter.name} {text_of(field.text) or 'empty'}"
            for field in self._fields
            if values[field.parameter.name] != field.parameter.default
        ]
        return ", ".join(given) or "the values of the parameters cell"

    def _rows(self) -> list[Any]:
        looking = [field.row for field in self._fields if field not in self._changing]
        if not self._changing:
            return looking
        note = widgets.HTML(f"<div>{_CHANGING}</div>").add_class("runbook-note")
        self._fold.children = [widgets.VBox([note, *(field.row for field in self._changing)])]
        self._fold.titles = ("Change something",)
        return [*looking, self._fold]


def _as_declared(parameter: Parameter) -> tuple[object, ...]:
    return (parameter.name, parameter.type.text, parameter.default, parameter.help)


def _are_same(held: Mapping[str, Any], left: Mapping[str, Any]) -> bool:
    """Return whether the parameters are unchanged; other cells may have assigned anything, such as a DataFrame."""
    return held.keys() == left.keys() and all(
        type(value) is type(left[name]) and value == left[name] for name, value in held.items()
    )
