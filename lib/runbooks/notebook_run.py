"""papermill in this process, wrapped: one notebook, one kernel, one honest outcome."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from lib.archive.record import Outcome, RunStatus
from lib.runbooks.kernel import KERNEL_NAME, started_kernel
from lib.runbooks.masking import masked_notebook
from lib.runbooks.outcome import failed_to_execute, read_outcome
from lib.runbooks.redaction import Redactor
from lib.runbooks.stopping import Limits, StoppedBetweenCells, StopRequest, Watchdog

_START_TIMEOUT_SECONDS = 60
# nbclient wants one for all outputs that arrive after a cell's end; `lib.runbooks.published` limits each wait.
_OUTPUT_TIMEOUT_SECONDS = 10**6
_UNUSED = ("gcsfs", "pyarrow", "rfc3986_validator", "rfc3987_syntax")


def run_notebook(
    path: Path,
    parameters: Mapping[str, Any],
    *,
    request: StopRequest,
    limits: Limits,
    redactor: Redactor,
    progress: bool,
    variables: Mapping[str, str],
    meanwhile: Callable[[], None],
) -> tuple[dict[str, Any], Outcome]:
    """Execute a notebook until its end, an error, or a request to stop.

    Args:
        path: The notebook; it is not changed.
        parameters: Checked values, injected after the cell tagged ``parameters``.
        request: Ends the run early.
        limits: End the run early too.
        redactor: Masks the secrets in what is returned.
        progress: Show a progress bar on standard error.
        variables: Added to the environment of the kernel.
        meanwhile: Called once, while the kernel boots.

    Returns:
        The notebook as far as it was executed, and how it ended.
    """
    started = monotonic()
    executed: list[dict[str, Any]] = []
    sent: list[dict[str, Any]] = []
    cut_short: RunStatus | None = None
    broken: Exception | None = None
    with started_kernel(path.parent, variables) as kernel, Watchdog(kernel, request, limits) as watchdog:
        meanwhile()
        with _fast_import():
            import papermill
            from nbclient.exceptions import CellTimeoutError, DeadKernelError
        logging.getLogger("papermill").addHandler(logging.NullHandler())
        try:
            papermill.execute_notebook(
                str(path).replace("{", "{{").replace("}", "}}"),
                None,
                parameters=dict(parameters),
                kernel_name=KERNEL_NAME,
                progress_bar=progress,
                start_timeout=_START_TIMEOUT_SECONDS,
                km=kernel.manager,
                iopub_timeout=_OUTPUT_TIMEOUT_SECONDS,
                on_notebook_start=lambda notebook: executed.append(notebook),
                on_cell_execute=partial(_before_cell, watchdog, sent),
            )
        except (StoppedBetweenCells, papermill.PapermillExecutionError):
            pass  # the notebook tells
        except CellTimeoutError:  # no limit is set, so the kernel never said that it had published all
            cut_short = RunStatus.FAILED
        except (DeadKernelError, RuntimeError):  # a kernel that does not start is a RuntimeError
            cut_short = RunStatus.KERNEL_DIED
        except Exception as error:  # whatever it is, the record has to tell it
            broken = error
        seconds = monotonic() - started
        missing = kernel.complete_outputs(sent, is_over=cut_short is not None)
        last_words = redactor.text(kernel.last_words()) if cut_short else ""
    notebook = masked_notebook(executed[0] if executed else _unexecuted(path), redactor)
    if broken is not None:
        return notebook, failed_to_execute(type(broken).__name__, redactor.text(str(broken)))
    return notebook, read_outcome(notebook, request.reason or cut_short, seconds, last_words, missing)


def _before_cell(watchdog: Watchdog, sent: list[dict[str, Any]], cell: dict[str, Any], cell_index: int) -> None:
    watchdog.before_cell(cell, cell_index)
    sent.append(cell)


@contextmanager
def _fast_import() -> Iterator[None]:
    """Import papermill without what it does not use here, and takes longer to load than all the rest.

    papermill takes the modules for absent, and then reads no notebook from a bucket; so does
    jsonschema, and then does not check the format of addresses.
    """
    absent = [name for name in _UNUSED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _unexecuted(path: Path) -> dict[str, Any]:
    import nbformat

    notebook: dict[str, Any] = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook
