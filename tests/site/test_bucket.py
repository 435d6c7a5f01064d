"""A site in a Google Cloud bucket: pages have their content types, and browsers check for newer versions."""

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


def test_a_bucket_gets_the_content_type_of_each_file(monkeypatch: pytest.MonkeyPatch) -> None:
    uploaded: dict[str, dict[str, Any]] = {}

    class Storage(BaseHTTPRequestHandler):
        """Emulates the one-request upload of Cloud Storage's JSON API."""

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
    GCSFileSystem.clear_instance_cache()  # cached instances keep their first address
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
