"""The kernel of one run: started early, connected over IPC, and always ended afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lib import places
from lib.verdict.live import ARCHIVED_VARIABLE, SESSION_VARIABLE

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager

    from lib.runbooks.published import ListeningClient

KERNEL_NAME = "python3"
# Key in the reply to a failed cell, and then in the cell's metadata: the exit code of an error of this library.
EXIT_CODE = "runbook_exit_code"
# The path of a Unix socket may have 107 bytes, including the names below this folder.
_MAX_FOLDER_LENGTH = 80
_SHUTDOWN_POLL_SECONDS = 0.01
_MAX_LAST_WORDS = 2_000
# Without debugpy, which an unattended run does not need and which takes a fifth of the start-up time.
# Without the notebook's folder on the path, where a file could shadow a module.
_START = (
    "import sys; sys.modules['debugpy'] = None; sys.path = [*filter(None, sys.path)]; "
    "from lib.runbooks.kernel_process import start; start()"
)
# The first `atexit` hook runs last, after all that cells registered. It skips Python's shutdown, which
# takes half a second and in which ipykernel's last flush hangs about once in fifty times.
_EXIT_AT_ONCE = "__import__('atexit').register(__import__('os')._exit, 0)"


class Kernel:
    """A running kernel process, which leads its own process group."""

    def __init__(self, manager: AsyncKernelManager, clients: Sequence[ListeningClient], log: Path) -> None:
        self.manager = manager
        self._clients = clients
        self._process_group: int = cast(Any, manager.provisioner).pid
        self._log = log

    def last_words(self) -> str:
        """Return the end of what the process wrote outside any cell, for example in a crash."""
        return self._log.read_text(encoding="utf-8", errors="replace").strip()[-_MAX_LAST_WORDS:]

    def complete_outputs(self, cells: Sequence[dict[str, Any]], *, is_over: bool) -> int:
        """Add output that arrived after a cell's end, as from threads and child processes, to the cells.

        Args:
            cells: All cells sent to the kernel, in order.
            is_over: Do not wait: no more messages will arrive.

        Returns:
            The number of missing kernel messages.
        """
        from jupyter_core.utils import run_sync

        for client in self._clients:
            run_sync(client.settle)(is_over=is_over)
            client.arrivals.hand_late_outputs_to(cells)
        return sum(client.arrivals.missing for client in self._clients)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the running cell, if any."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the kernel and everything that it started."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process_group, number)


@contextmanager
def started_kernel(working_folder: Path, variables: Mapping[str, str]) -> Iterator[Kernel]:
    """Launch a kernel without waiting for it: it boots while the caller imports papermill.

    At the end of the ``with`` block it is shut down gracefully, so that its ``atexit`` hooks run, and
    the rest of its process group is killed.

    It uses IPC, because over TCP every user of the machine could read its traffic, and its ports could
    be taken before it binds them.

    Args:
        working_folder: The kernel's current folder.
        variables: Added to its environment.
    """
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    from lib.runbooks.published import ListeningClient

    with _socket_folder() as folder, (folder / "kernel.log").open("wb") as log:
        manager = AsyncKernelManager(
            kernel_name=KERNEL_NAME,
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),  # ignore kernels installed on the machine
            transport="ipc",
            ip=str(folder / "k"),
            connection_file=str(folder / "kernel.json"),
            client_factory=ListeningClient,
        )
        cast(Any, manager.kernel_spec).argv = [sys.executable, "-c", _START, "-f", "{connection_file}"]
        clients = _recorded_clients(manager)
        run_sync(manager.start_kernel)(
            cwd=str(working_folder),
            env={**_environment(), **variables},
            stdout=log,
            stderr=log,
            extra_arguments=["--HistoryManager.hist_file=:memory:", f"--IPKernelApp.exec_lines={_EXIT_AT_ONCE}"],
        )
        kernel = Kernel(manager, clients, folder / "kernel.log")
        try:
            yield kernel
        finally:
            try:
                run_sync(_shut_down)(manager, clients)
            finally:
                kernel.kill()


def _recorded_clients(manager: AsyncKernelManager) -> list[ListeningClient]:
    """Record the clients that the manager creates, because nbclient leaves closing them to its caller."""
    clients: list[Any] = []
    make_client = manager.client

    def client(**options: Any) -> Any:
        clients.append(make_client(**options))
        return clients[-1]

    manager.client = client  # type: ignore[method-assign]
    return clients


async def _shut_down(manager: AsyncKernelManager, clients: list[Any]) -> None:
    # Not `shutdown_kernel`, which interrupts first and then polls every 0.1 s.
    # If the kernel died during its start, nbclient has already closed even the sockets.
    if manager.has_kernel and await manager.is_alive():
        await manager.request_shutdown()
        await manager.finish_shutdown(pollinterval=_SHUTDOWN_POLL_SECONDS)
    for client in clients:
        client.stop_channels()
    await manager.cleanup_resources()


def _environment() -> dict[str, str]:
    # A run started from a notebook is archived like any other.
    inherited = {name: value for name, value in os.environ.items() if name != SESSION_VARIABLE}
    return {**inherited, **places.handed_down(), **search_path(), ARCHIVED_VARIABLE: "1"}


def search_path() -> dict[str, str]:
    """Return the environment variable with which a kernel in any folder imports this copy of the library.

    An installed library is found anyway, and site-packages must not precede Python's own modules.
    """
    ours = [str(places.ROOT)] if places.is_checkout() else []
    return {"PYTHONPATH": os.pathsep.join([*ours, *filter(None, [os.environ.get("PYTHONPATH")])])}


@contextmanager
def _socket_folder() -> Iterator[Path]:
    default = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="runbook-", dir=default if len(default) < _MAX_FOLDER_LENGTH else "/tmp")  # noqa: S108
    try:
        yield Path(folder).resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
