"""Serves the archive to browsers on this machine: read-only, and only on the loopback address.

Files come from the archive's store, wherever that is. Files of runs are hostile input: their pages load
nothing, and the only script they can run is the one in reports that copies commands. Tornado is maintained
and comes with JupyterLab anyway; Python's own server warns against such use.
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
        store: The archive's store.
        port: The port; 0 takes any free one.
        ready: Called with the address, such as ``http://127.0.0.1:8000/``, once the server accepts requests.
        metrics: Returns the content of ``/metrics`` in Prometheus' text format; None: no such page.

    Raises:
        UserError: The port is not available.
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
        log_function=lambda _: None,  # requested paths are not safe to print in a terminal
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
            raise UserError(f"port {port} is in use; choose another with --port") from error
        raise UserError(f"port {port} cannot be opened: {error.strerror}") from error


@cache
def _of_a_run() -> str:
    """Return the policy for a run's pages: sandboxed, with only the script that copies text."""
    script = inline_script("copy.js").source
    return f"{_NOTHING_BUT}script-src {script}; style-src 'unsafe-inline'; sandbox allow-downloads allow-scripts"


class _Refusal(RequestHandler):
    """Responds that nothing exists; the base class of the other handlers."""

    SUPPORTED_METHODS = ("GET", "HEAD")

    def initialize(self, store: Store, port: int) -> None:
        self._store, self._port = store, port

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        self.set_header("Content-Security-Policy", _of_a_run())

    def prepare(self) -> None:
        # DNS rebinding: another site's name may point here, but its requests carry that name as host.
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
    """Serves a file of the store."""

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
    """Serves metrics to Prometheus."""

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
    """Return whether a request's ``Host`` is this server on this machine; browsers omit port 80."""
    name, _, number = host.lower().partition(":")
    return name in (LOOPBACK, "localhost") and (number or "80") == str(port)


def is_servable(store: Store, name: str) -> bool:
    """Return whether the name is a file in the archive, and not one that a link or ``..`` leads to outside it."""
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
    except OSError:  # for example a name that is too long
        return False
