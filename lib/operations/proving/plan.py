"""The plan of a proof, and the dataset that it uses."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from lib.consolidation.identifiers import plain_identifier
from lib.errors import RunbookError, Unavailable
from lib.operations.changes.plan import Facts, Plan
from lib.operations.proving.claims import CLAIMS
from lib.operations.proving.proof import NOTE, Claim
from lib.platform import Platform
from lib.ports.scratch import DatasetExists
from lib.verdict.check import Question
from lib.words.quantities import spoken_bytes, spoken_seconds

logger = logging.getLogger(__name__)

ACTION = "proof"
_PROOF = Question("proof", "Proof", affects="the warehouse: the proof's dataset may be left over", can_wait="yes")
_LEAST_BILLED_BYTES = 10_000_000  # a table that a statement reads, however small


@dataclass(frozen=True)
class ProofPlan:
    """What a proof would do.

    Attributes:
        dataset: Its name; it does not exist yet.
        claims: The claims that can be tried there.
        facts: The state that the plan is based on, in words.
    """

    platform: Platform
    dataset: str
    claims: Sequence[Claim]
    facts: Facts

    def plan(self) -> Plan:
        """Return the plan that a person reviews, and approves if the environment requires it."""
        return Plan(
            question=_PROOF,
            runbook="",
            action=ACTION,
            act=f"Try it in {self.dataset}",
            target=self.dataset,
            parameters={"dataset": self.dataset},
            summary=f"test in the new dataset {self.dataset} the warehouse behaviour that the fence relies on",
            state=self.facts,
            undo="not needed: its dataset is removed at the end",
            words=("prove", "--dataset", self.dataset),
            takes_reason=False,
        )


def plan_of(platform: Platform, dataset: str) -> ProofPlan:
    """Check that the dataset's name is free, and return the plan. Changes nothing.

    Raises:
        InvalidIdentifier: It is not a plain name.
        DatasetExists: It is taken.
    """
    plain_identifier(dataset, "dataset name")
    note = platform.scratch.note_of(dataset)
    if note is not None:
        raise DatasetExists(_taken(platform, dataset, note))
    expires = platform.scratch.tables_expire_after_seconds
    claims = [claim for claim in CLAIMS if platform.scratch.has_jobs or not claim.needs_jobs]
    facts: Facts = {
        "dataset": f"{dataset}: does not exist yet, is created, and is removed at the end",
        "if it is killed": f"tables expire after {spoken_seconds(expires)}" if expires else "the dataset stays",
        "claims": len(claims),
        "time": "about two minutes" if platform.scratch.has_jobs else "seconds",
        "cost": _cost(platform, sum(claim.readings for claim in claims)),
    }
    return ProofPlan(platform, dataset, claims, facts)


def _cost(platform: Platform, readings: int) -> str:
    if not platform.scratch.has_jobs:
        return "nothing is billed here"
    return (
        f"about {readings} readings of tiny tables, each billed at BigQuery's minimum of "
        f"{spoken_bytes(_LEAST_BILLED_BYTES)}: {spoken_bytes(readings * _LEAST_BILLED_BYTES)} in all, a few cents at "
        "list price"
    )


def _taken(platform: Platform, dataset: str, note: str) -> str:
    taken = f"the dataset {dataset} already exists, and a proof uses only a new one; name one that does not exist"
    remove = platform.commands.remove_dataset(dataset)
    if not note.startswith(NOTE) or not remove:
        return taken
    return f"{taken}. An earlier proof made it; if that was killed, remove it with: {remove}"


@contextmanager
def made_dataset(platform: Platform, dataset: str, digest: str) -> Iterator[None]:
    """Create the dataset for the ``with`` block, and remove it however the block ends.

    Args:
        platform: Where to create it.
        dataset: Its name.
        digest: The digest of the proof's plan, for the dataset's note.

    Raises:
        DatasetExists: Someone else has created it since; it was left unchanged.
        Unavailable: It could not be created, or not removed; the message then says what is left.
    """
    note = f"{NOTE}, plan {digest}"
    try:
        platform.scratch.create(dataset, note=note)
        yield
    except DatasetExists:
        raise
    except BaseException:
        try:
            _remove(platform, dataset, note)
        except Unavailable as error:  # the error that ended the block matters more
            logger.warning("%s", error)
        raise
    _remove(platform, dataset, note)


def _remove(platform: Platform, dataset: str, note: str) -> None:
    """Remove it if it has this note: after an interruption it is not known whether it was created."""
    try:
        if platform.scratch.note_of(dataset) == note:
            platform.scratch.remove(dataset)
    except RunbookError as error:
        expires = platform.scratch.tables_expire_after_seconds
        left = f"its tables expire within {spoken_seconds(expires)}" if expires else "it stays"
        remove = platform.commands.remove_dataset(dataset)
        how = f"; remove it with: {remove}" if remove else ""
        raise Unavailable(f"the dataset {dataset} could not be removed: {error}; {left}{how}") from error
