"""The digest of a plan: a short text that says what was seen, for whom it is valid, and until when.

``3f9a1c2b4d5e-20260117T2315Z-a109c7``: twelve digits over everything, the minute in UTC at
which it expires, and two digits for each fact, by which a refusal can name those that
moved. It is no secret and no signature: it keeps a person from applying what nobody looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lib.errors import Finding, UserError

LIFE = timedelta(minutes=15)
_DIGEST = re.compile(r"([0-9a-f]{12})-(\d{8}T\d{4}Z)-((?:[0-9a-f]{2})+)", re.ASCII)
_MINUTE = "%Y%m%dT%H%MZ"


class PlanOutdated(Finding):
    """The plan has expired, or what it rests on has moved since; nothing was changed."""


@dataclass(frozen=True)
class PlanDigest:
    """A digest that a person was shown and has handed back.

    Attributes:
        text: As it is pasted.
        expires_at: The minute (UTC) at which it expires.
    """

    text: str
    expires_at: datetime

    @classmethod
    def parse(cls, text: str) -> PlanDigest:
        """Raises `UserError` when it is no digest."""
        found = _DIGEST.fullmatch(text.strip())
        try:
            expires_at = datetime.strptime(found[2], _MINUTE).replace(tzinfo=UTC) if found else None
        except ValueError:
            expires_at = None
        if expires_at is None:
            raise UserError(
                f"plan={text.strip()!r:.80} is no digest of a plan; paste the one that the plan shows, such as "
                "3f9a1c2b4d5e-20260117T2315Z-a109c7; nothing was changed"
            )
        return cls(text.strip(), expires_at)

    def check(self, identity: Mapping[str, str], state: Mapping[str, str], now: datetime) -> None:
        """Raise `PlanOutdated` unless it is the digest of exactly this, and still valid."""
        if now >= self.expires_at:
            raise PlanOutdated(
                f"the plan {self.text} has expired at {self.expires_at:%Y-%m-%d %H:%M} UTC; nothing was changed; "
                "look at a new plan"
            )
        expected = _text(identity, state, self.expires_at)
        if self.text == expected:
            return
        marks, expected_marks = _marks(self.text), _marks(expected)
        if len(marks) != len(expected_marks) or marks[0] != expected_marks[0]:
            what = f"is of something else than {', '.join(identity.values())}"
        else:
            facts = zip(state, marks[1:], expected_marks[1:], strict=True)
            moved = [f"{name} (now {state[name]:.80})" for name, mark, now_ in facts if mark != now_]
            what = f"no longer holds, since this has moved: {', '.join(moved) or 'the live state'}"
        raise PlanOutdated(f"the plan {self.text} {what}; nothing was changed; look at a new plan")


def digest_of(identity: Mapping[str, str], state: Mapping[str, str], now: datetime) -> PlanDigest:
    """The digest of a plan that is shown at that moment.

    Args:
        identity: What is done to what, and where.
        state: The live facts that the plan rests on.
        now: The moment (UTC); it lives for `LIFE` from then on.
    """
    expires_at = (now + LIFE).replace(second=0, microsecond=0)
    return PlanDigest(_text(identity, state, expires_at), expires_at)


def _text(identity: Mapping[str, str], state: Mapping[str, str], expires_at: datetime) -> str:
    until = expires_at.strftime(_MINUTE)
    marks = [_hash(identity, 2), *(_hash({name: value}, 2) for name, value in state.items())]
    return f"{_hash([identity, state, until], 12)}-{until}-{''.join(marks)}"


def _hash(value: object, digits: int) -> str:
    written = json.dumps(value, sort_keys=True, ensure_ascii=True, default=dict)
    return hashlib.sha256(written.encode()).hexdigest()[:digits]


def _marks(digest: str) -> list[str]:
    marks = digest.rpartition("-")[2]
    return [marks[start : start + 2] for start in range(0, len(marks), 2)]
