"""Timelines of executed notebooks, redrawn from their data: a drawing in an output is never trusted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from markupsafe import Markup

from lib.runbooks.markup import WHERE, sentence
from lib.verdict.timeline.data import MEDIA_TYPE, Timeline, timeline_of
from lib.verdict.timeline.drawing import drawn, drawn_as_image


def timeline(payload: object, draw: Callable[[Timeline], str] = drawn) -> Markup:
    """Draw the timeline stored in an output, or return a note if its data is invalid."""
    try:
        return Markup(draw(timeline_of(payload)))  # noqa: S704 - it escapes all names
    except ValueError:
        return sentence(f"A timeline is not shown because its data is invalid. {WHERE}")


def with_images(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the cell with its timelines as images, which are shown even where the notebook is not trusted."""
    if "outputs" not in cell:
        return cell
    return {**cell, "outputs": [_with_image(output) for output in cell["outputs"]]}


def _with_image(output: Mapping[str, Any]) -> Mapping[str, Any]:
    data = output.get("data", {})
    if MEDIA_TYPE not in data:
        return output
    return {**output, "data": {**data, "text/html": str(timeline(data[MEDIA_TYPE], drawn_as_image))}}


def timelines_in(notebook: Mapping[str, Any]) -> Iterator[Timeline]:
    """Yield the timelines of an executed notebook (valid nbformat 4, hostile input); invalid ones are left out."""
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if MEDIA_TYPE in output.get("data", {}):
                with suppress(ValueError):
                    yield timeline_of(output["data"][MEDIA_TYPE])
