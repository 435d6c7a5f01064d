"""A process is searched for only on its own machine, and in the same start of its container."""

from __future__ import annotations

import subprocess
import sys

import pytest

from lib.archive.machine import is_gone, this_machine
from lib.places import ROOT

_CODE = "from lib.archive.machine import this_machine; print(this_machine())"
_CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", sys.executable, "-c", _CODE)


def test_a_process_that_ended_here_is_gone() -> None:
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as process:
        assert not is_gone(this_machine(), process.pid)
    assert is_gone(this_machine(), process.pid)
    assert not is_gone("elsewhere", process.pid)
    here = subprocess.run([sys.executable, "-c", _CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert here.stdout.strip() == this_machine()


def test_a_restarted_container_is_another_machine() -> None:
    try:
        starts = [subprocess.run(_CONTAINER, cwd=ROOT, capture_output=True, text=True, check=True) for _ in range(8)]
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no process namespace of one's own: {error}")
    names = {start.stdout.strip() for start in starts}
    assert len({*names, this_machine()}) == len(starts) + 1
