"""Run a command and write its seconds and peak memory in kilobytes to a file.

    python launch.py FILE COMMAND...

This process is small on purpose, because the peak memory of a child includes what its parent had when starting it.
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
