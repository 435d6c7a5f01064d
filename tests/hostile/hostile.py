"""Hostile input and its expected effect: an error in one line, or inert text."""

from __future__ import annotations

import click
from click.testing import CliRunner, Result

from lib.cli import cli

MEGABYTE = 1_000_000
LONGEST_LINE = len("runbook: ") + 2_000

FRAGMENTS = {
    "quotes": "'\"`",
    "sql": "x'; DROP TABLE predictions; --",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "shell": "$(touch hacked); `touch hacked` | touch hacked",
    "template": "{{ 7 * 7 }}{% raw %}",
    "format": "%s%n{0.__class__}",
    "path": "../../../../etc/passwd",
    "option": "--dry-run",
    "emoji": "🏀👩\u200d👩\u200d👧",
    "bidi": "\u202egpj.exe\u2066",
    "escape": "\x1b[2J\x1b]0;title\x07",
    "lines": "one\r\ntwo\u2028three",
    "NUL": "a\0b",
    "half a pair": "\ud800",
    "no number": "NaN",
    "too large": "1e999",
    "digits": "9" * 10_000,
    "foreign digits": "\u0662\u0660\u0662\u0666-\u0660\u0661-\u0661\u0667",
    "long": "x" * MEGABYTE,
    "nothing": "",
    "blank": " \t",
}


def call(*words: object) -> Result:
    """Run ``runbook`` with these words in this process; what would be a traceback is raised."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def assert_refused(result: Result, *texts: str) -> None:
    """Check for one printable error line; click's own usage errors have several lines."""
    assert result.exit_code == click.UsageError.exit_code, result.output
    said = result.stderr.strip()
    for text in texts:
        assert text in said
    if not said.startswith("Usage:"):
        assert said.startswith("runbook: ")
        assert said.isprintable()
        assert len(said) <= LONGEST_LINE
