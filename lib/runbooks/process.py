"""Run a `runbook` command in a separate process: start it, wait for it, stop it cleanly, and read its answer.

Its standard input stays open until this process closes it or ends, even if killed. A command that watches for
that (`lib.runbooks.stop.stop_with_caller`) then stops cleanly, so that none is left behind.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import inf
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any

from lib.runbooks.parameters import assignment_words
from lib.runbooks.stop import StopRequest
from lib.verdict.live import SESSION_VARIABLE

# -P: do not import a folder named lib in the current folder.
_RUNBOOK = (sys.executable, "-P", "-m", "lib.cli")
_POLL_SECONDS = 0.1
# Set for a kernel that a person uses in JupyterLab, which a command's kernel is not.
_OF_KERNELS = (SESSION_VARIABLE, "JPY_PARENT_PID")
# As tqdm writes it: "Executing:  38%|███▊      | 11/29 [00:03<00:05,  3.40cell/s]".
_BAR = re.compile(r"Executing: [^\r\n]*\| (\d+)/(\d+) \[[^\]\r\n]*\]", re.ASCII)
_BAR_BYTES = 2_000


@dataclass(frozen=True)
class Ended:
    """How the process ended. Its output is hostile input, and is not masked.

    Attributes:
        exit_code: Negative: the signal that killed it.
        answer: The JSON object in its last line on standard output; None if that is something else.
        last_words: Its last line on standard error that is not blank; without one, a note with the exit code.
    """

    exit_code: int
    answer: dict[str, Any] | None
    last_words: str


@dataclass(frozen=True)
class RunProcess:
    """A started process; see `started`."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def progress(self) -> tuple[int, int] | None:
        """Return how many cells it has run, of how many; None before the first, or without ``--progress``."""
        errors = self.errors.fileno()
        # With pread, because the process writes at the file's shared position.
        end = os.pread(errors, _BAR_BYTES, max(0, os.fstat(errors).st_size - _BAR_BYTES)).decode(errors="replace")
        bars = _BAR.findall(end)
        return (int(bars[-1][0]), int(bars[-1][1])) if bars else None

    def wait(
        self,
        request: StopRequest | None = None,
        grace_seconds: float = 0.0,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Ended:
        """Wait for the process to end.

        Args:
            request: Once it requests a stop, the process is sent SIGTERM.
            grace_seconds: How long it may continue before SIGTERM.
            meanwhile: Called repeatedly until the process has ended or is sent SIGTERM.
        """
        exit_code = self._exit_code(request or StopRequest(), grace_seconds, meanwhile)
        lines = [line for line in _BAR.sub("", _text(self.errors)).splitlines() if line.strip()]
        last_words = lines[-1].removeprefix("runbook: ") if lines else f"it ended with code {exit_code}"
        return Ended(exit_code, _answer(_text(self.output)), last_words)

    def _exit_code(self, request: StopRequest, grace_seconds: float, meanwhile: Callable[[], object]) -> int:
        stop_at = inf
        while monotonic() < stop_at:
            meanwhile()
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(_POLL_SECONDS)
            if request.reason and stop_at == inf:
                stop_at = monotonic() + grace_seconds
        self.process.terminate()
        return self.process.wait()


def run_words(name: str, parameters: Mapping[str, object], environment: str) -> list[str]:
    """Return the arguments of ``runbook run --json`` for a run.

    Args:
        name: The runbook's name.
        parameters: Typed values by name.
        environment: Name of the environment.

    Raises:
        UserError: A parameter's value cannot be passed on a command line.
    """
    return ["run", name, "--env", environment, *assignment_words(parameters), "--json", "--stop-with-caller"]


@contextmanager
def started(
    words: Sequence[str], call: Mapping[str, Any] | None = None, *, variables: Mapping[str, str] | None = None
) -> Iterator[RunProcess]:
    """Start ``runbook`` with these arguments; if it still runs at the end of the ``with`` block, it is stopped.

    Args:
        words: The arguments of ``runbook``; the command must watch its standard input.
        call: Passed as a line of JSON on standard input.
        variables: Added to its environment, and so to the environment of its kernel.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_KERNELS}
    environment = {**inherited, **(variables or {})}
    # Files rather than pipes, which a killed process's children would keep open. A new session, because
    # Ctrl+C at a terminal would otherwise reach it too, as a second stop request.
    with TemporaryFile() as output, TemporaryFile() as errors, subprocess.Popen(
        [*_RUNBOOK, *words],
        stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        try:
            if call is not None:
                with suppress(BrokenPipeError):  # it has ended; its exit code shows how
                    process.stdin.write(f"{json.dumps(call)}\n".encode())
                    process.stdin.flush()
            yield RunProcess(process, output, errors)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _answer(output: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None
