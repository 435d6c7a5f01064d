"""Executing and rendering five runbooks, compared with papermill and nbconvert; and one, compared with a script."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter

from bench.batch import DAY, Batch
from bench.measure import Sample, Side, command
from bench.result import Difference, Ratio, Result, compared, within
from bench.setting import RUNBOOK, Setting
from lib.places import ROOT

FIVE = ("deploy_verify", "day1_monitoring", "duplicate_diagnosis", "stuck_lock_release", "week2_performance_review")
_BIN = Path(sys.executable).parent
_NOTEBOOKS = ROOT / "notebooks"
_MANY = (
    "a run opens the file nine times, because it must not keep it open, and with 6,000 tables DuckDB needs 0.8 s each "
    "time; most of the rest is planning 120 statements over 200 tables each"
)
_FIVE = "the rest are the kernels: starting one and importing what its cells use is most of a run"
_ONE = "the runner's imports before it starts the kernel, and the files that it syncs to disk after the last cell"
_BARE_KERNEL = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
client.execute_interactive("pass")
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
_FAIL_IS_AN_ANSWER = (0, 1)
_USUAL_NIGHT = """
from lib import places
from rehearsal.drills.rehearsal import find_drill
from rehearsal.drills.stage import Stage
from rehearsal.history import write_history
stage = Stage(places.home())
write_history(stage.platform, stage.today)
find_drill("usual_night").set_up(stage)
"""


def results(setting: Setting) -> Iterator[Result]:
    _play_a_usual_night(setting)
    names = FIVE[:2] if setting.quick else FIVE
    yield compared(
        f"{len(names)} runbooks, executed and rendered",
        "`papermill` and `jupyter nbconvert`, one after another",
        Ratio(1 / 6),
        partial(_all_ours, setting, names),
        partial(_all_theirs, setting, names),
        rounds=1 if setting.quick else 3,
        why=_FIVE,
    )
    yield compared(
        f"one runbook, `{FIVE[1]}`",
        "the same calls as a plain script, followed by starting a bare kernel",
        Difference(0.2),
        partial(_run, setting, FIVE[1]),
        partial(_script_and_bare_kernel, setting, _script(setting, FIVE[1])),
        rounds=setting.rounds(5),
        why=_ONE,
    )
    if not setting.quick:
        yield within(f"`{FIVE[1]}` with 6,000 staging tables", 15.0, Side([_with_many_tables(setting)]), why=_MANY)


def _with_many_tables(setting: Setting) -> Sample:
    home = Batch(setting.folder / "many", 60_000, 6_000).make().folder
    arguments = [RUNBOOK, "run", FIVE[1], "-p", f"date={DAY}"]
    return command(arguments, variables={**setting.variables, "RUNBOOK_HOME": str(home)}, expected=(0, 1, 3))


def _play_a_usual_night(setting: Setting) -> None:
    command([sys.executable, "-c", _USUAL_NIGHT], variables=setting.variables)


def _all_ours(setting: Setting, names: Sequence[str]) -> Sample:
    """Run one runbook per core at a time, each in a separate process."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _together(lambda: list(pool.map(partial(_run, setting), names)))


def _run(setting: Setting, name: str) -> Sample:
    return command([RUNBOOK, "run", name], variables=setting.variables, expected=_FAIL_IS_AN_ANSWER)


def _all_theirs(setting: Setting, names: Sequence[str]) -> Sample:
    return _together(lambda: [_with_papermill(setting, name) for name in names])


def _with_papermill(setting: Setting, name: str) -> Sample:
    executed = setting.folder / f"{name}.ipynb"
    execute = [str(_BIN / "papermill"), str(_NOTEBOOKS / f"{name}.ipynb"), str(executed), "--cwd", str(_NOTEBOOKS)]
    first = command(execute, variables=setting.variables)
    render = [str(_BIN / "jupyter"), "nbconvert", "--to", "html", str(executed), "--log-level", "ERROR"]
    second = command(render, variables=setting.variables)
    return max(first, second, key=lambda sample: sample.peak_mb)


def _together(work: Callable[[], Sequence[Sample]]) -> Sample:
    started = perf_counter()
    samples = work()
    return Sample(perf_counter() - started, max(sample.peak_mb for sample in samples))


def _script_and_bare_kernel(setting: Setting, script: Path) -> Sample:
    """Run both one after the other; the runner can overlap them, so it may be faster."""
    commands = ([str(script)], ["-c", _BARE_KERNEL])
    return _together(
        lambda: [
            command([sys.executable, *arguments], variables=setting.variables, cwd=_NOTEBOOKS) for arguments in commands
        ]
    )


def _script(setting: Setting, name: str) -> Path:
    """Write the notebook's code as a script, cell by cell."""
    cells = json.loads((_NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    path = setting.folder / f"{name}.py"
    path.write_text("\n\n".join(["display = print", *code]), encoding="utf-8")
    return path
