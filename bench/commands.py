"""Start-up time of the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial

from bench.measure import command
from bench.result import Difference, Result, compared
from bench.setting import RUNBOOK, Setting


def results(setting: Setting) -> Iterator[Result]:
    nothing = partial(command, [sys.executable, "-c", "pass"])
    for arguments in (["--help"], ["list"]):
        yield compared(
            f"`runbook {arguments[0]}`",
            "`python -c pass`",
            Difference(0.3),
            partial(command, [RUNBOOK, *arguments], variables=setting.variables),
            nothing,
            rounds=setting.rounds(11),
        )
