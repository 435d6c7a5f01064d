"""`runbook mcp` over a real pipe: lines of JSON-RPC, as written by any client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import IO, Any

LATEST = "2026-07-28"
BROKEN_OFF = 99  # id of a request whose answer is ignored
_META = {
    "io.modelcontextprotocol/protocolVersion": LATEST,
    "io.modelcontextprotocol/clientInfo": {"name": "a test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
# Counts at least as many tokens as tokenizers do for JSON: four letters, three digits, or one other character.
_TOKEN = re.compile(r"[A-Za-z]{1,4}|\d{1,3}|[^A-Za-z\d\s]")


class Client:
    """One session; with `is_modern` each request carries the protocol revision, otherwise a handshake does.

    Attributes:
        answers: The text of each tool answer.
    """

    def __init__(self, process: subprocess.Popen[bytes], *, is_modern: bool) -> None:
        self.process = process
        self.answers: list[str] = []
        self._is_modern = is_modern
        self._ids = count(1)

    def send(self, method: str, params: dict[str, Any], **more: Any) -> None:
        if self._is_modern and "id" in more:
            params = {**params, "_meta": _META}
        line = json.dumps({"jsonrpc": "2.0", **more, "method": method, "params": params})
        _of(self.process.stdin).write(f"{line}\n".encode())
        _of(self.process.stdin).flush()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._ids)
        self.send(method, params, id=number)
        return self.hear(number)

    def hear(self, number: int) -> dict[str, Any]:
        while line := _of(self.process.stdout).readline():
            message: dict[str, Any] = json.loads(line)  # nothing else may be written there
            if message.get("id") == number:
                return message
        raise AssertionError("the server has ended")

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Return a tool's answer as data, or its error, which has the key `error`."""
        result = self.ask("tools/call", name=name, arguments=arguments)["result"]
        self.answers.append(result["content"][0]["text"])
        data: dict[str, Any] = json.loads(self.answers[-1])
        assert result.get("isError", False) is ("error" in data)
        assert "error" in data or result["structuredContent"] == data
        return data


@contextmanager
def session(*words: str, is_modern: bool = True, ends_with: int = 0) -> Iterator[Client]:
    """Start a server, which must exit with 0 when its input ends, or earlier with the given code."""
    command = [sys.executable, "-P", "-m", "lib.cli", "mcp", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield Client(process, is_modern=is_modern)
        finally:
            _of(process.stdin).close()
            rest, errors = _of(process.stdout).read(), _of(process.stderr).read().decode()
            code = process.wait()
    assert (code, "Traceback" in errors) == (ends_with, False), errors
    assert [json.loads(line)["id"] for line in rest.splitlines()] in ([], [BROKEN_OFF]), (
        rest
    )  # it answers cancelled requests


def tokens(text: str) -> int:
    """Return at least as many tokens as an agent pays for."""
    return len(_TOKEN.findall(text))


def _of(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
