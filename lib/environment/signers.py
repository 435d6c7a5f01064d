"""Who may approve changes: ``NAME.allowed_signers`` beside an environment's file, in OpenSSH's own format.

ssh-keygen judges each signature by this file. What is read here is who a line names, so that a
file without people is refused early, and one person can be told from another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError

# Patterns and certificates would leave open who signs, so neither is taken.
_NAME = r"[A-Za-z0-9][\w.@+-]{0,199}"
_OPTION = r"(?!cert-authority)[a-z-]+(?:=\"[^\"]*\")?"
_LINE = re.compile(
    rf"(?P<names>{_NAME}(?:,{_NAME})*)\s+(?:{_OPTION}(?:,{_OPTION})*\s+)?"
    r"(?P<key>(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+\s+[A-Za-z0-9+/]+=*)(?:\s.*)?",
    re.ASCII | re.IGNORECASE,
)
_EXAMPLE = "alice@example.com,alice ssh-ed25519 AAAA..."


@dataclass(frozen=True)
class Signers:
    """The people of a file.

    Attributes:
        path: The file.
        lines: Of each line the names, in lower case, and the public key as it is written: type and Base64.
    """

    path: Path
    lines: tuple[tuple[frozenset[str], str], ...]

    @classmethod
    def read(cls, path: Path) -> Signers:
        """The file, checked.

        Raises:
            UserError: It is missing or names nobody, or a line is not NAMES KEY; names the line.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UserError(f"{path} is missing; write a line for each person who may approve: {_EXAMPLE}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be read: {error}") from error
        lines = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            found = _LINE.fullmatch(line.strip())
            if not found:
                raise UserError(
                    f"{path}: line {number} does not name people and their key; write it so, without patterns "
                    f"and certificates: {_EXAMPLE}"
                )
            names = frozenset(found["names"].lower().split(","))
            lines.append((names, " ".join(found["key"].split())))
        if not lines:
            raise UserError(f"{path} names nobody; write a line for each person who may approve: {_EXAMPLE}")
        return cls(path, tuple(lines))

    @property
    def keys(self) -> frozenset[str]:
        """The public keys, type and Base64."""
        return frozenset(key for _, key in self.lines)

    def person(self, name: str) -> frozenset[str]:
        """All names of the person with this one, in lower case: lines that share a name or a key are one person's.

        Empty: the file does not name them.
        """
        names, keys = {name.lower()}, set[str]()
        found: set[int] = set()
        while more := {at for at, (own, key) in enumerate(self.lines) if own & names or key in keys} - found:
            found |= more
            names.update(*(self.lines[at][0] for at in more))
            keys.update(self.lines[at][1] for at in more)
        return frozenset(names) if found else frozenset()
