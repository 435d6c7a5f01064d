"""The steps of the proof's notebook: try a claim, and show all claims with what the warehouse did."""

from __future__ import annotations

from lib.errors import CouldNotLook, RunbookError
from lib.operations.proving.claims import CLAIMS, STOP
from lib.operations.proving.proof import Claim, Proof
from lib.verdict.section import Section, Table, section
from lib.words.choices import no_such

_NOT_TRIED = "not tried: this warehouse has no jobs"
_BY_ID = {claim.question.id: claim for claim in CLAIMS}


def try_claim(proof: Proof, claim_id: str) -> Section:
    """Try one claim on the warehouse; a claim about jobs is skipped where there are none."""
    if claim_id not in _BY_ID:
        raise no_such("claim", claim_id, _BY_ID)
    claim = _BY_ID[claim_id]
    if claim.needs_jobs and not proof.scratch.has_jobs:
        return Section(())
    return section(claim.question)(_tried)(proof, claim)


def _tried(proof: Proof, claim: Claim) -> Section:
    try:
        return Section((claim.attempt(proof, claim.question),))
    except CouldNotLook:
        raise
    except RunbookError as error:
        return Section((claim.question.fails(f"its transactions ended with an unexpected error: {error}", STOP),))


def claims_and_answers(proof: Proof) -> Section:
    """Show every claim, why it matters, and what this warehouse did. Judges nothing."""
    answers = {check.id: check for check in proof.findings.conclude().checks}
    rows = []
    for claim in CLAIMS:
        answer = answers.get(claim.question.id)
        result = (answer.verdict, answer.summary) if answer else ("-", _NOT_TRIED)
        rows.append((claim.question.name, claim.why, *result))
    columns = ("Claim", "Why it matters", "Verdict", f"What {proof.scope.platform.name} did")
    return Section((), (Table("The claims, and what this warehouse did", columns, rows),))
