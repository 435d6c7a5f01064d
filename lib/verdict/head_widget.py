"""The head of a notebook once more, as a widget.

When the page is loaded again, it forgets the ids of displays, so that what was displayed is renewed no longer. A widget
is: so this stands in the place of the displays for as long as its kernel lives, and a saved notebook shows these.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from lib.verdict.live import is_live

_CLASS = "on-top-now"
# JupyterLab's own classes: a page of another make shows the displays alone.
_STYLE = f"""<style>
.{_CLASS} {{ display: none; }}
.jp-OutputArea .{_CLASS} {{ display: flex; margin: 0; padding: 0; width: auto; height: auto; }}
.{_CLASS} > .widget-html-content {{ white-space: normal; line-height: var(--jp-content-line-height);
  font-size: var(--jp-content-font-size1); }}
.jp-OutputArea:has(.{_CLASS}) > .jp-OutputArea-child:not(:has(.{_CLASS})) {{ display: none; }}
</style>"""


class HeadWidget:
    """Shows what the head says."""

    def __init__(self) -> None:
        import ipywidgets

        self._html: Any = ipywidgets.HTML().add_class(_CLASS).add_class("jp-RenderedHTMLCommon")

    def renew(self, html: str) -> None:
        """Show this from now on."""
        self._html.value = _STYLE + html

    @property
    def bundle(self) -> dict[str, Any]:
        """By media type, for a notebook's output."""
        return {**self._html._repr_mimebundle_(), "text/plain": ""}


def head_widget() -> HeadWidget | None:
    """None: nobody works in this notebook, or there are no widgets."""
    return HeadWidget() if is_live() and find_spec("ipywidgets") else None
