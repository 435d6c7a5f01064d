"""Which extra of this package a command lacks, in an installation of the core alone."""

from __future__ import annotations

import re
from importlib import metadata

_DISTRIBUTION = "consolidation-runbooks"
# Those that commands import anything of; what the others add is for an installation with the first.
_EXTRAS = ("runbooks", "metrics", "mcp")
_OURS = ("lib", "rehearsal")
_REQUIREMENT = re.compile(r"""([\w.-]+).*;.*\bextra == ['"](\w+)['"]""", re.ASCII)


def missing_extra(error: ImportError) -> str:
    """What to install, in one line; empty when the extras are there, so that the error is a fault of ours."""
    module = (error.name or "lib").partition(".")[0]
    if module in _OURS:
        return ""
    try:
        requirements = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:  # on the search path, and not installed
        return ""
    found = [match.groups() for match in map(_REQUIREMENT.match, requirements) if match]
    missing = [extra for extra in _EXTRAS if not all(_is_installed(name) for name, of in found if of == extra)]
    of_module = {of for name, of in found if name.replace("-", "_") == module}
    needed = [extra for extra in missing if extra == _EXTRAS[0] or extra in of_module] or missing[:1]
    if not needed:
        return ""
    extras = ",".join(needed)
    return f"this command needs the extra [{extras}]: pip install '{_DISTRIBUTION}[{extras}]'"


def _is_installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
