"""Who this process belongs to, as the operating system knows it, and where it runs."""

from __future__ import annotations

import os
import pwd
import socket


def account() -> str:
    """The account's name; ``uid N`` where it has none.

    Not `getpass.getuser`: that believes ``$LOGNAME`` and ``$USER``, which anyone can set.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def host() -> str:
    """``NAME:PROCESS``; on Cloud Run, whose machines are all called alike, the revision is the name."""
    return f"{os.environ.get('K_REVISION') or socket.gethostname()}:{os.getpid()}"
