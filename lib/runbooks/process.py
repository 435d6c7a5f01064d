"""A `runbook` command in a process of its own: started, awaited, stopped in good order, and its answer read.

Its standard input stays open until this process closes it or ends, however that ends: a command that watches for
that (`lib.runbooks.stop.stop_with_caller`) is then stopped in good order, so none is left behind.
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

# -P: a folder named lib where the caller stands is not ours.
_RUNBOOK = (sys.executable, "-P", "-m", "lib.cli")
_POLL_SECONDS = 0.1
# What runs a notebook in JupyterLab says of itself: nobody works in those of a command.
_OF_KERNELS = (SESSION_VARIABLE, "JPY_PARENT_PID")
# As tqdm writes it: "Executing:  38%|███▊      | 11/29 [00:03<00:05,  3.40cell/s]".
_BAR = re.compile(r"Executing: [^\r\n]*\| (\d+)/(\d+) \[[^\]\r\n]*\]", re.ASCII)
_BAR_BYTES = 2_000


@dataclass(frozen=True)
class Ended:
    """How the process ended. What it wrote is hostile input, and not masked.

    Attributes:
        exit_code: Negative: the signal that killed it.
        answer: The JSON object in its last line on standard output; None when that is something else.
        last_words: Its last line on standard error that is not blank; its exit code in words when there is none.
    """

    exit_code: int
    answer: dict[str, Any] | None
    last_words: str


@dataclass(frozen=True)
class RunProcess:
    """A process that was started; see `started`."""

    process: subprocess.Popen[bytes]
    output: IO[bytes]
    errors: IO[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def progress(self) -> tuple[int, int] | None:
        """How many cells it has run, and of how many; None: it has not begun, or was started without ``--progress``."""
        errors = self.errors.fileno()
        # At a position, since the process goes on writing where the file that both have open stands.
        end = os.pread(errors, _BAR_BYTES, max(0, os.fstat(errors).st_size - _BAR_BYTES)).decode(errors="replace")
        bars = _BAR.findall(end)
        return (int(bars[-1][0]), int(bars[-1][1])) if bars else None

    def wait(
        self,
        request: StopRequest | None = None,
        grace_seconds: float = 0.0,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Ended:
        """Wait for its end.

        Args:
            request: Once it asks for a stop, the process gets SIGTERM, and is still waited for.
            grace_seconds: How long it may go on first.
            meanwhile: Called again and again, until it has ended or gets SIGTERM.
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
    """The words of a run whose answer is what ``runbook run --json`` prints.

    Raises:
        UserError: A parameter's value does not fit on a command line.
    """
    return ["run", name, "--env", environment, *assignment_words(parameters), "--json", "--stop-with-caller"]


@contextmanager
def started(
    words: Sequence[str], call: Mapping[str, Any] | None = None, *, variables: Mapping[str, str] | None = None
) -> Iterator[RunProcess]:
    """Start ``runbook`` with these words; one that still runs at the end of the ``with`` block is stopped.

    Args:
        words: The command line after ``runbook``; the command has to watch its standard input.
        call: Handed to it as a line of JSON on standard input.
        variables: Added to its environment, and so to that of the kernel that it starts.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _OF_KERNELS}
    environment = {**inherited, **(variables or {})}
    # Files, since whatever a killed process leaves behind would hold a pipe open. And a session of its own:
    # Ctrl-C at a terminal would otherwise reach it as well, as a second request to stop.
    with TemporaryFile() as output, TemporaryFile() as errors, subprocess.Popen(
        [*_RUNBOOK, *words],
        stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True, env=environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        try:
            if call is not None:
                with suppress(BrokenPipeError):  # it has ended, and its exit code says how
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
