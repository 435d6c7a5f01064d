"""The double as an HTTP server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import duckdb
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.gcp.bigquery.double import uploads
from tests.gcp.bigquery.double.api import Api
from tests.gcp.bigquery.double.catalogue import Catalogue
from tests.gcp.bigquery.double.faults import BREAKS, ApiError, Fault
from tests.gcp.bigquery.double.jobs import Jobs

Answer = tuple[int, dict[str, str], dict[str, Any]]


class BigqueryDouble:
    """A server on a free port; `with BigqueryDouble() as double: …`.

    Attributes:
        requests: ``METHOD /path`` of each request, in order of arrival.
        faults: Faults of requests.
        jobs: The jobs, with the faults of statements.
    """

    def __init__(self, project: str = "test", location: str = "US", breaks: Collection[str] = ()) -> None:
        assert BREAKS.keys() >= set(breaks)
        self.project = project
        self.requests: list[str] = []
        self.faults: list[Fault] = []
        self._on_request: list[tuple[str, Callable[[], object]]] = []
        self._connection = duckdb.connect()
        self.catalogue = Catalogue(project, self._connection, location)
        self.jobs = Jobs(self.catalogue, breaks)
        self.api = Api(self.catalogue, self.jobs)
        self.sessions = uploads.Sessions()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> BigqueryDouble:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self.jobs.close()
        self._server.server_close()
        self._thread.join()
        self._connection.close()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def on_request(self, pattern: str, do: Callable[[], object]) -> None:
        """Call a function before each matching request is answered."""
        self._on_request.append((pattern, do))

    def awaited(self, pattern: str) -> threading.Event:
        """Return an event that is set when the next matching request arrives."""
        seen = threading.Event()
        self.on_request(pattern, seen.set)
        return seen

    def note(self, request: str) -> Fault | None:
        """Return the fault that applies to a request, if any."""
        self.requests.append(request)
        for pattern, do in self._on_request:
            if re.search(pattern, request):
                do()
        return next((fault for fault in self.faults if fault.strikes(request)), None)

    def client(self, location: str | None = None) -> bigquery.Client:
        return client(self.project, self.address, location)

    def sql(self, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run SQL directly in DuckDB, bypassing the emulation."""
        cursor = self._connection.cursor()
        cursor.execute("SET TimeZone = 'UTC'")
        return cursor.execute(statement, parameters).fetchall()


def client(project: str, address: str, location: str | None = None) -> bigquery.Client:
    """Return the real client, without credentials."""
    return bigquery.Client(
        project=project,
        credentials=AnonymousCredentials(),
        location=location,
        client_options=ClientOptions(api_endpoint=address),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True

    def __init__(self, double: BigqueryDouble) -> None:
        self.double = double
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    """Uses HTTP/1.0, with a connection per request, so that none is left open at the end."""

    server: _Server

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def _serve(self, method: str) -> None:
        double = self.server.double
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = double.note(f"{method} {urlsplit(self.path).path}")
        try:
            if fault and not fault.answer_lost:
                raise fault.error
            answer = self._answer(method, body)
        except ApiError as error:
            answer = (error.status, {}, error.body)
        if not (fault and fault.answer_lost):
            self._send(*answer)

    def _answer(self, method: str, body: bytes) -> Answer:
        double = self.server.double
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if "uploadType" in query:
            return self._upload(method, query, body)
        described = json.loads(body) if body else {}
        return 200, {}, double.api.answer(method, parts.path, query, described)

    def _upload(self, method: str, query: dict[str, str], body: bytes) -> Answer:
        double = self.server.double
        if query["uploadType"] == "multipart":
            described, content = uploads.multipart(self.headers["Content-Type"], body)
            return 200, {}, double.jobs.insert(described, content).resource
        if method == "POST":
            session_id = double.sessions.begin(json.loads(body))
            place = f"{double.address}{urlsplit(self.path).path}?uploadType=resumable&upload_id={session_id}"
            return 200, {"Location": place}, {}
        received = double.sessions.receive(query["upload_id"], self.headers["Content-Range"], body)
        if isinstance(received, int):
            return 308, {"Range": f"bytes=0-{received - 1}"}, {}
        return 200, {}, double.jobs.insert(received.described, bytes(received.content)).resource

    def _send(self, status: int, headers: dict[str, str], body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
