"""A site in a bucket of Google Cloud: browsers are told that its pages are pages, and to look for newer ones."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from gcsfs import GCSFileSystem

from lib.archive.archive import open_store

KINDS = {
    "index.html": "text/html; charset=utf-8",
    "_site/style.css": "text/css; charset=utf-8",
    "_site/search.js": "text/javascript; charset=utf-8",
    "_site/feed.xml": "application/atom+xml; charset=utf-8",
}


def test_bucket_is_told_what_its_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: dict[str, dict[str, Any]] = {}

    class Storage(BaseHTTPRequestHandler):
        """Of Cloud Storage's JSON API, the upload in one request."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found = re.search(r"^\{.*?\}\s*$", body, re.MULTILINE)
            assert found
            about = json.loads(found.group())
            about["contentType"] = re.findall(r"Content-Type: ([^\r\n]*)", body)[-1]
            uploaded[about["name"]] = about
            answer = json.dumps({"name": about["name"], "generation": "1", "size": "1"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Storage)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    GCSFileSystem.clear_instance_cache()  # it takes the address of the first time
    try:
        store = open_store("gs://bucket/outputs")
        for name in KINDS:
            store.write(name, b"x")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        GCSFileSystem.clear_instance_cache()
    assert {name: uploaded[f"outputs/{name}"]["contentType"] for name in KINDS} == KINDS
    assert {about["cacheControl"] for about in uploaded.values()} == {"no-cache"}
