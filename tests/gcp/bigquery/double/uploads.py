"""Load jobs with their content, in one request or in a session of several requests."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any


def multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the job and the file of a multipart upload."""
    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    described, content = message.get_payload()
    return json.loads(described.get_payload(decode=True)), content.get_payload(decode=True)


@dataclass
class Session:
    """A resumable upload."""

    described: Mapping[str, Any]
    content: bytearray = field(default_factory=bytearray)


@dataclass
class Sessions:
    """Resumable uploads in progress."""

    by_id: dict[str, Session] = field(default_factory=dict)

    def begin(self, described: Mapping[str, Any]) -> str:
        session_id = uuid.uuid4().hex
        self.by_id[session_id] = Session(described)
        return session_id

    def receive(self, session_id: str, content_range: str, chunk: bytes) -> Session | int:
        """Return the session if it is complete, otherwise the number of bytes received."""
        session = self.by_id[session_id]
        session.content += chunk
        total = re.search(r"/(\d+)$", content_range)
        if total and len(session.content) == int(total[1]):
            return session
        return len(session.content)
