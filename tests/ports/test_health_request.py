"""A health endpoint's answer is returned unchanged, and the request is not forwarded."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from lib.ports.health_request import request_health


class _Elsewhere(BaseHTTPRequestHandler):
    """Redirects every request, and records requests with a token."""

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


def test_a_redirect_is_an_answer_and_does_not_get_the_token(address: str) -> None:
    response = request_health(f"{address}/health", timeout_seconds=10, headers={"Authorization": "Bearer canary"})
    assert response.status_code == 302
    assert _Elsewhere.tokens == ["/health Bearer canary"]


@pytest.fixture
def dripping() -> Iterator[Callable[[bytes, bytes], str]]:
    """Sends a beginning, then one byte at a time until the test ends."""
    done, threads, servers = threading.Event(), [], []

    def serve(server: socket.socket, beginning: bytes, drop: bytes) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            try:
                connection.sendall(beginning)
                for _ in range(300):
                    if done.wait(0.01):
                        return
                    connection.sendall(drop)
            except OSError:
                return

    def start(beginning: bytes, drop: bytes) -> str:
        servers.append(socket.create_server(("127.0.0.1", 0)))
        threads.append(threading.Thread(target=serve, args=(servers[-1], beginning, drop)))
        threads[-1].start()
        return f"http://127.0.0.1:{servers[-1].getsockname()[1]}/health"

    yield start
    done.set()
    for thread, server in zip(threads, servers, strict=True):
        thread.join()
        server.close()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [(OK[:5], b"O"), (OK + b"X-Long: ", b"x"), (OK + b"\r\n", b" "), (b"HTTP/1.1 503 No\r\n\r\n", b" ")],
    ids=["status", "header", "body", "body of an error"],
)
def test_a_slow_answer_does_not_exceed_the_limit(
    dripping: Callable[[bytes, bytes], str], beginning: bytes, drop: bytes
) -> None:
    response = request_health(dripping(beginning, drop), timeout_seconds=0.2)
    assert (response.status_code, response.error) == (None, "no answer within 0.2s")


def test_an_endless_answer_is_cut_with_an_error(dripping: Callable[[bytes, bytes], str]) -> None:
    response = request_health(dripping(OK + b"\r\n", b"x" * 20_000), timeout_seconds=30)
    assert (response.status_code, response.error) == (None, "the answer is longer than 1,000,000 bytes")
