"""Secrets masked in all that a run leaves: its record and its notebook.

This happens to data, before anything is written, cut or rendered: in a page or a file a
secret could be escaped, shortened or split by markup, and no longer be found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from lib.archive.record import RunError, RunRecord
from lib.operations.commands import Changing, Looking
from lib.operations.verdict import Check
from lib.runbooks.redaction import Redactor

# Base64; a mask would break the image.
_BINARY = ("image/png", "image/jpeg")


def masked_record(record: RunRecord, redactor: Redactor) -> RunRecord:
    """The record without secrets."""
    error = record.error
    return replace(
        record,
        title=redactor.text(record.title),
        headline=redactor.text(record.headline),
        parameters=redactor.data(record.parameters),
        checks=tuple(_masked_check(check, redactor) for check in record.checks),
        origin=replace(record.origin, schedule=redactor.text(record.origin.schedule)),
        error=error and RunError(error.cell, error.name, redactor.text(error.message)),
    )


def _masked_check(check: Check, redactor: Redactor) -> Check:
    return replace(
        check,
        name=redactor.text(check.name),
        summary=redactor.text(check.summary),
        evidence=redactor.data(check.evidence),
        next_step=redactor.text(check.next_step),
        commands=[Looking(redactor.text(command)) for command in check.commands],
        changes=[Changing(redactor.text(command)) for command in check.changes],
    )


def masked_notebook(notebook: Mapping[str, Any], redactor: Redactor) -> Any:
    """A copy of the notebook (nbformat 4) without secrets, as valid as it was."""
    masked: Any = deepcopy(notebook)
    masked["metadata"].update(redactor.data(dict(masked["metadata"])))
    for cell in masked["cells"]:
        cell["source"] = _masked_text(cell["source"], redactor)
        if cell["cell_type"] == "code":
            _mask_outputs(cell["outputs"], redactor)
    return masked


def _mask_outputs(outputs: Sequence[dict[str, Any]], redactor: Redactor) -> None:
    for name in ("stdout", "stderr"):
        streams = [output for output in outputs if output["output_type"] == "stream" and output["name"] == name]
        texts = redactor.pieces(["".join(output["text"]) for output in streams])
        for output, text in zip(streams, texts, strict=True):
            output["text"] = text
    for output in outputs:
        if output["output_type"] == "error":
            output["ename"], output["evalue"] = redactor.text(output["ename"]), redactor.text(output["evalue"])
            output["traceback"] = redactor.pieces(output["traceback"])
        elif "data" in output:
            output["data"].update(
                {kind: _masked_content(kind, content, redactor) for kind, content in output["data"].items()}
            )


def _masked_content(media_type: str, content: Any, redactor: Redactor) -> Any:
    if media_type in _BINARY:
        return content
    is_json = media_type.endswith("json")
    return redactor.data(content) if is_json else _masked_text(content, redactor)


def _masked_text(text: str | list[str], redactor: Redactor) -> Any:
    """nbformat admits a text in lines."""
    return redactor.text(text) if isinstance(text, str) else redactor.pieces(text)
