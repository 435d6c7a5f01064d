"""Processes that do not have to load their libraries, because they are forked from one that has.

A `runbook` command or a kernel loads libraries for up to a second and a half, and the tests start hundreds.
A forked process still has its own environment, output, exit code and signals. Tests of
the start itself (the packaged command, kernels, imports) start their own Python.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer
from tempfile import TemporaryFile, mkdtemp
from types import SimpleNamespace
from typing import IO, Any, Self

import pytest

from lib import places

_ADDRESS = "RUNBOOK_TESTS_WARM"


class WarmProcess:
    """The parts of `subprocess.Popen` in use, for ``python -m MODULE ...`` and ``python -c CODE ...``."""

    stdin: Any = None
    stdout = stderr = None

    def __init__(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        output: IO[Any],
        errors: IO[Any],
        input_from: int | None = None,
    ) -> None:
        self.returncode: int | None = None
        self._connection = socket.socket(socket.AF_UNIX)
        self._connection.connect(_address())
        streams = [output.fileno(), errors.fileno()]
        socket.send_fds(self._connection, [b"\n"], streams if input_from is None else [*streams, input_from])
        asked = json.dumps({"command": list(command[1:]), "env": dict(env), "cwd": cwd})
        self._connection.sendall(asked.encode() + b"\n")
        self._told = self._connection.makefile("rb")
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a warm process", timeout or 0)
            # A killed process sends no result.
            self.returncode = int(self._told.readline() or -signal.SIGKILL)
            self._told.close()
            self._connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Command(WarmProcess):
    """A process with a pipe for its input, as started by `lib.runbooks.process`."""

    def __init__(
        self, command: Sequence[str], *, stdout: IO[Any], stderr: IO[Any], env: Mapping[str, str], **_: Any
    ) -> None:
        read_end, write_end = os.pipe()
        self.stdin = os.fdopen(write_end, "wb")
        words = [word for word in command if word != "-P"]
        super().__init__(words, env=env, cwd=os.getcwd(), output=stdout, errors=stderr, input_from=read_end)
        os.close(read_end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()


def run(command: Sequence[str], *, env: Mapping[str, str], cwd: str = ".") -> subprocess.CompletedProcess[str]:
    """Run a command like `subprocess.run`, with the output captured as text."""
    with TemporaryFile("w+", encoding="utf-8") as output, TemporaryFile("w+", encoding="utf-8") as errors:
        code = WarmProcess(command, env=env, cwd=os.path.abspath(cwd), output=output, errors=errors).wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(command), code, output.read(), errors.read())


@contextmanager
def warm_kernels() -> Iterator[None]:
    """Fork kernels, too, and `runbook` commands started by commands; warm processes always do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jupyter_client.provisioning.local_provisioner.launch_kernel", _launch_kernel)
        forking = SimpleNamespace(**{**vars(subprocess), "Popen": Command})
        patch.setattr("lib.runbooks.process.subprocess", forking)
        yield


def _launch_kernel(
    cmd: Sequence[str], *, env: Mapping[str, str], stdout: IO[Any] | None = None, cwd: str = ".", **_: Any
) -> WarmProcess:
    output = stdout or sys.stderr
    return WarmProcess(cmd, env=env, cwd=os.path.abspath(cwd), output=output, errors=output)


@cache
def _address() -> str:
    """Return the address of the forking process, which ends with this one."""
    if inherited := os.environ.get(_ADDRESS):
        return inherited
    address = str(Path(mkdtemp(prefix="warm-"), "socket"))
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", address],
        cwd=places.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    atexit.register(_end, server, address)
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    server.stdout.close()
    return address


def _end(server: subprocess.Popen[bytes], address: str) -> None:
    server.kill()
    server.wait()
    Path(address).unlink()
    Path(address).parent.rmdir()


class _Server(ForkingMixIn, UnixStreamServer):
    request_queue_size = 50
    owner = os.getppid()

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self.owner:  # the owner was killed before it could stop this process
            sys.exit()


class _Warm(BaseRequestHandler):
    """Handles requests in the forked process."""

    def handle(self) -> None:
        code = 1
        try:
            _, streams, *_ = socket.recv_fds(self.request, 1, 3)
            with self.request.makefile("r") as asking:
                asked = json.loads(asking.readline())
            os.setsid()
            for number, stream in zip((1, 2, 0), streams, strict=False):
                os.dup2(stream, number)
                os.close(stream)
            os.chdir(asked["cwd"])
            os.environ.clear()
            # A kernel ends when its parent does, which here is the process that it was forked from.
            os.environ.update(asked["env"], JPY_PARENT_PID=str(os.getppid()), **{_ADDRESS: self.server.server_address})
            self.request.sendall(b"%d\n" % os.getpid())
            code = _become(*asked["command"])
        finally:
            self.request.sendall(b"%d\n" % code)
            os._exit(code)


def _become(option: str, what: str, *arguments: str) -> int:
    """Do what the command would do in a separate Python process."""
    sys.argv = [option, *arguments]
    code: Any = 0
    try:
        with warm_kernels():
            if option == "-c":
                exec(what, {"__name__": "__main__"})  # noqa: S102
            else:
                runpy.run_module(what, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code if isinstance(code, int) else int(code is not None)


def _serve(address: str) -> None:
    import tests.preloaded  # noqa: F401

    # Garbage collection here would make each of them copy memory.
    gc.collect()
    gc.freeze()
    with _Server(address, _Warm) as server:
        print("ready", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
