"""What the files of an archive are, for browsers: they show no page that does not say so."""

from __future__ import annotations

from pathlib import PurePosixPath

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ipynb": "application/x-ipynb+json",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/plain; charset=utf-8",
    ".xml": "application/atom+xml; charset=utf-8",
}


def media_type(name: str) -> str:
    """By the name's ending; mere bytes for one that no archive has."""
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
