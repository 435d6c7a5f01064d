"""The form below a plan, as a person sees and fills it in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets

from lib.verdict.section import Section


@dataclass
class Form:
    """The form, with what a person sees and does."""

    box: Any

    @property
    def _fields(self) -> list[Any]:
        return [widget for widget in self.box.children if isinstance(widget, ipywidgets.Text)]

    @property
    def is_open(self) -> bool:
        return bool(self._fields)

    @property
    def button(self) -> Any:
        """The button of an open form."""
        return next(widget for widget in self.box.children if isinstance(widget, ipywidgets.Button))

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


def lasting(record: Mapping[str, Any]) -> dict[str, str]:
    """A record of the audit trail without its ids and times, which differ between changes."""
    names = re.compile(r"(?<=_)[0-9a-f]{8}\b|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[^\"]*")
    facts = {name: names.sub("…", str(value)) for name, value in record.items()}
    return {name: value for name, value in facts.items() if name not in ("action_id", "filed_at")}
