"""Approval by a person: what they sign, and the one place where an approval is checked and used up.

A person does not sign the short digest alone, but everything that it covers: the change, its target, the
environment with its project and table, each fact of the live state, and the archive. These are derived from the
live state again when the plan is applied, so a signature over anything else is worthless.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from lib import places
from lib.consolidation.upkeep.audit import as_json
from lib.environment import Signers
from lib.errors import Finding, Unavailable, UserError
from lib.operations.changes.plan import LIFE_WITH_APPROVAL, Plan, PlanDigest
from lib.operations.ssh_signature import BadSignature, SignedBy, sign, verified
from lib.platform import Platform
from lib.ports.approvals import PLAN, Entry
from lib.verdict.check import Changing

_USE, _APPROVAL = "use", "by_"
_SIGNED_AT = "signed at"
_MOST_NAMED = 5
# How far the clocks of the two people's machines may differ.
_CLOCKS_DIFFER = timedelta(minutes=5)


class NotApproved(Finding):
    """The change needs a person's approval and has no valid one; nothing was changed."""


@dataclass(frozen=True, kw_only=True)
class SignedApproval:
    """A person's approval of one plan, as the record of the change keeps it.

    Attributes:
        plan: The plan's digest.
        approver: The first name on their line in the allowed signers.
        fingerprint: The fingerprint of their key.
        signed_at: When they signed, by their clock (UTC, ISO 8601).
        statement: What they signed.
        signature: The signature in OpenSSH's format, for `ssh-keygen -Y verify`.
    """

    plan: str
    approver: str
    fingerprint: str
    signed_at: str
    statement: str
    signature: str

    def as_json(self) -> str:
        return as_json(asdict(self))


@dataclass(frozen=True)
class PlanCommands:
    """The digest of a shown plan, and the commands that use it.

    Attributes:
        digest: The plan's digest.
        approve: The command that a person types first, at a terminal; None: no approval is needed.
        following: The command that applies it.
    """

    digest: PlanDigest
    approve: Changing | None
    following: Changing

    @property
    def commands(self) -> list[Changing]:
        """The commands, in order."""
        return [self.approve, self.following] if self.approve else [self.following]

    @property
    def step(self) -> str:
        """The next step, in a sentence."""
        how = f"the plan, with your own reason: {self.following}"
        if self.approve is None:
            return f"Apply {how}"
        return f"A person approves it at a terminal: {self.approve}. Then apply {how}"


def offer(platform: Platform, plan: Plan, now: datetime) -> PlanCommands:
    """Return the commands for a plan; store one that a person has to approve for `runbook approve`.

    Raises:
        LockServiceUnavailable: It was not stored, so nobody could approve it.
    """
    digest = plan.digest(platform, now)
    following = plan.command(platform.commands, digest)
    if not platform.environment.needs_approval:
        return PlanCommands(digest, None, following)
    asked = {"action": plan.action, "parameters": {name: str(value) for name, value in plan.parameters.items()}}
    platform.approvals.add(Entry(digest.text, PLAN, as_json(asked)))
    return PlanCommands(digest, plan.approve_command(platform.commands, digest), following)


def kept(platform: Platform, digest: PlanDigest) -> str:
    """Return what is stored for a plan, by `offer` or by anyone else: JSON, or any text.

    Raises:
        UserError: Nothing is stored for that plan.
        LockServiceUnavailable: It cannot be read.
    """
    found = [entry.text for entry in platform.approvals.entries(digest.text) if entry.kind == PLAN]
    if not found:
        raise UserError(
            f"no plan {digest.text} is stored in environment {platform.name}; if it belongs to another environment, "
            "show it there again; nothing was approved"
        )
    return found[0]


def approve(platform: Platform, plan: Plan, digest: PlanDigest, key: Path | str, now: datetime) -> SignedApproval:
    """Sign the plan, check the signature as the requester's side will, and store it.

    Args:
        platform: Where the change will be made.
        plan: Just made, and reviewed by the person.
        digest: The plan's digest.
        key: As in `sign`.
        now: The time (UTC).

    Raises:
        UserError: It was not signed, or not by an allowed signer; nothing was approved.
        Unavailable: The approval may not have been stored.
    """
    ensure_short(digest, now)
    stated = _stated(platform, plan, digest.text, now.isoformat(timespec="seconds"))
    statement = _as_signed(stated)
    signature = sign(statement, key)
    try:
        by = verified(statement, signature, platform.environment.signers)
    except BadSignature as error:
        raise UserError(f"{error}; nothing was approved") from error
    kind = f"{_APPROVAL}{sha256(signature.encode()).hexdigest()[:16]}"
    platform.approvals.add(Entry(digest.text, kind, as_json({"statement": statement, "signature": signature})))
    return _approval(by, stated, signature)


