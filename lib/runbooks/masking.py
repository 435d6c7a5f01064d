"""Mask secrets in what a run leaves: its record and its notebook.

Data is masked before anything is written, shortened or rendered: in a page or a file, a
secret could be escaped, cut or split by markup, and would no longer be found.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

from lib.archive.record import RunRecord
from lib.verdict.change import Change
from lib.verdict.check import Changing, Check, Looking
from lib.words.secrets.redaction import Redactor

# In base64, which a mask would corrupt. SVG is text.
_BINARY = ("image/", "audio/", "video/", "font/", "application/pdf", "application/octet-stream")


def masked_record(record: RunRecord, redactor: Redactor) -> RunRecord:
    """Return the record without secrets."""
    error = record.error
    return replace(
        record,
        title=redactor.text(record.title),
        headline=redactor.text(record.headline),
        parameters=redactor.data(record.parameters),
        checks=tuple(_masked_check(check, redactor) for check in record.checks),
        changed=tuple(Change(**redactor.data(asdict(change))) for change in record.changed),
        origin=replace(
            record.origin,
            schedule=redactor.text(record.origin.schedule),
            agent=redactor.text(record.origin.agent),
        ),
        error=error and replace(error, name=redactor.text(error.name), message=redactor.text(error.message)),
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
        since=redactor.text(check.since),
        affects=redactor.text(check.affects),
        can_wait=redactor.text(check.can_wait),
    )


def masked_notebook(notebook: Mapping[str, Any], redactor: Redactor) -> Any:
    """Return a copy of the notebook (nbformat 4) without secrets; a valid one stays valid.

    The content of images, sounds and PDFs is not searched.
    """
    masked: Any = deepcopy(notebook)
    _mask(masked, "metadata", redactor)
    for cell in masked["cells"]:
        cell["source"] = _masked_text(cell["source"], redactor)
        _mask(cell, "metadata", redactor)
        for name, attachment in cell.get("attachments", {}).items():
            cell["attachments"][name] = _masked_bundle(attachment, redactor)
        _mask_outputs(cell.get("outputs", ()), redactor)
    return masked


def _mask(owner: dict[str, Any], name: str, redactor: Redactor) -> None:
    """Mask in place, to keep nbformat's own types."""
    if name in owner:
        masked = redactor.data(dict(owner[name]))
        owner[name].clear()
        owner[name].update(masked)


def _mask_outputs(outputs: Sequence[dict[str, Any]], redactor: Redactor) -> None:
    for name in ("stdout", "stderr"):
        streams = [output for output in outputs if output["output_type"] == "stream" and output["name"] == name]
        texts = redactor.pieces(["".join(output["text"]) for output in streams])
        for output, text in zip(streams, texts, strict=True):
            output["text"] = text
    for output in outputs:
        _mask(output, "metadata", redactor)
        if output["output_type"] == "error":
            output["ename"], output["evalue"] = redactor.text(output["ename"]), redactor.text(output["evalue"])
            output["traceback"] = redactor.pieces(output["traceback"])
        elif "data" in output:
            output["data"].update(_masked_bundle(output["data"], redactor))


def _masked_bundle(bundle: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    """Mask the contents, by media type."""
    return {kind: _masked_content(kind, content, redactor) for kind, content in bundle.items()}


def _masked_content(media_type: str, content: Any, redactor: Redactor) -> Any:
    if media_type.startswith(_BINARY) and _is_base64(content):
        return content
    return _masked_text(content, redactor) if _is_text(content) else redactor.data(content)


def _is_text(content: Any) -> bool:
    return isinstance(content, str) or (isinstance(content, list) and all(isinstance(line, str) for line in content))


def _is_base64(content: Any) -> bool:
    try:
        return bool(b64decode("".join("".join(content).split()), validate=True))
    except (TypeError, ValueError):
        return False


def _masked_text(text: str | list[str], redactor: Redactor) -> Any:
    """Mask a text, which nbformat may store as a list of lines."""
    return redactor.text(text) if isinstance(text, str) else redactor.pieces(text)
