"""`runbook site serve` as a process during a ``with`` block."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


@contextmanager
def serving(outputs: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield the server's process and port."""
    command = [sys.executable, "-m", "lib.cli", "site", "serve", "--port", "0", *options]
    with subprocess.Popen(
        command,
        env={**os.environ, "RUNBOOK_OUTPUTS": outputs},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = urlsplit(process.stdout.readline().split()[0]).port
            assert port
            yield process, port
        finally:
            process.kill()
