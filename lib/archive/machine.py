"""Identifies this machine, and whether one of its processes has ended.

The host name is not enough: every container of Cloud Run is ``localhost``, and a process of one must not be
searched for in another. A restarted container counts as another machine, because it reuses process ids.
"""

from __future__ import annotations

import os
import platform
import uuid
from functools import cache
from hashlib import sha256
from pathlib import Path

# Identify a Cloud Run task; machines started from one snapshot may have everything else in common.
_EXECUTION = ("CLOUD_RUN_EXECUTION", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_ATTEMPT")


@cache
def this_machine() -> str:
    """Return a name that is unique to this start of the machine or container; it begins with the host name."""
    parts = [os.environ.get(name, "") for name in _EXECUTION]
    if platform.system() == "Linux":
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            # A namespace's number is reused after its container has ended.
            parts += [boot, str(os.stat("/proc/self/ns/pid").st_ino), _start_of_first_process()]
        except OSError:
            parts.append(uuid.uuid4().hex)  # nothing identifies the machine, so treat it as a new one
    return f"{platform.node()}-{sha256('/'.join(parts).encode()).hexdigest()[:8]}"


def _start_of_first_process() -> str:
    """Return when the container started, in ticks since the machine booted; empty if that is hidden."""
    try:
        status = Path("/proc/1/stat").read_bytes()
    except OSError:  # /proc may show only a user's own processes
        return ""
    # proc_pid_stat(5): field 22. Field 2 is a name that may contain blanks and parentheses.
    return status.rpartition(b")")[2].split()[19].decode()


def is_gone(machine: str, pid: int) -> bool:
    """Return whether a process of this machine has ended; False for other machines, where that is unknown."""
    if machine != this_machine():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # another user's process
    return False
