"""The form below a plan, as a person sees it and fills it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ipywidgets

from lib.verdict.section import Section


@dataclass
class Form:
    """What a person sees of it, and does with it."""

    box: Any

    @property
    def _fields(self) -> list[Any]:
        return [widget for widget in self.box.children if isinstance(widget, ipywidgets.Text)]

    @property
    def button(self) -> Any:
        return next((widget for widget in self.box.children if isinstance(widget, ipywidgets.Button)), None)

    @property
    def words(self) -> str:
        return " ".join(widget.value for widget in self.box.children if isinstance(widget, ipywidgets.HTML))

    def fill_in(self, reason: str, target: str) -> Form:
        for field, value in zip(self._fields, (reason, target), strict=True):
            field.value = value
        return self


def form_of(section: Section) -> Form:
    offer: Any = section.offer
    return Form(offer.box)
