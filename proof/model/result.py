"""The part of the proof that checks the model."""

from __future__ import annotations

from collections.abc import Sequence

from proof.model.configurations import OURS, WITHOUT
from proof.model.spin import Search, missing_tools, search
from proof.part import PartResult

_TITLE = "Every state of the model"


def check_model() -> PartResult:
    """Search the complete model, and the model without each defence."""
    if missing := missing_tools():
        return PartResult(
            _TITLE, False, f"not checked: {' and '.join(missing)} not found (Debian: apt install spin gcc)", ""
        )
    ours, without = [search(one) for one in OURS], [search(one) for one in WITHOUT]
    surprises = [found for found in [*ours, *without] if not found.is_as_expected]
    states = sum(found.states for found in ours)
    summary = f"{states:,} states of the protocol, no violation; {len(without)} weakened protocols, each violated"
    if surprises:
        summary = "; ".join(f"{found.configuration.title}: {found.violation or 'no violation'}" for found in surprises)
    return PartResult(_TITLE, not surprises, summary, _markdown(ours, without))


def _markdown(ours: Sequence[Search], without: Sequence[Search]) -> str:
    incident = without[0]
    return "\n".join(
        [
            "`proof/model/lock_and_fence.pml` (Promela) is the protocol: documents with preconditions,",
            "snapshots where the first committer wins, and faults between any two steps. Its head states",
            "what is assumed of Firestore and BigQuery, with the documentation's addresses. spin checks every state.",
            "",
            "| the protocol | states | violations |",
            "| --- | ---: | --- |",
            *(f"| {found.configuration.title} | {found.states:,} | {found.violation or 'none'} |" for found in ours),
            "",
            "| removed defence | consequence |",
            "| --- | --- |",
            *(f"| {found.configuration.title} | {_what(found)} |" for found in without),
            "",
            "How two rows arise without the fence, as found by spin:",
            "",
            "```",
            *incident.story,
            "```",
        ]
    )


def _what(found: Search) -> str:
    return (
        found.configuration.because if found.is_as_expected else f"**not found**: {found.violation or 'no violation'}"
    )
