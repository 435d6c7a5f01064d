"""Receive everything that a kernel publishes, or detect that messages are missing.

ZeroMQ drops messages silently, so both ends queue without limit (the other end is
`lib.runbooks.kernel_process`). To detect any loss, our kernel numbers its messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from queue import Empty
from typing import Any

import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from traitlets import Type

# Key in the metadata of each kernel message; it is not kept in the notebook.
MESSAGE_NUMBER = "runbook_number"
_OUTPUTS = ("stream", "display_data", "execute_result", "error")
# A kernel publishes that it is idle right after its reply, which may take a while on a busy machine.
_IDLE_TIMEOUT_SECONDS = 60
# Threads may publish messages out of order.
_MAX_REORDERED = 1_000
_REORDERED_SECONDS = 1


class Arrivals:
    """Tracks the messages that arrived from one kernel, by number.

    Attributes:
        late: Outputs that nbclient ignores because their cell had ended, as from threads and child processes.
        is_read: Whether nbclient still reads messages.
    """

    def __init__(self) -> None:
        self.is_read = True
        self.late: list[Mapping[str, Any]] = []
        self._cells: list[str] = []
        self._requests: set[str] = set()
        self._replied = ""
        self._idle = {""}
        self._kernel = ""
        self._next = 0
        self._ahead: set[int] = set()

    @property
    def missing(self) -> int:
        """The number of messages that have not arrived although later ones have."""
        return max(self._ahead) + 1 - self._next - len(self._ahead) if self._kernel and self._ahead else 0

    @property
    def is_idle_due(self) -> bool:
        """Whether the last request has its reply, but the kernel may still be publishing its outputs."""
        return self._replied not in self._idle

    def sent(self, message: Mapping[str, Any]) -> None:
        """Note a request to the kernel."""
        header = message["header"]
        if header["msg_type"] == "execute_request":
            self._cells.append(header["msg_id"])
        # Replies to requests before the first cell may have arrived before this client listened.
        if self._cells:
            self._requests.add(header["msg_id"])

    def arrived(self, message: Mapping[str, Any]) -> None:
        """Note a message from the kernel."""
        parent, kind = message["parent_header"], message["msg_type"]
        request = parent.get("msg_id", "")
        if parent.get("msg_type") == "execute_request" or self._kernel:
            self._count(message)
        if kind.endswith("_reply") and request in self._requests:
            self._replied = request
        elif kind in _OUTPUTS and (request in self._idle or not self.is_read):
            self.late.append(message)
        elif kind == "status" and message["content"]["execution_state"] == "idle":
            self._idle.add(request)

    def hand_late_outputs_to(self, cells: Sequence[dict[str, Any]]) -> None:
        """Append the late outputs to their cells, given in the order in which they were executed."""
        from nbformat.v4 import output_from_msg

        by_request = dict(zip(self._cells, cells, strict=False))
        for message in self.late:
            cell = by_request.get(message["parent_header"].get("msg_id", ""))
            if cell is not None:
                cell["outputs"].append(output_from_msg(message))  # type: ignore[no-untyped-call]

    def _count(self, message: Mapping[str, Any]) -> None:
        # The id begins with the process, because a forked child has its own numbers.
        kernel = message["header"]["msg_id"].rpartition("_")[0]
        number = message["metadata"].get(MESSAGE_NUMBER, -1)
        # Counted from the first published message. A reply has its own socket and may overtake it.
        is_reply = message["msg_type"].endswith("_reply")
        if not self._kernel and not is_reply:
            self._kernel, self._next = kernel, number
            self._ahead = {early for early in self._ahead if early > number}
        if kernel == (self._kernel or kernel) and number >= self._next:
            self._ahead.add(number)
        while self._kernel and self._next in self._ahead:
            self._ahead.remove(self._next)
            self._next += 1


class _Channel(AsyncZMQSocketChannel):
    arrivals: Arrivals

    def send(self, msg: dict[str, Any]) -> None:
        super().send(msg)
        self.arrivals.sent(msg)

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        """Return the next message.

        Raises:
            Empty: No message came within the timeout, or, without a timeout, the end of a cell's outputs is overdue.
        """
        while True:
            try:
                message = await super().get_msg(_IDLE_TIMEOUT_SECONDS if timeout is None else timeout)
            except Empty:
                if timeout is None and not self.arrivals.is_idle_due:
                    continue
                raise
            self.arrivals.arrived(message)
            return message


class ListeningClient(AsyncKernelClient):
    """A client that drops no messages, and detects messages lost on the way."""

    shell_channel_class = Type(_Channel)
    iopub_channel_class = Type(_Channel)

    def __init__(self, **options: Any) -> None:
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RCVHWM, 0)
        super().__init__(context=context, **options)
        self._created_context = True  # so that it is closed with the channels
        self.arrivals = Arrivals()

    def start_channels(self, *args: Any, **options: Any) -> None:
        """Connect, and track the messages that arrive."""
        self.shell_channel.arrivals = self.iopub_channel.arrivals = self.arrivals
        super().start_channels(*args, **options)

    async def settle(self, *, is_over: bool) -> None:
        """Read what the kernel has published since nbclient stopped reading.

        Args:
            is_over: Do not wait: no more messages will arrive.
        """
        self.arrivals.is_read = False
        with suppress(Empty):
            while self.iopub_channel.is_alive() and (is_over or self.arrivals.is_idle_due):
                await self.iopub_channel.get_msg(0 if is_over else _IDLE_TIMEOUT_SECONDS)
            for _ in range(_MAX_REORDERED):
                if not self.arrivals.missing:
                    break
                await self.iopub_channel.get_msg(_REORDERED_SECONDS)
