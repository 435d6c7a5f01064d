"""JupyterLab's start page: the environment's state, and which notebook to start with.

It is a notebook with one cell that has already been run, so it shows at once; running the cell updates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from lib import places
from lib.archive.archive import Archive, Run
from lib.archive.record import RunRecord, utc_now
from lib.environment import Environment, load_environment
from lib.errors import UserError
from lib.runbooks.catalogue import Runbook, runbooks
from lib.verdict.check import Check
from lib.verdict.conclusion import marked as in_colour
from lib.verdict.live import STYLE
from lib.verdict.section import Section
from lib.verdict.verdict import Verdict
from lib.words.dates import local_time
from lib.words.pages import render
from lib.words.quantities import spoken_seconds
from lib.words.runbook_commands import NextRunbook, parts_of, text_literal
from lib.words.text import one_line
from lib.workbench.lab.asked import Asked
from lib.workbench.lab.folder import LabFolder, lab_folder
from lib.workbench.lab.next_notebook import notebook_for
from lib.workbench.lab.working_copy import Notebook, marked

if TYPE_CHECKING:
    from markupsafe import Markup

# For all sources together, each in its own thread: the page must not wait for a platform that does not answer.
WAIT_SECONDS = 8.0
_MOST_RUNS_READ = 5
_LONGEST = 300
_SOURCE = "from lib.workbench.lab.start import start\n\nstart({name})  # run this cell to update the page"


@dataclass(frozen=True)
class StartPage:
    """The page as HTML, with all outside text escaped."""

    html: str

    def _repr_html_(self) -> str:
        return self.html


def start(environment: str, *, wait_seconds: float = WAIT_SECONDS) -> StartPage:
    """Check an environment, and list the notebooks to start with.

    Args:
        environment: Name of a file in ``params/environments``.
        wait_seconds: Time limit for all sources together.

    Raises:
        UserError: The environment does not exist.
    """
    settings = load_environment(environment)
    folder = lab_folder(environment)
    there = [runbook for runbook in runbooks() if _is_readable(runbook)]
    deadline = monotonic() + wait_seconds
    locks = Asked("Locks", lambda: _locks(environment))
    rows = Asked("Duplicates", lambda: _duplicates(environment))
    runs = Asked("Last runs", lambda: _last_runs(environment, there))
    answers = [_answer(asked, deadline, folder) for asked in (locks, rows)]
    last = runs.result(deadline)
    found = last if isinstance(last, dict) else {}
    values = {
        "style": _markup(STYLE),
        "environment": settings.name,
        "table": settings.table_spec.table,
        "platform": "embedded platform" if settings.platform == "embedded" else f"project {settings.project_id}",
        "timezone": settings.timezone,
        "looked_at": local_time(utc_now(), settings.timezone),
        "answers": answers,
        "fault": last if isinstance(last, str) else "",
        "notebooks": _notebooks(there, found, settings),
        "folder": str(folder.path),
        "reports": _reports(),
    }
    return StartPage(render("start.html.jinja", values))


def page(environment: str, *, wait_seconds: float = WAIT_SECONDS) -> Notebook:
    """Return the start page as a notebook; see `start`."""
    html = start(environment, wait_seconds=wait_seconds).html
    output = {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/html": html}}
    cell = {
        "cell_type": "code",
        "id": "start",
        "metadata": {},
        "source": _SOURCE.format(name=text_literal(environment)),
        "execution_count": 1,
        "outputs": [output],
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata: dict[str, Any] = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return marked({"cells": [cell], "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, "")


def _locks(environment: str) -> Section:
    from lib.operations.locks.stuck import lock_states
    from lib.operations.scope import scope_of
    from lib.platform import connect

    return lock_states(scope_of(connect(environment)))


def _duplicates(environment: str) -> Section:
    from lib.operations.duplicates.duplicates import duplicates
    from lib.operations.scope import scope_of
    from lib.platform import connect

    scope = scope_of(connect(environment))
    return duplicates(scope, scope.day_before, scope.day)


def _last_runs(environment: str, there: Sequence[Runbook]) -> dict[str, RunRecord]:
    """Return the newest run of each runbook that has ended and was not refused."""
    archive = Archive()
    found = {}
    for runbook in there:
        for place in archive.places(f"{environment}/{runbook.name}")[:_MOST_RUNS_READ]:
            run = archive.read(place)
            if isinstance(run, Run) and run.record.verdict is not None and not run.record.refused:
                found[runbook.name] = run.record
                break
    return found


def _answer(asked: Asked[Section], deadline: float, folder: LabFolder) -> dict[str, Any]:
    found = asked.result(deadline)
    check = found.checks[0] if isinstance(found, Section) and found.checks else None
    if check is None:
        summary = found if isinstance(found, str) else "skipped in this environment"
        return {"verdict": _verdict(Verdict.UNKNOWN), "name": asked.name, "summary": summary, "links": []}
    return {
        "verdict": _verdict(check.verdict),
        "name": one_line(check.name),
        "summary": one_line(check.summary),
        "links": _links(check, folder),
    }


def _links(check: Check, folder: LabFolder) -> list[str]:
    following = [part for part in parts_of(check.next_step) if isinstance(part, NextRunbook)]
    return list(dict.fromkeys(filter(None, (notebook_for(folder, each) for each in following))))


def _notebooks(there: Sequence[Runbook], last: dict[str, RunRecord], settings: Environment) -> list[dict[str, Any]]:
    """Return the notebooks, worst last verdict first, then by name."""

    def badness(runbook: Runbook) -> int:
        record = last.get(runbook.name)
        return record.verdict.badness if record and record.verdict else -1

    return [
        {
            "file": f"{runbook.name}.ipynb",
            "title": one_line(runbook.title),
            "occasion": one_line(runbook.occasion or runbook.purpose),
            **_last_run(last.get(runbook.name)),
        }
        for runbook in sorted(there, key=lambda runbook: (-badness(runbook), runbook.name))
    ]


def _last_run(record: RunRecord | None) -> dict[str, Any]:
    if record is None:
        return {"verdict": "", "ago": "", "headline": ""}
    age = max(utc_now() - record.started_at, timedelta(0))
    return {
        "verdict": _verdict(record.verdict or Verdict.UNKNOWN),
        "ago": f"{spoken_seconds(age.total_seconds())} ago",
        "headline": f"{one_line(record.headline):.{_LONGEST}}",
    }


def _verdict(verdict: Verdict) -> Markup:
    return _markup(in_colour(verdict))


def _markup(ours: str) -> Markup:
    from markupsafe import Markup

    return Markup(ours)  # noqa: S704 - of our own words


def _is_readable(runbook: Runbook) -> bool:
    try:
        _ = runbook.title
    except UserError:
        return False
    return True


def _reports() -> str:
    outputs = places.outputs()
    return outputs if "://" in outputs else str(Path(outputs).absolute() / "index.html")
