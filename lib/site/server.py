"""The archive in a browser on this machine: read only, on loopback only.

Files come from the archive's store, wherever that is. What runs left is hostile input: their
pages load nothing, and run no script but the one of reports that copies. Tornado, since it is a
well-kept server that comes with JupyterLab anyway; Python's own warns that it is not made for this.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from lib.archive.store import Store, media_type
from lib.errors import Unavailable, UserError
from lib.words.pages import inline_script

LOOPBACK = "127.0.0.1"
_INDEX = "index.html"
_NOTHING_BUT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; img-src data:; "
_OF_THE_SITE = _NOTHING_BUT + "script-src 'self'; style-src 'self'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def serve(store: Store, port: int, ready: Callable[[str], None], metrics: Callable[[], bytes] | None = None) -> None:
    """Serve the store's files until SIGINT or SIGTERM.

    Args:
        port: 0 takes any that is free.
        ready: Called with the address, such as ``http://127.0.0.1:8000/``, once it answers.
        metrics: What ``/metrics`` answers, in Prometheus' text format; None: nothing is there.

    Raises:
        UserError: The port cannot be had.
    """
    asyncio.run(_serve(store, _bound(port), ready, metrics))


async def _serve(
    store: Store, sockets: list[socket.socket], ready: Callable[[str], None], metrics: Callable[[], bytes] | None
) -> None:
    port = sockets[0].getsockname()[1]
    about = {"store": store, "port": port}
    of_metrics = [(r"/metrics", _Metrics, {**about, "metrics": metrics})] if metrics else []
    application = Application(
        [*of_metrics, (r"/(.*)", _File, about)],
        default_handler_class=_Refusal,
        default_handler_args=about,
        log_function=lambda _: None,  # paths that are asked for are not text for a terminal
    )
    server = HTTPServer(application, max_body_size=1024, idle_connection_timeout=60)
    server.add_sockets(sockets)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ready(f"http://{LOOPBACK}:{port}/")
    await stopped.wait()
    server.stop()
    await server.close_all_connections()


def _bound(port: int) -> list[socket.socket]:
    try:
        return bind_sockets(port, LOOPBACK)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} is in use; take another one: --port") from error
        raise UserError(f"port {port} cannot be opened: {error.strerror}") from error


@cache
def _of_a_run() -> str:
    """What a run's page may do: in a sandbox of its own it may copy text, by just that script."""
    script = inline_script("copy.js").source
    return f"{_NOTHING_BUT}script-src {script}; style-src 'unsafe-inline'; sandbox allow-downloads allow-scripts"


class _Refusal(RequestHandler):
    """Answers that there is nothing; the base of what is there."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def initialize(self, store: Store, port: int) -> None:
        self._store, self._port = store, port

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Security-Policy", _of_a_run())

    def prepare(self) -> None:
        # A page elsewhere may have its own name point here: what it asks for names that host.
        if not is_own_host(self.request.host, self._port):
            raise HTTPError(421, reason="Misdirected Request")

    async def get(self, path: str = "") -> None:
        raise HTTPError(404)

    head = get

    def compute_etag(self) -> None:
        return None

    def write_error(self, status_code: int, **_: Any) -> None:
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{status_code} {self._reason}\n")


class _File(_Refusal):
    """A file of the store."""

    async def get(self, path: str = "") -> None:
        name = f"{path}{_INDEX}" if not path or path.endswith("/") else path
        if not is_servable(self._store, name):
            raise HTTPError(404)
        try:
            content = await asyncio.to_thread(self._store.read, name)
        except FileNotFoundError:
            raise HTTPError(404) from None
        except Unavailable as error:
            raise HTTPError(503) from error
        if name == _INDEX or name.startswith("_site/"):
            self.set_header("Content-Security-Policy", _OF_THE_SITE)
        self.set_header("Content-Type", media_type(name))
        self.finish(content)

    head = get


class _Metrics(_Refusal):
    """What Prometheus scrapes."""

    def initialize(self, store: Store, port: int, metrics: Callable[[], bytes] | None = None) -> None:
        super().initialize(store, port)
        self._metrics = metrics

    async def get(self, path: str = "") -> None:
        assert self._metrics is not None
        try:
            text = await asyncio.to_thread(self._metrics)
        except Unavailable as error:
            raise HTTPError(503) from error
        self.set_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.finish(text)

    head = get


def is_own_host(host: str, port: int) -> bool:
    """Whether a request's ``Host`` names this machine's own server; a browser leaves port 80 out."""
    name, _, number = host.lower().partition(":")
    return name in (LOOPBACK, "localhost") and (number or "80") == str(port)


def is_servable(store: Store, name: str) -> bool:
    """Whether the name is of a file of the archive, and of nothing beside or behind it."""
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part == "" or part.startswith(".") for part in parts):
        return False
    protocol, _, folder = store.address().rpartition("://")
    if protocol and not protocol.endswith(("file", "local")):
        return True
    root = Path(folder).resolve()
    try:
        path = (root / name).resolve()
        return path.is_relative_to(root) and path.is_file()
    except OSError:  # such as a name that is too long
        return False
