"""Execute one notebook with papermill in this process, with its own kernel, and judge how it ended."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from lib.archive.record import Outcome, RunError, RunStatus
from lib.errors import RunbookError
from lib.runbooks.catalogue import Runbook, fast_import
from lib.runbooks.kernel import EXIT_CODE, KERNEL_NAME, started_kernel
from lib.runbooks.masking import masked_notebook
from lib.runbooks.reading import failed_to_execute, read_outcome
from lib.runbooks.row_files import take_row_files
from lib.runbooks.stop import Limits, StoppedBetweenCells, StopRequest, Watchdog
from lib.words.secrets.redaction import Redactor

_START_TIMEOUT_SECONDS = 60
# nbclient requires a limit for all outputs that arrive after a cell's end; `lib.runbooks.published` limits each wait.
_OUTPUT_TIMEOUT_SECONDS = 10**6
# In the traceback of an ExceptionGroup, a line of dashes follows each of its exceptions.
_REASON_IN_GROUP = re.compile(r"^[ |]*\| (\S.*)\n[ |]*\+---", re.MULTILINE)


def run_notebook(
    runbook: Runbook,
    unexecuted: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    request: StopRequest,
    limits: Limits,
    redactor: Redactor,
    progress: bool,
    variables: Mapping[str, str],
    meanwhile: Callable[[], None],
) -> tuple[dict[str, Any], dict[str, bytes], Outcome]:
    """Execute a notebook until its end, an error, or a stop request.

    Args:
        runbook: The runbook; its file is not changed.
        unexecuted: Its notebook, returned if it cannot be executed.
        parameters: Checked values, injected after the cell tagged ``parameters``.
        request: Stops the run.
        limits: How long things may take.
        redactor: Masks the secrets in what is returned.
        progress: Show a progress bar on standard error.
        variables: Added to the kernel's environment.
        meanwhile: Called once, while the kernel boots.

    Returns:
        The notebook as far as it was executed, its files by name in the run's folder, and how it ended.
    """
    started = monotonic()
    executed: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    cut_short: RunStatus | None = None
    broken: Exception | None = None
    with started_kernel(runbook.path.parent, variables) as kernel, Watchdog(kernel, request, limits) as watchdog:
        meanwhile()
        with fast_import():
            import papermill
            from nbclient.exceptions import CellTimeoutError, DeadKernelError
        logging.getLogger("papermill").addHandler(logging.NullHandler())
        try:
            papermill.execute_notebook(
                str(runbook.path).replace("{", "{{").replace("}", "}}"),
                None,
                parameters=dict(parameters),
                kernel_name=KERNEL_NAME,
                progress_bar=progress,
                start_timeout=_START_TIMEOUT_SECONDS,
                km=kernel.manager,
                iopub_timeout=_OUTPUT_TIMEOUT_SECONDS,
                on_notebook_start=lambda notebook: executed.append(notebook),
                on_cell_execute=partial(_before_cell, watchdog, sent),
                on_cell_error=_keep_error,
            )
        except (StoppedBetweenCells, papermill.PapermillExecutionError):
            pass  # the notebook shows why
        except CellTimeoutError:  # no cell limit is set, so the kernel never reported that it had published everything
            cut_short = RunStatus.FAILED
        except (DeadKernelError, RuntimeError):  # a kernel that does not start is a RuntimeError
            cut_short = RunStatus.KERNEL_DIED
        except Exception as error:  # any other error belongs in the record
            broken = error
        seconds = monotonic() - started
        missing = kernel.complete_outputs(sent, is_over=cut_short is not None)
        last_words = redactor.text(kernel.last_words()) if cut_short else ""
    files = take_row_files(executed[0], redactor) if executed else {}
    notebook = masked_notebook(executed[0] if executed else unexecuted, redactor)
    if broken is not None:
        code = broken.exit_code if isinstance(broken, RunbookError) else None
        fault = RunError("", type(broken).__name__, redactor.text(str(broken)), code)
        return notebook, files, failed_to_execute(fault, notebook)
    return notebook, files, read_outcome(notebook, request.reason or cut_short, seconds, last_words, missing)


def _before_cell(watchdog: Watchdog, sent: list[dict[str, Any]], cell: dict[str, Any], cell_index: int) -> None:
    watchdog.before_cell(cell, cell_index)
    sent.append(cell)


def _keep_error(cell: dict[str, Any], cell_index: int, execute_reply: dict[str, Any]) -> None:
    """Keep the exit code, and add the reason as an output: for an ExceptionGroup, IPython only prints the traceback."""
    from nbformat.v4 import new_output

    reply = execute_reply["content"]
    if EXIT_CODE in reply:
        cell["metadata"][EXIT_CODE] = reply[EXIT_CODE]
    if any(output["output_type"] == "error" for output in cell["outputs"]):
        return
    printed = "".join(output["text"] for output in cell["outputs"] if output["output_type"] == "stream")
    reasons = [reply.get("evalue", ""), *dict.fromkeys(_REASON_IN_GROUP.findall(printed))]
    cell["outputs"].append(
        new_output(  # type: ignore[no-untyped-call]
            "error",
            ename=reply.get("ename", "Error"),
            evalue="; ".join(reasons),
            traceback=reply.get("traceback", []),
        )
    )
