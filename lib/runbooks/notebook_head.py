"""The head of an archived notebook: how the run ended, taken from its record rather than its kernel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lib.archive.record import RunRecord, RunStatus
from lib.runbooks.next_steps import first_screen
from lib.runbooks.pictures import with_images
from lib.runbooks.report_page import pictures
from lib.verdict.conclusion import Conclusion
from lib.verdict.head import CELL, Head, timeline_bundle
from lib.verdict.timeline.data import MEDIA_TYPE as TIMELINE


def with_head(notebook: Mapping[str, Any], record: RunRecord) -> Any:
    """Return the notebook with the verdict below its title; unchanged if it has no head cell.

    Args:
        notebook: As far as it was executed (nbformat 4), masked.
        record: How the run ended, masked.
    """
    import nbformat

    is_complete = record.status is RunStatus.COMPLETED
    stopped = "" if is_complete else f"The run did not complete: {record.status.words}"
    cells = [with_images(cell) for cell in notebook["cells"]]
    bundles = [Head(Conclusion(record.checks, record.headline), stopped=stopped).as_bundle()]
    if is_complete:
        bundles += [timeline_bundle(drawing) for drawing in _timelines(cells, record)]
    outputs = [{"output_type": "display_data", "metadata": {}, "data": bundle} for bundle in bundles]
    cells = [{**cell, "outputs": [*outputs, *cell.get("outputs", ())]} if _is_head(cell) else cell for cell in cells]
    return nbformat.from_dict({**notebook, "cells": cells})  # type: ignore[no-untyped-call]


def _is_head(cell: Mapping[str, Any]) -> bool:
    return bool(cell["cell_type"] == "code" and cell.get("id") == CELL)


def _timelines(cells: Sequence[Mapping[str, Any]], record: RunRecord) -> Iterator[str]:
    """Yield the timeline that the report shows below its checks, if any."""
    for output, _ in pictures({"cells": cells}, first_screen(record.checks).check):
        if TIMELINE in output["data"]:
            yield str(output["data"]["text/html"])
