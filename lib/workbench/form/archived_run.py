"""Run and archive: run the runbook in a separate process, and show its progress and its report."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping, Sequence
from html import escape

import ipywidgets as widgets

from lib.archive.archive import Archive
from lib.archive.record import RunStatus
from lib.environment import default_environment
from lib.errors import RunbookError
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.parameters import ENVIRONMENT_PARAMETER, assignment_words
from lib.runbooks.process import Ended, RunProcess, run_words, started
from lib.runbooks.stop import StopRequest
from lib.workbench.form.look import line, report_in_place, verdict_line

_MOST_REPORT_BYTES = 4 * 2**20


class ArchivedRun:
    """The last run started from this notebook; one at a time.

    When the kernel ends, the run's process stops cleanly, and the run is archived as interrupted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._request: StopRequest | None = None
        self._shown_progress: tuple[int, int] | None = None
        self._said, self._command, self._report = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._bar = widgets.IntProgress(min=0, max=1)
        self._stop = widgets.Button(description="Stop", tooltip="Stop the run cleanly and archive it as far as it came")
        self._stop.on_click(lambda _: self._clicked_stop())
        self._going_on = widgets.HBox([self._bar, self._stop, self._said]).add_class("runbook-buttons")
        self.widget = widgets.VBox().add_class("runbook-archived")

    def start(self, name: str, values: Mapping[str, object]) -> bool:
        """Start a run as the command line does.

        Args:
            name: The runbook's name.
            values: Typed values of all parameters.

        Returns:
            False if another run is in progress; then nothing is started.

        Raises:
            UserError: The runbook does not exist, or a value is invalid; nothing is started.
        """
        runbook = find_runbook(name)
        environment = str(values.get(ENVIRONMENT_PARAMETER) or default_environment())
        # Defaults are left out, because text is converted: an empty text may become None.
        defaults = {parameter.name: parameter.default for parameter in runbook.parameters}
        given = {
            name: value
            for name, value in values.items()
            if name != ENVIRONMENT_PARAMETER and (name not in defaults or value != defaults[name])
        }
        runbook.checked_values(given, environment)
        words = [*run_words(runbook.name, given, environment), "--progress"]
        with self._lock:
            if self._request:
                return False
            self._request = StopRequest()
        command = shlex.join(["runbook", "run", runbook.name, "--env", environment, *assignment_words(given)])
        self._show_start(command)
        threading.Thread(target=self._run, args=(words, self._request), name="runbook-archived", daemon=True).start()
        return True

    def _run(self, words: Sequence[str], request: StopRequest) -> None:
        result = line("The run's process ended, but its result could not be read.", "wrong")
        report = ""
        try:
            with started(words) as process:
                ended = process.wait(request, meanwhile=lambda: self._show_progress(process))
            result = _result(ended)
            report = _report(ended)
        except OSError as error:
            result = line(f"The run could not be started: {error}", "wrong")
        finally:
            self._said.value, self._report.value = result, report
            self.widget.children = [self._said, self._command, self._report]
            self._request = None

    def _show_start(self, command: str) -> None:
        self._shown_progress = None
        self._bar.value = 0
        self._stop.disabled = False
        self._said.value = line("Starting.")
        self._command.value = f"<code>{escape(command)}</code>"
        self.widget.children = [self._going_on, self._command]

    def _show_progress(self, process: RunProcess) -> None:
        progress = process.progress()
        if progress is None or progress == self._shown_progress or self._stop.disabled:
            return
        self._shown_progress = progress
        self._bar.max, self._bar.value = progress[1], progress[0]
        self._said.value = line(f"Running: {progress[0]} of {progress[1]} cells.")

    def _clicked_stop(self) -> None:
        if request := self._request:
            self._stop.disabled = True
            self._said.value = line("Stopping: the running cell is interrupted.")
            request.make(RunStatus.INTERRUPTED)


def _result(ended: Ended) -> str:
    """Return how the run ended, in one or two lines of HTML."""
    answer = ended.answer or {}
    if "run_id" in answer:
        found = verdict_line(str(answer["verdict"]), str(answer["headline"]))
        return found + line(f"Archived as {answer['run_id']}: {answer['report']}")
    if ended.exit_code < 0:
        killed = f"The run's process was killed (signal {-ended.exit_code})"
        return line(f"{killed}; see what it left in the archive: runbook runs list", "wrong")
    return line(f"Could not run: {ended.last_words}", "wrong")


def _report(ended: Ended) -> str:
    """Return the report as an embedded page, or a line if it cannot be shown; empty if there is none."""
    if "run_id" not in (answer := ended.answer or {}):
        return ""
    run_id = str(answer["run_id"])
    try:
        archive = Archive()
        report = archive.store.read(archive.run(run_id).report)
    except (RunbookError, OSError) as error:
        return line(f"The report could not be read: {error}", "wrong")
    if len(report) > _MOST_REPORT_BYTES:
        return line("The report is too large to show here.")
    return report_in_place(report.decode(errors="replace"), title=f"Report of {run_id}")
