"""A widget for each parameter, with its help and, if the value is invalid, the reason."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from html import escape
from typing import Any, Literal, Protocol, get_args, get_origin

import ipywidgets as widgets

from lib.environment import environment_names, load_environment
from lib.errors import UserError
from lib.runbooks.parameters import ENVIRONMENT_PARAMETER, Parameter, as_text
from lib.words.dates import DATE_WORDS, iso_date
from lib.words.text import one_line
from lib.workbench.form.look import CHARACTER, INPUT

_PICKED = "picked"
_EMPTY = "empty"


class Field:
    """A parameter's row: its widget, its help, and what is wrong with its value.

    Args:
        parameter: The parameter.
        label_characters: Length of the form's longest label.
    """

    def __init__(self, parameter: Parameter, label_characters: int) -> None:
        self.parameter = parameter
        label = CHARACTER * (label_characters + 1)
        self._input = _input(parameter, {"description_width": f"{label}px"})
        self._input.widget.layout.width = f"{label + INPUT}px"
        self._words = widgets.HTML().add_class("runbook-words")
        self.row = widgets.HBox([self._input.widget, self._words])
        self.row.add_class("runbook-field")
        self._input.on_change(lambda _: self._check())

    def show(self, value: object) -> None:
        """Show a value, which may be invalid."""
        self._input.show(value)
        self._check()

    def value(self) -> Any:
        """Return the typed value; if it is invalid, the row shows why.

        Raises:
            UserError: The value is invalid.
        """
        try:
            value = self.parameter.value(self._input.given())
            if self.parameter.name == ENVIRONMENT_PARAMETER:
                load_environment(value)
        except UserError as error:
            self._explain(one_line(str(error)).removeprefix(f"parameter {self.parameter.name}: "))
            raise
        self._explain("")
        return value

    @property
    def text(self) -> str:
        """The value as written on a command line."""
        return as_text(self.parameter.name, self._input.given())

    def _check(self) -> None:
        with suppress(UserError):
            self.value()

    def _explain(self, wrong: str) -> None:
        line = f'<div class="runbook-wrong" role="alert">{escape(wrong)}</div>' if wrong else ""
        self._words.value = f"{line}<div>{escape(one_line(self.parameter.help))}</div>"


class _Input(Protocol):
    @property
    def widget(self) -> Any: ...

    def given(self) -> object:
        """Return the value as text, as on a command line, or typed."""
        ...

    def show(self, value: object) -> None: ...

    def on_change(self, call: Callable[[object], object]) -> None: ...


class _Text:
    def __init__(self, parameter: Parameter, style: dict[str, str]) -> None:
        self._name = parameter.name
        self.widget = widgets.Text(description=parameter.name, style=style, continuous_update=False)

    def given(self) -> object:
        return self.widget.value

    def show(self, value: object) -> None:
        try:
            self.widget.value = as_text(self._name, value)
        except (UserError, TypeError):  # other cells may have assigned anything
            self.widget.value = str(value)

    def on_change(self, call: Callable[[object], object]) -> None:
        self.widget.observe(call, "value")


class _Flag:
    def __init__(self, parameter: Parameter, style: dict[str, str]) -> None:
        self.widget = widgets.Checkbox(description=parameter.name, style=style, indent=True)

    def given(self) -> object:
        return self.widget.value

    def show(self, value: object) -> None:
        self.widget.value = bool(value)

    def on_change(self, call: Callable[[object], object]) -> None:
        self.widget.observe(call, "value")


class _Choice:
    def __init__(self, parameter: Parameter, style: dict[str, str], choices: Callable[[], Sequence[object]]) -> None:
        self._choices = choices
        self.widget = widgets.Dropdown(description=parameter.name, style=style)

    def given(self) -> object:
        return self.widget.value

    def show(self, value: object) -> None:
        # Also show a value that is not a choice; the check then names the choices.
        shown = value if isinstance(value, Hashable) else str(value)
        choices = dict.fromkeys([*self._choices(), shown])
        self.widget.options = [(str(choice) or _EMPTY, choice) for choice in choices]
        self.widget.value = shown

    def on_change(self, call: Callable[[object], object]) -> None:
        self.widget.observe(call, "value")


class _Date:
    """A word that means a date, or a picked date."""

    def __init__(self, parameter: Parameter, style: dict[str, str]) -> None:
        options = [*((word, word) for word in DATE_WORDS), ("this date:", _PICKED), (_EMPTY, "")]
        self._word = widgets.Dropdown(description=parameter.name, style=style, options=options)
        self._picker = widgets.DatePicker(tooltip=f"{parameter.name}, from the calendar")
        self.widget = widgets.HBox([self._word, self._picker])
        self.widget.add_class("runbook-date")
        self._word.observe(self._word_chosen, "value")
        self._picker.observe(self._date_picked, "value")

    def given(self) -> object:
        if self._word.value != _PICKED:
            return self._word.value
        if self._picker.value is None:
            raise UserError(f"no date picked; pick one, or choose {', '.join(DATE_WORDS)} or {_EMPTY}")
        return self._picker.value.isoformat()

    def show(self, value: object) -> None:
        text = str(value)
        if text in (*DATE_WORDS, ""):
            self._word.value = text
            return
        self._picker.value = None
        with suppress(ValueError):
            self._picker.value = iso_date(text)
        self._word.value = _PICKED

    def on_change(self, call: Callable[[object], object]) -> None:
        self._word.observe(call, "value")
        self._picker.observe(call, "value")

    def _word_chosen(self, _change: object) -> None:
        if self._word.value != _PICKED:
            self._picker.value = None

    def _date_picked(self, _change: object) -> None:
        if self._picker.value is not None:
            self._word.value = _PICKED


def _input(parameter: Parameter, style: dict[str, str]) -> _Input:
    kind = parameter.type.python_type
    if parameter.name == ENVIRONMENT_PARAMETER:
        return _Choice(parameter, style, environment_names)
    if get_origin(kind) is Literal:
        return _Choice(parameter, style, lambda: get_args(kind))
    if parameter.type.is_date:
        return _Date(parameter, style)
    return _Flag(parameter, style) if kind is bool else _Text(parameter, style)
