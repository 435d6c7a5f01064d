"""Find the extra that a command needs and that is not installed."""

from __future__ import annotations

import re
from importlib import metadata

_DISTRIBUTION = "consolidation-runbooks"
# Almost every command needs the first. Another one is named only if the missing package belongs to it.
_EXTRAS = ("runbooks", "metrics", "lab", "mcp")
_OURS = ("lib", "rehearsal")
_REQUIREMENT = re.compile(r"""([\w.-]+).*;.*\bextra == ['"](\w+)['"]""", re.ASCII)


def missing_extra(error: ImportError) -> str:
    """Return one line saying what to install; empty if all extras are installed, so that the error is a bug."""
    missing = (error.name or "lib").partition(".")[0]
    if missing in _OURS:
        return ""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # on the search path but not installed
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
