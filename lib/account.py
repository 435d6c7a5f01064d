"""Who this process belongs to, as the operating system knows it."""

from __future__ import annotations

import os
import pwd


def account() -> str:
    """The account's name; ``uid N`` where it has none.

    Not `getpass.getuser`: that believes ``$LOGNAME`` and ``$USER``, which anyone can set.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
