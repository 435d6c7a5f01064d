"""Which machine this is, and whether a process of it is gone.

A host's name does not tell: every container of Cloud Run is ``localhost``, and a process of one
must not be looked for in another. A container that is started again is another one: its processes
have the ids of those that are gone.
"""

from __future__ import annotations

import os
import platform
import uuid
from functools import cache
from hashlib import sha256
from pathlib import Path

# Of a task of Cloud Run; machines that come from one snapshot may share all else.
_EXECUTION = ("CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT")


@cache
def this_machine() -> str:
    """A name that no other machine or container has, nor an earlier start of it; it begins with the host's."""
    parts = [os.environ.get(name, "") for name in _EXECUTION]
    if platform.system() == "Linux":
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            # The number of a namespace is given again once its container has ended.
            parts += [boot, str(os.stat("/proc/self/ns/pid").st_ino), _start_of_first_process()]
        except OSError:
            parts.append(uuid.uuid4().hex)  # nothing is known to be the same one
    return f"{platform.node()}-{sha256('/'.join(parts).encode()).hexdigest()[:8]}"


def _start_of_first_process() -> str:
    """When the container was started, in ticks since the machine was; empty where that is hidden."""
    try:
        told = Path("/proc/1/stat").read_bytes()
    except OSError:  # /proc may show a user's own processes only
        return ""
    # proc_pid_stat(5): field 22; the second one is a name that may hold blanks and parentheses.
    return told.rpartition(b")")[2].split()[19].decode()


def is_gone(machine: str, pid: int) -> bool:
    """Whether the process was on this machine and is no longer; of another machine's nothing is known."""
    if machine != this_machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's
    return False
