"""The schedule as Airflow DAGs: one self-contained file for a folder of DAGs.

Not by Airflow's papermill operator: it would run the notebooks in Airflow's own
environment, check no parameter, keep no record, and take a FAIL verdict for success.
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
# An Airflow end date is included.
_INSTANT = timedelta(microseconds=1)


def dag_file(entries: Sequence[Entry], command: str) -> str:
    """The Python of a file with a DAG for each entry.

    Args:
        entries: What is scheduled, see `lib.deploy.entries`.
        command: The program that a worker calls, ``runbook``: a name on its path, or a path.

    Raises:
        UserError: An engine would not understand when an entry is due.
    """
    head, rest = _TEMPLATE.read_text(encoding="utf-8").split("{{command}}")
    middle, tail = rest.split("{{entries}}")
    # Literals only: whatever a name or a value holds, it stays data.
    dags = pformat([_dag(entry) for entry in entries], sort_dicts=False, width=100, compact=True)
    return f"{head}{command!r}{middle}{dags}{tail}"


def _dag(entry: Entry) -> dict[str, Any]:
    # Without days, they are the first and the last moment there is, which Airflow cannot count from.
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
