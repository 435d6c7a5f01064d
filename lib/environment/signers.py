"""The people who may approve changes: ``NAME.allowed_signers`` next to an environment's file, in OpenSSH's format.

ssh-keygen checks each signature against this file. This module reads only the names in its lines, to refuse
a file without people early and to distinguish people.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lib.errors import UserError

# With patterns or certificates it would be unclear who signed, so neither is accepted.
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
        lines: For each line the names, in lower case, and the public key as written: type and Base64.
    """

    path: Path
    lines: tuple[tuple[frozenset[str], str], ...]

    @classmethod
    def read(cls, path: Path) -> Signers:
        """Read and check the file.

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
                    f"{path}: line {number} does not name people and their key; write, without patterns "
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
        """Return all names of the person with this name, in lower case; empty if the file does not name them.

        Lines that share a name or a key belong to one person.
        """
        names, keys = {name.lower()}, set[str]()
        found: set[int] = set()
        while more := {at for at, (own, key) in enumerate(self.lines) if own & names or key in keys} - found:
            found |= more
            names.update(*(self.lines[at][0] for at in more))
            keys.update(self.lines[at][1] for at in more)
        return frozenset(names) if found else frozenset()
