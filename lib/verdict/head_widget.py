"""The head of a notebook as a widget.

A reloaded page forgets the ids of displays, so they can no longer be updated. A widget can, so it replaces the displays
as long as its kernel lives; a saved notebook shows the displays.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from lib.verdict.live import is_live

_CLASS = "on-top-now"
# These are JupyterLab's own classes: any other page shows only the displays.
_STYLE = f"""<style>
.{_CLASS} {{ display: none; }}
.jp-OutputArea .{_CLASS} {{ display: flex; margin: 0; padding: 0; width: auto; height: auto; }}
.{_CLASS} > .widget-html-content {{ white-space: normal; line-height: var(--jp-content-line-height);
  font-size: var(--jp-content-font-size1); }}
.jp-OutputArea:has(.{_CLASS}) > .jp-OutputArea-child:not(:has(.{_CLASS})) {{ display: none; }}
</style>"""


class HeadWidget:
    """A widget that shows the head."""

    def __init__(self) -> None:
        import ipywidgets

        self._html: Any = ipywidgets.HTML().add_class(_CLASS).add_class("jp-RenderedHTMLCommon")

    def renew(self, html: str) -> None:
        """Replace what it shows."""
        self._html.value = _STYLE + html

    @property
    def bundle(self) -> dict[str, Any]:
        """The output of a notebook, by media type."""
        return {**self._html._repr_mimebundle_(), "text/plain": ""}


def head_widget() -> HeadWidget | None:
    """Return a widget; None outside JupyterLab or without ipywidgets."""
    return HeadWidget() if is_live() and find_spec("ipywidgets") else None
