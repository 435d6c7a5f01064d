"""Which extra of this package a command lacks, in an installation of the core alone."""

from __future__ import annotations

import re
from importlib import metadata

_DISTRIBUTION = "consolidation-runbooks"
# Those that commands import anything of.
_EXTRAS = ("runbooks", "metrics")
_OURS = ("lib", "rehearsal")
_REQUIREMENT = re.compile(r"""([\w.-]+).*;.*\bextra == ['"](\w+)['"]""", re.ASCII)


def missing_extra(error: ImportError) -> str:
    """What to install, in one line; empty when the extras are there, so that the error is a fault of ours."""
    if (error.name or "lib").partition(".")[0] in _OURS:
        return ""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # on the search path, and not installed
        return ""
    found = [match.groups() for match in map(_REQUIREMENT.match, requirements) if match]
    for extra in _EXTRAS:
        if not all(_is_installed(name) for name, of in found if of == extra):
            return f"this command needs the extra [{extra}]: pip install '{_DISTRIBUTION}[{extra}]'"
    return ""


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
