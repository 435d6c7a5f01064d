"""The kernel's side: ipykernel for a run that nobody watches."""

from __future__ import annotations

from typing import Any

import zmq
from ipykernel.kernelapp import IPKernelApp


class RunKernelApp(IPKernelApp):
    """ipykernel that drops nothing of what a cell prints.

    A socket queues 1,000 messages and drops the rest silently; one that logs a few thousand lines gets there.
    """

    def init_iopub(self, context: zmq.Context[Any]) -> None:
        """Bind the socket that outputs are published on, with a queue that has no limit."""
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


def start() -> None:
    """Run the kernel until it is shut down; its options are the process's arguments."""
    RunKernelApp.launch_instance()
