"""The kind of a command, judged only by its words, not by its type in the library."""

from __future__ import annotations

import re

from lib.verdict.check import Check

_CHANGES = re.compile(
    r"^runbook consolidate\b(?!.*--dry-run)"
    r"|^runbook .*(--plan|-p plan=|--apply|--adopt)"
    r"|^runbook (stage|schedule (run|once)|drill|demo)\b"
    r"|^gcloud .*\b(add|create|update|delete|remove|deploy|enable|disable|update-traffic|add-iam-policy-binding)\b"
    r"|^bq .*\b(cp|rm|mk|load|insert|cancel|update)\b"
    r"|^bq query .*\b(ALTER|CREATE|DROP|INSERT|UPDATE|DELETE|MERGE)\b"
    r"|^curl .*(-X|--request|-d|--data)\b"
)


def changes_something(command: str) -> bool:
    return _CHANGES.search(command) is not None


def misplaced(check: Check) -> list[str]:
    """The commands of a check that are in the field of the other kind."""
    return [command for command in check.commands if changes_something(command)] + [
        command for command in check.changes if not changes_something(command)
    ]
