"""An unreachable or invalid archive is reported in one clear line within seconds, and no run is started."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from click.testing import CliRunner

from lib.cli import cli
from tests import warm

COMMANDS = (["runs", "list"], ["run", "day1_monitoring"])


def answer(words: list[str], **variables: str) -> tuple[int, str]:
    """Run a command in a process that has not opened a bucket before and has short timeouts."""
    code = "import lib.archive.fsspec_store as store; store._FIRST_ANSWER_SECONDS = 0.5; import lib.cli; lib.cli.main()"
    environ = {**os.environ, "RUNBOOK_OUTPUTS": "gs://some-bucket/prefix", **variables}
    process = warm.run([sys.executable, "-c", code, *words], env=environ)
    assert process.stdout == ""
    return process.returncode, process.stderr


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accept every connection and never respond."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_server() -> str:
    """The address of a port without a server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_missing_credentials_are_reported_at_once(words: list[str], tmp_path: Path) -> None:
    code, output = answer(words, GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path / "none.json"))
    assert code == 3
    assert output.startswith("runbook: 'gs://some-bucket/prefix' cannot be opened: File ")
    assert output.count("\n") == 1


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("server", ["silent_server", "closed_server"])
def test_a_server_that_does_not_respond_is_not_waited_for(
    words: list[str], server: str, request: pytest.FixtureRequest
) -> None:
    code, output = answer(words, STORAGE_EMULATOR_HOST=request.getfixturevalue(server))
    assert code == 3
    assert output.endswith("its server does not respond\n")
    assert output.count("\n") == 1


@pytest.fixture
def server_without_buckets() -> Iterator[str]:
    class Storage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("words", [*COMMANDS, ["runs", "verify"], ["runs", "prune", "--keep-last", "1"]], ids=" ".join)
def test_a_missing_bucket_is_not_an_empty_archive(words: list[str], server_without_buckets: str) -> None:
    code, output = answer(words, STORAGE_EMULATOR_HOST=server_without_buckets)
    assert code == 3
    assert output.endswith(": the bucket does not exist\n")
    assert output.count("\n") == 1


@pytest.fixture
def server_that_falls_silent() -> Iterator[str]:
    """Report an empty prefix, but do not respond about the bucket itself."""
    is_over = Event()

    class Storage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "prefix" in self.path.replace("prefix=&", ""):
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                is_over.wait()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    is_over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_bucket_that_cannot_be_checked_is_not_an_empty_archive(server_that_falls_silent: str) -> None:
    code, output = answer(["runs", "list"], STORAGE_EMULATOR_HOST=server_that_falls_silent)
    assert code == 3
    assert output.endswith("its server does not respond\n")
    assert output.count("\n") == 1


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("foo://bucket/x", "Protocol not known: foo"),
        ("GS://bucket/x", "Protocol not known: GS"),
        ("gs:/bucket/x", "write a folder, or a URL such as gs://bucket/prefix"),
        ("gs:bucket", "write a folder, or a URL such as gs://bucket/prefix"),
        ("file:/folder", "write a folder, or a URL such as gs://bucket/prefix"),
        ("gs://", "'' is not a valid bucket name; write gs://bucket/prefix"),
        ("gs:///bucket/x", "'' is not a valid bucket name; write gs://bucket/prefix"),
        ("gs://My Bucket/x", "'My Bucket' is not a valid bucket name; write gs://bucket/prefix"),
        ("gcs://b", "'b' is not a valid bucket name; write gs://bucket/prefix"),
    ],
)
def test_an_invalid_place_is_refused(
    words: list[str], place: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_OUTPUTS", place)
    result = CliRunner().invoke(cli, words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"runbook: {place!r} cannot be an archive: {reason}\n"
