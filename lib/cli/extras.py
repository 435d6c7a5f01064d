"""Which extra of this package a command lacks, in an installation of the core alone."""

from __future__ import annotations

import re
from importlib import metadata

_DISTRIBUTION = "consolidation-runbooks"
# The only one that commands import anything of.
_EXTRA = "runbooks"
_OURS = ("lib", "rehearsal")
_REQUIREMENT = re.compile(rf"""([\w.-]+).*;.*\bextra == ['"]{_EXTRA}['"]""", re.ASCII)


def missing_extra(error: ImportError) -> str:
    """What to install, in one line; empty when the extra is there, so that the error is a fault of ours."""
    if (error.name or "lib").partition(".")[0] in _OURS:
        return ""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # on the search path, and not installed
        return ""
    names = [found[1] for found in map(_REQUIREMENT.match, requirements) if found]
    if all(map(_is_installed, names)):
        return ""
    return f"this command needs the extra [{_EXTRA}]: pip install '{_DISTRIBUTION}[{_EXTRA}]'"


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
