"""The kernel's side: ipykernel for unattended runs."""

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
    """Numbers the messages sent, so that the receiver notices a gap.

    The numbers in message ids do not help, because some messages are created but not sent.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(pack=_packed, **options)
        self._numbers = count()

    def serialize(self, msg: dict[str, Any], ident: list[bytes] | bytes | None = None) -> list[bytes]:
        """Return the parts of a message, ready to be sent."""
        metadata = {**msg["metadata"], MESSAGE_NUMBER: next(self._numbers)}
        return super().serialize({**msg, "metadata": metadata}, ident)


class _RunKernel(IPythonKernel):
    """Replies with the exit code of a library error: only the kernel knows the error's class."""

    async def do_execute(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Execute a cell's code; see ipykernel."""
        reply: dict[str, Any] = await super().do_execute(*args, **options)  # type: ignore[no-untyped-call]
        result = self.shell.last_execution_result if reply["status"] == "error" and self.shell else None
        if result is not None and isinstance(result.error_in_exec, RunbookError):
            reply[EXIT_CODE] = result.error_in_exec.exit_code
        return reply


class RunKernelApp(IPKernelApp):
    """ipykernel that drops no output.

    By default a socket queues 1,000 messages and silently drops the rest, which a cell that logs a few thousand
    lines reaches.
    """

    def _kernel_class_default(self) -> type[IPythonKernel]:
        return _RunKernel

    def _session_default(self) -> Session:
        return _NumberedSession(parent=self)

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """Bind the socket on which outputs are published, with an unlimited queue."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


def start() -> None:
    """Run the kernel until it is shut down; it takes its options from the process's arguments."""
    RunKernelApp.launch_instance()


def _packed(part: Any) -> bytes:
    """Encode JSON, with ``?`` for half a surrogate pair, which UTF-8 cannot encode: the message would not be sent."""
    try:
        return json_packer(part)
    except UnicodeEncodeError:
        text = json.dumps(json_clean(part), default=json_default, ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "replace")
