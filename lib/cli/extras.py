"""Which extra of this package a command lacks, in an installation of the core alone."""

from __future__ import annotations

import re
from importlib import metadata

_DISTRIBUTION = "consolidation-runbooks"
# Almost every command needs the first; the others are named where it is a package of theirs that is missing.
_EXTRAS = ("runbooks", "metrics", "lab", "mcp")
_OURS = ("lib", "rehearsal")
_REQUIREMENT = re.compile(r"""([\w.-]+).*;.*\bextra == ['"](\w+)['"]""", re.ASCII)


def missing_extra(error: ImportError) -> str:
    """What to install, in one line; empty when the extras are there, so that the error is a fault of ours."""
    missing = (error.name or "lib").partition(".")[0]
    if missing in _OURS:
        return ""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # on the search path, and not installed
        return ""
    found = [match.groups() for match in map(_REQUIREMENT.match, requirements) if match]
    needed = []
    for extra in _EXTRAS:
        names = [name for name, of in found if of == extra]
        if (extra == _EXTRAS[0] or missing.replace("_", "-") in names) and not all(map(_is_installed, names)):
            needed.append(extra)
    extras = ",".join(needed)
    return extras and f"this command needs the extra [{extras}]: pip install '{_DISTRIBUTION}[{extras}]'"


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