def use_approval(platform: Platform, plan: Plan, digest: str) -> SignedApproval | None:
    """Find an approval of exactly this plan and use it up; None: the environment requires none.

    Every change passes through here. The use is recorded before anything is changed. If the process ends between
    the two, the approval is used and the change was not made: a new plan needs a new approval.

    Args:
        platform: Where the change will be made.
        plan: Just made.
        digest: The digest that the requester, who applies it, handed back.

    Raises:
        NotApproved: There is no valid one, or it was used; nothing was changed.
        Unavailable: It is not known whether there is one; nothing was changed.
        UserError: The allowed signers cannot be read, or ssh-keygen is not installed; nothing was changed.
    """
    if not platform.environment.needs_approval:
        return None
    asked = PlanDigest.parse(digest)
    ensure_short(asked, datetime.now(UTC))
    requester, entries = platform.actor, platform.approvals.entries(asked.text)
    if any(entry.kind == _USE for entry in entries):
        raise _used(asked)
    found = _found(platform, plan, asked, requester, [entry for entry in entries if entry.kind.startswith(_APPROVAL)])
    use = {"requester": requester, "approver": found.approver, "used_at": datetime.now(UTC).isoformat()}
    try:
        is_first = platform.approvals.add(Entry(asked.text, _USE, as_json(use)))
    except Unavailable as error:
        raise Unavailable(f"nothing was changed, and the approval may be used up: {error}") from error
    if not is_first:
        raise _used(asked)
    return found


def ensure_short(digest: PlanDigest, now: datetime) -> None:
    """Refuse a digest that has expired, or is valid for longer than any plan may be."""
    if not now < digest.expires_at <= now + LIFE_WITH_APPROVAL + _CLOCKS_DIFFER:
        raise NotApproved(
            f"the plan {digest.text} has expired, or claims to hold for more than an hour; nothing was changed; make "
            "a new plan"
        )


def approver_in(approval: str) -> str:
    """Return who approved, from a record's JSON; empty: no approval was needed, or the JSON is not ours."""
    return _member(approval, "approver")


def approval_in_words(approval: str) -> str:
    """Return who approved, with which key and when; empty: no approval was needed."""
    parts = [_member(approval, name) for name in ("approver", "fingerprint", "signed_at")]
    return ", ".join(filter(None, parts))


def _found(platform: Platform, plan: Plan, digest: PlanDigest, requester: str, entries: list[Entry]) -> SignedApproval:
    signers, refusals = platform.environment.signers, dict[str, None]()
    for entry in entries:
        try:
            approval = _judged(platform, plan, digest, entry, signers)
            _ensure_another(platform, signers, approval, requester)
        except BadSignature as error:
            refusals[str(error)] = None
        else:
            return approval
    why = f": {'; '.join([*refusals][:_MOST_NAMED])}" if refusals else ""
    raise NotApproved(
        f"the plan {digest.text} is not approved{why}; nothing was changed; have a person approve it at a terminal: "
        f"{plan.approve_command(platform.commands, digest)}"
    )


def _judged(platform: Platform, plan: Plan, digest: PlanDigest, entry: Entry, signers: Signers) -> SignedApproval:
    """Check an entry against the live state; what it states itself is used only to explain a difference."""
    signature, there = _member(entry.text, "signature"), _member(entry.text, "statement")
    stated = _stated(platform, plan, digest.text, _member(there, _SIGNED_AT))
    try:
        return _approval(verified(_as_signed(stated), signature, signers), stated, signature)
    except BadSignature as error:
        differing = [name for name in ("environment", "table", "archive") if _member(there, name) != stated[name]]
        hint = f"; it is for another {' and '.join(differing)}" if there and differing else ""
        raise BadSignature(f"{error}{hint}") from error


def _ensure_another(platform: Platform, signers: Signers, approval: SignedApproval, requester: str) -> None:
    """Where two people are needed, refuse names that are the same person or cannot be compared."""
    if platform.environment.approval != "two_people":
        return
    person = signers.person(requester)
    if not person:
        raise BadSignature(
            f"{requester}, who applies it, has no line in {signers.path.name}, so it is not known whether they are "
            f"{approval.approver}"
        )
    if approval.approver.lower() in person:
        raise BadSignature(f"{approval.approver} approved it and {requester} applies it, but two people are needed")


def _approval(by: SignedBy, stated: Mapping[str, Any], signature: str) -> SignedApproval:
    return SignedApproval(
        plan=stated["approves"],
        approver=by.name,
        fingerprint=by.fingerprint,
        signed_at=stated[_SIGNED_AT],
        statement=_as_signed(stated),
        signature=signature,
    )


def _stated(platform: Platform, plan: Plan, digest: str, signed_at: str) -> dict[str, Any]:
    """The statement that is signed; the same on every machine."""
    archive = {"archive": archive_of(platform), _SIGNED_AT: signed_at}
    return {"approves": digest, **plan.identity(platform), "state": dict(plan.state), **archive}


def _as_signed(stated: Mapping[str, Any]) -> str:
    """In ASCII, so that any text gives the same bytes everywhere."""
    return json.dumps(stated, sort_keys=True, default=str)


def archive_of(platform: Platform) -> str:
    """Return where runs are archived, if requester and approver share it; a folder on a laptop is not shared."""
    outputs = places.outputs()
    if "://" in outputs:
        return outputs
    is_shared = platform.environment.platform == "embedded"
    return str(Path(outputs).resolve()) if is_shared else "a folder of each machine"


def _used(digest: PlanDigest) -> NotApproved:
    return NotApproved(
        f"the approval of the plan {digest.text} was used before, and is valid only once; nothing was changed now; "
        "check whether the change was made: runbook audit; if not, make a new plan and have it approved"
    )


def _member(text: str, name: str) -> str:
    """Return a text member of JSON that anyone may have written; empty: there is none."""
    try:
        value = json.loads(text)[name]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""
