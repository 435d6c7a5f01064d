"""Pictures of executed notebooks, drawn again from their data: a drawing in an output is never trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from markupsafe import Markup

from lib.runbooks.markup import WHERE, sentence
from lib.verdict.timeline.data import MEDIA_TYPE, Timeline, timeline_of
from lib.verdict.timeline.drawing import drawn, drawn_as_image


def timeline(payload: object, draw: Callable[[Timeline], str] = drawn) -> Markup:
    """The timeline that is stored there, or a sentence that it is not one."""
    try:
        return Markup(draw(timeline_of(payload)))  # noqa: S704 - it escapes all names
    except ValueError:
        return sentence(f"A timeline is not shown, for its data are not as they should be. {WHERE}")


def with_images(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """The cell with its timelines as images, which a page that does not trust the notebook shows, too."""
    if "outputs" not in cell:
        return cell
    return {**cell, "outputs": [_with_image(output) for output in cell["outputs"]]}


def _with_image(output: Mapping[str, Any]) -> Mapping[str, Any]:
    data = output.get("data", {})
    if MEDIA_TYPE not in data:
        return output
    return {**output, "data": {**data, "text/html": str(timeline(data[MEDIA_TYPE], drawn_as_image))}}


def timelines_in(notebook: Mapping[str, Any]) -> Iterator[Timeline]:
    """Those that a valid executed notebook (nbformat 4) shows; what is not a timeline is left out. Hostile input."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if MEDIA_TYPE in output.get("data", {}):
                with suppress(ValueError):
                    yield timeline_of(output["data"][MEDIA_TYPE])
