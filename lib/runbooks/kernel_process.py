"""The kernel's side: ipykernel for a run that nobody watches."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import zmq
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from jupyter_client.jsonutil import json_clean, json_default
from jupyter_client.session import Session, json_packer

from lib.errors import RunbookError
from lib.runbooks.kernel import EXIT_CODE
from lib.runbooks.published import MESSAGE_NUMBER


class _NumberedSession(Session):
    """Numbers what is sent, so that the other side sees a gap.

    The numbers of a message's id do not serve: some messages are made and not sent.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(pack=_packed, **options)
        self._numbers = count()

    def serialize(self, msg: dict[str, Any], ident: list[bytes] | bytes | None = None) -> list[bytes]:
        """The parts of a message, ready to be sent."""
        metadata = {**msg["metadata"], MESSAGE_NUMBER: next(self._numbers)}
        return super().serialize({**msg, "metadata": metadata}, ident)


class _RunKernel(IPythonKernel):
    """Replies with the exit code of an error of this library: here its class is known, elsewhere only its name."""

    async def do_execute(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run a cell's code; see ipykernel."""
        reply: dict[str, Any] = await super().do_execute(*args, **options)  # type: ignore[no-untyped-call]
        result = self.shell.last_execution_result if reply["status"] == "error" and self.shell else None
        if result is not None and isinstance(result.error_in_exec, RunbookError):
            reply[EXIT_CODE] = result.error_in_exec.exit_code
        return reply


class RunKernelApp(IPKernelApp):
    """ipykernel that drops nothing of what a cell prints.

    A socket queues 1,000 messages and drops the rest silently; a cell that logs a few thousand lines gets there.
    """

    def _kernel_class_default(self) -> type[IPythonKernel]:
        return _RunKernel

    def _session_default(self) -> Session:
        return _NumberedSession(parent=self)

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """Bind the socket that outputs are published on, with a queue that has no limit."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


def start() -> None:
    """Run the kernel until it is shut down; its options are the process's arguments."""
    RunKernelApp.launch_instance()


def _packed(part: Any) -> bytes:
    """JSON, with ``?`` for half a surrogate pair: UTF-8 cannot hold one, and the message would not be sent."""
    try:
        return json_packer(part)
    except UnicodeEncodeError:
        text = json.dumps(json_clean(part), default=json_default, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "replace")
