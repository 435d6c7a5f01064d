"""`runbook site serve` over a real socket: it serves only the archive's files, and only to this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.archive.archive import Archive
from lib.site.build import build_site
from lib.site.server import is_own_host
from lib.words.pages import inline_script
from tests.site.runs import START, archive_run, record
from tests.site.serving import serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a secret next to it, and links to the secret."""
    home = tmp_path_factory.mktemp("home")
    (home / "secret.html").write_text("the secret")
    folder = home / "outputs"
    archive = Archive(folder)
    place = archive_run(archive, record())
    archive.store.write(f"{place}/report.html", b"<script>alert(1)</script>")
    build_site(archive, now=START)
    (folder / "link.html").symlink_to(home / "secret.html")
    (folder / "links").symlink_to(home)
    (folder / "inside.html").symlink_to(folder / "index.html")
    (folder / ".hidden.html").write_text("the secret")
    os.mkfifo(folder / "pipe.html")
    return folder


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    with serving(str(folder)) as (_, port):
        yield port


def answer(port: int, target: str, method: str = "GET", host: str | None = None) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of a raw request, because a client library would normalize the path."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        request = f"{method} {target} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{port}'}\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode("latin-1"))
        received = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
    head, _, body = received.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    return int(status.split()[1]), dict(line.lower().split(": ", 1) for line in lines), body


@pytest.mark.parametrize(
    "target",
    [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/_site/..%2f..%2fsecret.html",
        "/_site/../../secret.html",
        "/..%5csecret.html",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/C:%5csecret.html",
        "/index.html%00.png",
        "/link.html",
        "/links/secret.html",
        "/.hidden.html",
        "/pipe.html",
        "/_site",
        "/_site/",
        "/nothing.html",
        "/%ff%fe",
        "/" + "a" * 5_000,
        "http://127.0.0.1/secret.html",
        "*",
    ],
)
def test_files_outside_the_archive_are_refused(port: int, target: str) -> None:
    status, headers, body = answer(port, target)
    assert status in (400, 404)
    assert "secret" not in body
    assert "server" not in headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example"])
def test_names_of_other_machines_are_refused(port: int, host: str) -> None:
    status, _, body = answer(port, "/", host=host)
    assert status == 421
    assert "Consolidation" not in body


@pytest.mark.parametrize(
    ("host", "port", "is_own"),
    [
        ("127.0.0.1", 80, True),
        ("localhost", 80, True),
        ("LocalHost:80", 80, True),
        ("127.0.0.1", 8000, False),
        ("127.0.0.1:8000", 80, False),
        ("evil.example", 80, False),
        ("127.0.0.1:80:80", 80, False),
        ("", 80, False),
    ],
)
def test_a_host_without_a_port_is_port_80(host: str, port: int, *, is_own: bool) -> None:
    assert is_own_host(host, port) is is_own


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_nothing_can_be_changed(port: int, method: str) -> None:
    assert answer(port, "/index.html", method)[0] in (400, 405)


def test_site_runs_its_own_script_only_and_reports_only_the_one_that_copies(port: int, folder: Path) -> None:
    status, headers, body = answer(port, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Consolidation runbooks" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert headers["cache-control"] == "no-store"

    (report,) = folder.glob("local/*/*/report.html")
    status, headers, _ = answer(port, f"/{report.relative_to(folder)}")
    assert status == 200
    scripts = re.findall("script-src ([^;]*);", headers["content-security-policy"])
    assert scripts == [inline_script("copy.js").source.lower()]
    assert "allow-same-origin" not in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "sandbox" in headers["content-security-policy"]

    for name, kind in {
        "ages.js": "text/javascript",
        "style.css": "text/css",
        "feed.xml": "application/atom+xml",
    }.items():
        assert answer(port, f"/_site/{name}")[1]["content-type"].startswith(kind)
    assert answer(port, "/inside.html")[0] == 200
    status, headers, body = answer(port, "/index.html", "HEAD")
    assert (status, body) == (200, "")
    assert int(headers["content-length"]) > 1_000


def test_any_store_is_served(folder: Path) -> None:
    with serving(f"local://{folder}") as (_, port):
        assert answer(port, "/index.html")[0] == 200
        assert answer(port, "/inside.html")[0] == 200
        for target in ("/../secret.html", "/link.html", "/links/secret.html", "/pipe.html"):
            assert answer(port, target)[0] == 404


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_on_a_signal(folder: Path, number: int) -> None:
    with serving(str(folder)) as (process, port):
        idle = socket.create_connection(("127.0.0.1", port))
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        idle.close()
    assert (process.returncode, errors) == (0, "")


def test_port_in_use_is_one_line(folder: Path, port: int) -> None:
    command = [sys.executable, "-m", "lib.cli", "site", "serve", "--port", str(port)]
    result = subprocess.run(
        command, env={**os.environ, "RUNBOOK_OUTPUTS": str(folder)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr == f"runbook: port {port} is in use; choose another with --port\n"
