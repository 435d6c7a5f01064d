"""`runbook mcp` over a real pipe: lines of JSON-RPC, as any client writes them."""

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
BROKEN_OFF = 99  # the number of a request whose answer nobody waits for
_META = {
    "io.modelcontextprotocol/protocolVersion": LATEST,
    "io.modelcontextprotocol/clientInfo": {"name": "a test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
# More than tokenizers make of JSON: four letters, three digits, or a mark by itself.
_TOKEN = re.compile(r"[A-Za-z]{1,4}|\d{1,3}|[^A-Za-z\d\s]")


class Client:
    """One session; with `is_modern` each request carries its revision, before it a handshake did.

    Attributes:
        answers: The text of each answer of a tool.
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
            message: dict[str, Any] = json.loads(line)  # nothing else is ever written there
            if message.get("id") == number:
                return message
        raise AssertionError("the server has ended")

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a tool as data; or its error, which has `error`."""
        result = self.ask("tools/call", name=name, arguments=arguments)["result"]
        self.answers.append(result["content"][0]["text"])
        data: dict[str, Any] = json.loads(self.answers[-1])
        assert result.get("isError", False) is ("error" in data)
        assert "error" in data or result["structuredContent"] == data
        return data


@contextmanager
def session(*words: str, is_modern: bool = True, ends_with: int = 0) -> Iterator[Client]:
    """A server of its own; it has to end well once its input ends, or with that code before."""
    command = [sys.executable, "-P", "-m", "lib.cli", "mcp", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield Client(process, is_modern=is_modern)
        finally:
            _of(process.stdin).close()
            rest, said = _of(process.stdout).read(), _of(process.stderr).read().decode()
            code = process.wait()
    assert (code, "Traceback" in said) == (ends_with, False), said
    assert [json.loads(line)["id"] for line in rest.splitlines()] in ([], [BROKEN_OFF]), (
        rest
    )  # it answers what it breaks off


def tokens(text: str) -> int:
    """At least as many as an agent pays."""
    return len(_TOKEN.findall(text))


def _of(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
