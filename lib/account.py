"""The operating system account that owns this process, and the machine it runs on."""

from __future__ import annotations

import os
import pwd
import socket


def account() -> str:
    """Return the account's name, or ``uid N`` if it has none.

    `getpass.getuser` is not used: it trusts ``$LOGNAME`` and ``$USER``, which anyone can set.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def host() -> str:
    """Return ``NAME:PROCESS``. On Cloud Run, where all machines have one name, NAME is the revision."""
    return f"{os.environ.get('K_REVISION') or socket.gethostname()}:{os.getpid()}"
