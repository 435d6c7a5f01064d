"""Secrets in text: what is one, and how it is masked.

Three kinds are found: the well-known formats of credentials; values given to a name that says
secret (``password=…``); and what the environment lists, its own patterns and the values of
environment variables. Nothing is guessed from how random a text looks: prediction ids, digests
and run ids look like that too, and have to stay readable.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from json import dumps
from typing import Any
from urllib.parse import quote

from lib.environment import Environment
from lib.errors import UserError

MASK = "[masked]"

_NAME = (
    r"(?:passw(?:or)?d|passphrase|(?:client_?|app_?)?secret(?:_?key)?|api_?key|(?:access|account|private|signing|"
    r"routing|integration|service)_?key(?:_id)?|(?:access_?|refresh_?|auth_?|id_?|bearer_?)?token|"
    r"webhook(?:_?url)?|credentials?)"
)
_SECRET_NAME = re.compile(rf"(?:[\w-]*[_-])?{_NAME}", re.IGNORECASE)
# A quote may have been escaped on its way: in JSON within JSON, or in HTML.
_QUOTE = r"(?:\\{0,3}[\"']|&(?:quot|apos|#0?3[49]|#x2[27]);)"
_GIVEN = rf"{_QUOTE}?\s{{0,3}}(?::=|=>|[:=])\s{{0,3}}"
_FORMATS = (
    # Blocks of keys, cut ones too.
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=:,.\s\\]|-(?!----))*"
    r"(?:-----END[A-Z0-9 ]{1,60}-----)?",
    # Google: API keys, access and refresh tokens, client secrets.
    r"AIza[\w-]{20,}",
    r"ya29\.[\w.-]{10,}",
    r"(?<![\w/])1//0[\w-]{20,}",
    r"GOCSPX-[\w-]{10,}",
    # JSON web tokens.
    r"(?<![\w-])eyJ[\w-]{10,}\.[\w-]{6,}(?:\.[\w-]*){0,3}",
    # Slack, Discord, Teams, PagerDuty, and every address that Apprise takes for them.
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}",
    r"xapp-[\w-]{8,}",
    r"hooks\.slack(?:-gov)?\.com/(?P<slack>[\w./-]{8,})",
    r"discord(?:app)?\.com/api/webhooks/(?P<discord>[\w./-]{8,})",
    r"\.office\.com/webhook(?:b2)?/(?P<teams>[\w./@-]{8,})",
    r"(?:slack|discord|msteams|pagerduty|opsgenie|tgram|mailtos?)://(?P<apprise>[^\s\"'<>]+)",
    # Code hosts, clouds, payment and mail services.
    r"gh[pousr]_[A-Za-z0-9]{16,}",
    r"github_pat_\w{20,}",
    r"glpat-[\w-]{16,}",
    r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    r"(?<![\w-])[sr]k_live_[A-Za-z0-9]{10,}",
    r"(?<![\w.])SG\.[\w-]{16,}\.[\w-]{16,}",
    # What a request carries: its headers, its query, the user in its address.
    r"(?i:\bauthorization)"
    + _GIVEN
    + rf"{_QUOTE}?(?i:basic|bearer|token|apikey)\s{{1,3}}(?P<header>[A-Za-z0-9][^\s\"'<>&]*)",
    r"(?i:\bbearer)\s{1,3}(?P<bearer>[A-Za-z0-9][\w.~+/=-]{15,})",
    r"[?&](?:amp;)?(?i:key|sig|auth|[\w-]{0,40}(?:token|signature|api_?key|secret|password))="
    r"(?P<query>[^&\s\"'<>#]+)",
    r"://[^\s/:@<>\"']{0,256}:(?P<user>[^\s/@<>\"']{1,256})@",
    # What is given to a name: a password whatever it is; others unless they are plain numbers,
    # as fencing tokens are, or words of a sentence.
    r"(?i:passw(?:or)?d|passphrase)" + _GIVEN + rf"(?:{_QUOTE}(?P<password_quoted>[^\r\n\"'&\\]{{1,512}})|"
    r"(?P<password>[^\s\"'&<>,;\[\](){}$]{1,512}))",
    rf"(?i:{_NAME}){_GIVEN}{_QUOTE}(?!\d+{_QUOTE})(?P<quoted>[^\r\n\"'&\\$]{{6,4096}}){_QUOTE}",
    rf"(?i:{_NAME})=(?P<tight>(?!\d+(?![\w-]))[^\s\"'&<>,;\[\](){{}}$\\]{{6,4096}})",
    rf"(?i:{_NAME}):\s{{0,3}}(?P<loose>(?=[\w.~+/=-]*[A-Za-z])(?=[\w.~+/=-]*\d)[\w.~+/=-]{{12,4096}})",
)
_KNOWN = tuple(map(re.compile, _FORMATS))
_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SHORTEST_VALUE = 6


def says_secret(name: str) -> bool:
    """Whether what goes by this name is a secret: ``db_password``, ``SLACK_WEBHOOK``."""
    return _SECRET_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class Redactor:
    """Masks secrets; what it has masked it leaves alone.

    Attributes:
        patterns: What a secret looks like. Where a group matched, that is the secret, else all.
    """

    patterns: tuple[re.Pattern[str], ...] = _KNOWN

    def text(self, text: str) -> str:
        """The text with `MASK` for each secret; without any, the very same text."""
        return self.pieces([text])[0]

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """One text in pieces, such as what a cell wrote bit by bit: a secret may be cut in two."""
        masked = list(pieces)
        if "\x1b" in "".join(masked):
            # Colours stand between a name and its value; they are given up where they hide a secret.
            plain = [_COLOUR.sub("", piece) for piece in masked]
            masked = plain if self._masked_once(plain) != plain else masked
        while (again := self._masked_once(masked)) != masked:
            masked = again
        return masked

    def data(self, value: Any) -> Any:
        """JSON-like data of the same shape; below a name that says secret every text is masked."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._key(key): self._named(key, item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self.data, value))
        return value

    def _key(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key

    def _named(self, key: Any, value: Any) -> Any:
        is_secret = isinstance(key, str) and says_secret(key) and isinstance(value, str) and value
        return MASK if is_secret and not value.isdigit() else self.data(value)

    def _masked_once(self, pieces: list[str]) -> list[str]:
        whole = "".join(pieces)
        spans = _merged(self._secrets(whole))
        return list(_with_masks(whole, pieces, spans)) if spans else pieces

    def _secrets(self, text: str) -> Iterator[tuple[int, int]]:
        offset = 0
        for part in text.split(MASK):
            for pattern in self.patterns:
                for match in pattern.finditer(part):
                    start, end = match.span(match.lastindex or 0)
                    if start < end:
                        yield offset + start, offset + end
            offset += len(part) + len(MASK)


def redactor_of(environment: Environment, variables: Mapping[str, str] = os.environ) -> Redactor:
    """What masks the environment's secrets: the well-known ones and those that it lists.

    The values of variables whose names say secret are masked unasked, and so are those that
    hold the addresses of the channels that are notified.

    Raises:
        UserError: A listed value is too short to be masked: it would be inside of ordinary words.
    """
    listed = {*environment.redact.variables, *(channel.variable for channel in environment.notifications.channels)}
    for name in sorted(listed):
        if 0 < len(variables.get(name, "")) < _SHORTEST_VALUE:
            raise UserError(f"redact.variables: the value of {name} has less than {_SHORTEST_VALUE} characters")
    values = {value for name, value in variables.items() if name in listed or says_secret(name)}
    return Redactor((*map(re.compile, environment.redact.patterns), *_value_patterns(values), *_KNOWN))


def _value_patterns(values: set[str]) -> Iterator[re.Pattern[str]]:
    """Patterns of the values, longest first."""
    for value in sorted(values, key=lambda value: (-len(value), value)):
        if len(value) < _SHORTEST_VALUE:
            continue
        yield re.compile(_in_any_form(value))
        # Tables cut long texts, and what is left of a value is a secret too.
        yield re.compile(
            rf"{_in_any_form(value[: len(value) // 2 + 1])}[^\r\n\"'<>]{{0,{6 * len(value)}}}?(?:…|\.\.\.)"
        )


def _in_any_form(value: str) -> str:
    """A pattern of the value as it is, or escaped for HTML, JSON, Python or an address, wholly or in part."""
    return "".join(char if char.isascii() and char.isalnum() else _escaped_or_not(char) for char in value)


def _escaped_or_not(char: str) -> str:
    in_html = {escape(char), f"&#{ord(char)};"}
    in_address = {quote(char, safe="", errors="replace"), quote(char, safe="", errors="replace").lower()}
    in_literals = {dumps(char)[1:-1], repr(char)[1:-1]}
    forms = sorted({char, *in_html, *in_address, *in_literals}, key=lambda form: (-len(form), form))
    return rf"\\{{0,3}}(?:{'|'.join(map(re.escape, forms))})"


def _merged(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _with_masks(whole: str, pieces: Sequence[str], spans: Sequence[tuple[int, int]]) -> Iterator[str]:
    """The pieces again, with the mask in the piece in which the secret begins."""
    offset = 0
    for piece in pieces:
        end, at, kept = offset + len(piece), offset, ""
        for secret_start, secret_end in spans:
            if secret_start < end and secret_end > offset:
                kept += whole[at : max(secret_start, at)] + (MASK if secret_start >= offset else "")
                at = min(secret_end, end)
        yield kept + whole[at:end]
        offset = end
