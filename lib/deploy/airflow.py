"""The schedule as Airflow DAGs: one self-contained file for a DAG folder.

Airflow's papermill operator is not used: it would run notebooks in Airflow's own environment, without
checking parameters or keeping records, and treat a FAIL verdict as success.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from pprint import pformat
from typing import Any

from lib.deploy.entries import common_cron
from lib.runbooks.parameters import assignment_words
from lib.schedule.settings import Entry

_TEMPLATE = Path(__file__).with_name("airflow_dags.py.template")
# An end date in Airflow is inclusive.
_INSTANT = timedelta(microseconds=1)


def dag_file(entries: Sequence[Entry], command: str) -> str:
    """Return the Python code of a file with a DAG for each entry.

    Args:
        entries: The scheduled entries; see `lib.deploy.entries`.
        command: The ``runbook`` program for workers: a name on their path, or a path.

    Raises:
        UserError: Not every engine understands the cron expression of an entry.
    """
    head, rest = _TEMPLATE.read_text(encoding="utf-8").split("{{command}}")
    middle, tail = rest.split("{{entries}}")
    # Only literals, so that names and values stay data whatever they contain.
    dags = pformat([_dag(entry) for entry in entries], sort_dicts=False, width=100, compact=True)
    return f"{head}{command!r}{middle}{dags}{tail}"


def _dag(entry: Entry) -> dict[str, Any]:
    # Without days the window is from the minimum to the maximum datetime, which Airflow cannot handle.
    first, until = entry.window if entry.window and entry.days_since_deploy else (None, None)
    return {
        "dag_id": f"runbook_{entry.name}",
        "description": f"Runbook {entry.runbook} in {entry.environment}",
        "cron": common_cron(entry.cron),
        "timezone": entry.timezone,
        "from": first and first.isoformat(),
        "until": until and (until - _INSTANT).isoformat(),
        "environment": entry.environment,
        "arguments": [
            *("run", entry.runbook, "--env", entry.environment, "--schedule", entry.name),
            *("--timeout-seconds", f"{entry.timeout_seconds:g}"),
            *assignment_words(entry.parameters),
        ],
        "retries": entry.retries,
        "retry_delay_seconds": entry.retry_delay_seconds,
        "timeout_seconds": entry.timeout_seconds,
    }
