"""Runs a command and writes what it took: seconds, and the kilobytes that it held at most.

    python launch.py FILE COMMAND...

From a process as small as this one, because what a process holds counts from what
its parent held when it started it.
"""

from __future__ import annotations

import os
import sys
from time import perf_counter

started = perf_counter()
process = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(process, 0)
with open(sys.argv[1], "w") as file:
    file.write(f"{perf_counter() - started} {usage.ru_maxrss}")
sys.exit(os.waitstatus_to_exitcode(status))
