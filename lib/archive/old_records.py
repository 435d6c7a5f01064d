"""Upgrades records of version 0.1 (schema 1) to schema 2 when they are read; their files stay unchanged.

In schema 1 a check has a name but no id, and evidence is text. Exit code and refusal are not stored; they
follow from the name of the error's class.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from lib.verdict.verdict import Verdict
from lib.words.dates import undated

# Names (without dates) of checks whose id does not follow from the name; the first match wins.
_IDS = {
    "After the rollback": "after_rollback",
    "Batch *": "batch_history",
    "Both services deployed": "deployed_together",
    "Cause of the duplicates": "cause_of_duplicates",
    "Change of a table's spec": "spec_change",
    "Cleanup of staging tables": "cleanup",
    "Columns of staging tables": "staging_columns",
    "Completeness by game and system": "completeness",
    "Deep health of *": "deep_health_{role}",
    "Errors of *": "errors_{role}",
    "Fence after this change": "fence_after_change",
    "Fence of the coordinator": "coordinator_fence",
    "Firestore access of * and *": "firestore_access",
    "Firestore access of *": "firestore_access_{role}",
    "Forced release": "release",
    "Freshness of the table": "table_freshness",
    "Health of *": "health_{role}",
    "Ledger": "age_of_duplicates",
    "Lines": "moved_lines",
    "Loads a table in a day": "table_loads",
    "Lock switch of * as it was left": "lock_switch_as_left",
    "Logs of the services": "logs",
    "Logs of *": "logs_{role}",
    "NULLs": "null_values",
    "Old duplicates or new ones": "age_of_duplicates",
    "Revision of *": "revision_{role}",
    "Revisions and traffic": "revisions",
    "Scale of *": "scales",
    "Slower than before": "slowdown",
    "The guide's three fixes": "three_fixes",
    "Traffic of * as it was left": "traffic_of_{role}_as_left",
    "Trend*": "duration_trend",
    "Under * s": "under_limit",
    "Unmerged staging tables*": "unmerged_tables",
    "Way to the *": "latency_of_{way}",
    "What this run read": "query_costs",
    "Where the time goes": "time_spent",
}
_PATTERNS = [name for name in _IDS if "*" in name]
_LONGEST_NAME = 300
_EXIT_CODES = {
    1: "Finding ChangedMeanwhile PlanOutdated RepairRefused ValidationFailed",
    2: (
        "UserError CorruptLockFile CorruptState InvalidIdentifier LeaseStillLive NothingToConsolidate NothingToRelease "
        "SpecChanged SpecMismatch StagedDataError TableNotFound UnmarkedStaging"
    ),
    3: (
        "RunbookError AccessDenied ApiDisabled ConsolidationConflict DatasetNotFound FenceNotMoved LeaseLost LockError "
        "LockAcquisitionError LockOutcomeUnknown LockServiceUnavailable NotLoggedIn Overtaken QueryOverLimit "
        "QuotaExceeded RequestRefused RequirementFailed ResourceMissing RowsStillStreaming SourceUnavailable "
        "SourceVanished StaleToken TransactionConflict Unavailable Unreachable Unreadable WarehouseUnavailable"
    ),
}
_CODE_OF_ERROR = {name: code for code, names in _EXIT_CODES.items() for name in names.split()}

_UNITS = {
    "ms": (0.001, "s"),
    "s": (1, "s"),
    "min": (60, "s"),
    "h": (3_600, "s"),
    "d": (86_400, "s"),
    "B": (1, "B"),
    "kB": (1e3, "B"),
    "KB": (1e3, "B"),
    "MB": (1e6, "B"),
    "GB": (1e9, "B"),
    "TB": (1e12, "B"),
    "%": (1, "%"),
}
_NUMBER = r"-?(?:[1-9]\d{0,2}(?:,\d{3}){1,4}|0|[1-9]\d{0,14})(?:\.\d{1,9})?"
_FIGURE = re.compile(
    rf"(?P<number>{_NUMBER})"
    r"(?: ?(?P<unit>ms|s|min|h|d|[kKMGT]?B|%)(?: (?P<rest>\d{1,2}) (?P<smaller>h|min|s))?"
    # The noun counted; in "503 Service Unavailable" nothing is counted.
    r"| (?P<counted>[a-z]{2,20}(?: [a-z]{2,20}){0,3}))?",
    re.ASCII,
)


def upgraded(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema 1 record (parsed JSON) in schema 2; invalid parts stay invalid."""
    error = record.get("error")
    name = error.get("name") if isinstance(error, dict) else None
    code = _CODE_OF_ERROR.get(name) if isinstance(name, str) else None
    checks = record.get("checks")
    return {
        **record,
        "schema_version": 2,
        "checks": [_check(each) for each in checks] if isinstance(checks, list) else checks,
        "error": {**error, "exit_code": code} if isinstance(error, dict) else error,
        "exit_code": code or _code_of(record),
        "refused": code in (1, 2),
    }


def _code_of(record: Mapping[str, Any]) -> int:
    verdict = record.get("verdict")
    known = record.get("status") == "completed" and isinstance(verdict, str) and verdict in [*Verdict]
    return Verdict(str(verdict)).exit_code if known else Verdict.UNKNOWN.exit_code


def _check(check: Any) -> Any:
    if not isinstance(check, dict):
        return check
    evidence = check.get("evidence")
    typed = {label: _value(text) for label, text in evidence.items()} if isinstance(evidence, dict) else evidence
    return {**check, "id": _id(check.get("name")), "evidence": typed}


def _id(name: Any) -> str:
    words = undated(str(name)[:_LONGEST_NAME])
    known = _IDS.get(words) or next((_IDS[pattern] for pattern in _PATTERNS if fnmatchcase(words, pattern)), None)
    if known is None:
        return _letters(words)
    role = "worker" if "worker" in words else "coordinator"
    return known.replace("{role}", role).replace("{way}", _letters(words.removeprefix("Way to the ")))


def _letters(words: str) -> str:
    return re.sub("[^a-z]+", "_", words.lower()).strip("_")


def _value(text: Any) -> Any:
    """Return a figure if the whole text is one, otherwise the text."""
    found = _FIGURE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return text
    number = found["number"].replace(",", "")
    plain = float(number) if "." in number else int(number)
    if found["counted"]:
        return {"value": plain, "unit": found["counted"]}
    if not found["unit"]:
        return plain
    size, unit = _UNITS[found["unit"]]
    rest = int(found["rest"]) * _UNITS[found["smaller"]][0] if found["rest"] else 0
    return {"value": plain * size + (-rest if number.startswith("-") else rest), "unit": unit}
