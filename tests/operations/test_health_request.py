"""A health endpoint's answer is taken as it is, and what was sent to it goes nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.operations.health_request import request_health


class _Elsewhere(BaseHTTPRequestHandler):
    """Sends every visitor on, and notes who comes with a token."""

    tokens: list[str]

    def do_GET(self) -> None:
        self.tokens.append(f"{self.path} {self.headers.get('Authorization')}")
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    _Elsewhere.tokens = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_redirect_is_an_answer_and_takes_no_token_along(address: str) -> None:
    response = request_health(f"{address}/health", timeout_seconds=10, headers={"Authorization": "Bearer canary"})
    assert response.status_code == 302
    assert _Elsewhere.tokens == ["/health Bearer canary"]
