"""Read how a run ended from its executed notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from lib.archive.record import Outcome, RunError, RunStatus, adapter_of
from lib.errors import Finding, Unavailable, UserError
from lib.runbooks.kernel import EXIT_CODE
from lib.verdict.change import MEDIA_TYPE as CHANGE_TYPE
from lib.verdict.change import Change
from lib.verdict.check import Question
from lib.verdict.conclusion import MEDIA_TYPE, SCHEMA_VERSION, Conclusion, conclude
from lib.words.terminal_text import without_escapes
from lib.words.text import one_line


def read_outcome(
    notebook: Mapping[str, Any], stopped: RunStatus | None, seconds: float, last_words: str, missing: int
) -> Outcome:
    """Judge an execution by the notebook as far as it was executed.

    Args:
        notebook: With the outputs and the metadata of papermill and nbclient in its cells.
        stopped: Why it was stopped; None if it was not.
        seconds: How long it took, for the headline.
        last_words: What the kernel last wrote outside any cell.
        missing: Number of kernel messages that did not arrive; if any, the run is at best UNKNOWN.
    """
    outcome = replace(_outcome(notebook, stopped, seconds, last_words), changed=changes_in(notebook))
    if not missing:
        return outcome
    lost = (
        f"{missing:,} {'message' if missing == 1 else 'messages'} from the kernel did not arrive, so output is missing"
    )
    if outcome.conclusion is None:
        return replace(outcome, headline=f"{outcome.headline}; {lost}")
    check = Question("cell_output", "Output of the cells").unknown(lost, "Run it again.")
    conclusion = replace(conclude([*outcome.conclusion.checks, check]), cost=outcome.conclusion.cost)
    return replace(outcome, headline=_headline(conclusion.headline), conclusion=conclusion)


def _outcome(notebook: Mapping[str, Any], stopped: RunStatus | None, seconds: float, last_words: str) -> Outcome:
    error = _error(notebook)
    if stopped and (error or not _is_finished(notebook)):
        error = error or RunError(_last_begun(notebook), stopped.words, last_words)
        doubt = "; its last output may be missing" if stopped in _OUTPUT_IN_DOUBT else ""
        return Outcome(stopped, f"{_STOPPED[stopped]} after {seconds:.0f} s{_at(error.cell)}{doubt}", error=error)
    if error:
        return Outcome(RunStatus.FAILED, _failure(error), error=error)
    conclusion = _conclusion(notebook)
    if conclusion is None:
        return Outcome(RunStatus.NO_VERDICT, "Ended without a verdict")
    return Outcome(RunStatus.COMPLETED, _headline(conclusion.headline), conclusion)


def failed_to_execute(error: RunError, notebook: Mapping[str, Any]) -> Outcome:
    """Return the outcome if papermill itself failed with this error, not the notebook."""
    headline = _headline(f"Could not execute the notebook: {error.name}: {error.message}")
    return Outcome(RunStatus.FAILED, headline, error=error, changed=changes_in(notebook))


_MAX_HEADLINE = 300
_STOPPED = {
    RunStatus.TIMED_OUT: "Timed out",
    RunStatus.INTERRUPTED: "Interrupted",
    RunStatus.KERNEL_DIED: "The kernel died",
    RunStatus.FAILED: "The output of the kernel stopped",
}
_EXIT_CODES = (UserError.exit_code, Finding.exit_code, Unavailable.exit_code)
_OUTPUT_IN_DOUBT = (RunStatus.KERNEL_DIED, RunStatus.FAILED)
_COMPLETE = {"shell.execute_reply", "iopub.status.idle"}


def _is_finished(notebook: Mapping[str, Any]) -> bool:
    code = [cell for cell in _code_cells(notebook) if cell["source"].strip()]
    return all(cell["metadata"].get("execution", {}).keys() >= _COMPLETE for cell in code)


def _error(notebook: Mapping[str, Any]) -> RunError | None:
    for cell in _code_cells(notebook):
        if cell["metadata"].get("papermill", {}).get("exception"):
            errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
            name, message = (errors[-1]["ename"], errors[-1]["evalue"]) if errors else ("Error", "")
            code = cell["metadata"].get(EXIT_CODE)
            return RunError(cell.get("id", ""), name, without_escapes(message), code if code in _EXIT_CODES else None)
    return None


def _failure(error: RunError) -> str:
    # SystemExit(0) skips the rest of a notebook, and papermill counts it as a success.
    if error.name == "SystemExit":
        return f"Ended early by SystemExit{_at(error.cell)}"
    if error.says_it_all and error.message:
        return _headline(error.message)
    return _headline(f"{error.name}{_at(error.cell)}: {error.message or 'no message'}")


def _headline(text: str) -> str:
    return one_line(text)[:_MAX_HEADLINE]


def _at(cell: str) -> str:
    return f" in {cell}" if cell else ""


def _last_begun(notebook: Mapping[str, Any]) -> str:
    begun = [
        cell.get("id", "") for cell in _code_cells(notebook) if cell["metadata"].get("papermill", {}).get("start_time")
    ]
    return begun[-1] if begun else ""


def _conclusion(notebook: Mapping[str, Any]) -> Conclusion | None:
    """Return the last conclusion displayed; None if there is none or it is invalid.

    The verdict in the payload is ignored: it follows from the checks.
    """
    payloads = _displayed(notebook, MEDIA_TYPE)
    if not payloads:
        return None
    payload = payloads[-1]
    if not isinstance(payload, dict) or payload.get("schema_version") != SCHEMA_VERSION:
        return None
    with suppress(ValueError):
        return adapter_of(Conclusion).validate_python(payload)
    return None


def changes_in(notebook: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what the steps changed, in order, even if the run did not complete."""
    found: list[Change] = []
    for payload in _displayed(notebook, CHANGE_TYPE):
        with suppress(ValueError):  # not one of ours
            found += adapter_of(tuple[Change, ...]).validate_python(payload)
    return tuple(found)


def _displayed(notebook: Mapping[str, Any], media_type: str) -> list[Any]:
    outputs = (output for cell in _code_cells(notebook) for output in cell["outputs"])
    return [output["data"][media_type] for output in outputs if media_type in output.get("data", {})]


def _code_cells(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
