"""A real web server in place of notification services."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Inbox:
    """A web server that accepts every message posted to it, or gives a configured answer."""

    def __init__(self) -> None:
        self.posted: list[Any] = []
        self.paths: list[str] = []
        self.answer = 200
        self.body = b"ok"
        self.sends_on_to = ""
        self.hold = threading.Event()
        self.hold.set()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.posted.append(json.loads(body))
                inbox.paths.append(self.path)
                inbox.hold.wait(30)
                self.send_response(inbox.answer)
                if inbox.sends_on_to:
                    self.send_header("Location", inbox.sends_on_to)
                self.end_headers()
                self.wfile.write(inbox.body)

            def do_GET(self) -> None:
                inbox.posted.append("a redirect was followed")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self.server.server_port}"
