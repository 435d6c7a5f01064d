"""``redact:``, what is masked in all text that a run writes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.words.brief import brief

_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class RedactionSettings:
    """What is masked in all text that a run writes, besides well-known formats of secrets.

    Attributes:
        patterns: Regular expressions; if one has a group, the group is the secret.
        variables: Environment variables whose values are secrets.
    """

    __pydantic_config__ = STRICT

    patterns: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    __repr__ = brief()

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            try:
                matches_nothing = re.compile(pattern).search("") is not None
            except (re.error, RecursionError, OverflowError) as error:
                raise UserError(f"redact.patterns: {pattern!r:.80} is not a regular expression: {error}") from error
            if matches_nothing:
                raise UserError(f"redact.patterns: {pattern!r:.80} would match everywhere")
        for name in self.variables:
            check_variable("redact.variables", name)


def check_variable(setting: str, name: str) -> None:
    """Refuse a text that is not the name of an environment variable."""
    # The text may be the secret itself, so it is not shown.
    if not _VARIABLE_NAME.fullmatch(name):
        raise UserError(f"{setting}: write the name of an environment variable that holds the secret, not the secret")
