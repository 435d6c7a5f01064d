"""Run spin: translate, compile, search, and describe a counterexample in words."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from proof.model.configurations import Configuration

MODEL = Path(__file__).parent / "lock_and_fence.pml"
_CLAIM = "everything_is_consolidated"
_STATES = re.compile(r"(\d+) states, stored")
_ERRORS = re.compile(r"errors: (\d+)")
_VIOLATION = re.compile(r"pan:1: (.*?)(?: \(at depth \d+\))?$", re.MULTILINE)


@dataclass(frozen=True)
class Search:
    """The result of an exhaustive search.

    Attributes:
        states: Number of different states, up to the violation if there is one.
        violation: What was violated; empty if nothing in all states.
        story: The events that lead to the violation, one per line.
    """

    configuration: Configuration
    states: int
    violation: str
    story: tuple[str, ...]

    @property
    def is_as_expected(self) -> bool:
        breaks = self.configuration.breaks
        return breaks.replace(" ", "") in self.violation.replace(" ", "") if breaks else not self.violation


def missing_tools() -> list[str]:
    """Return the required programs that are not installed."""
    return [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]


def search(configuration: Configuration) -> Search:
    """Check every state that the model can reach; for a violation, find a short path to it.

    Raises:
        RuntimeError: The search did not complete.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        defined = [f"-D{switch}" for switch in configuration.switches]
        _run(["spin", "-a", *defined, str(MODEL)], place)
        kind = [] if configuration.liveness else ["-DSAFETY", "-DNOCLAIM"]
        # Optimising takes longer than searching the few states before a violation.
        optimised = "-O0" if configuration.breaks or configuration.liveness else "-O2"
        _run(["gcc", optimised, "-w", "-DCOLLAPSE", "-DNFAIR=3", *kind, "-o", "pan", "pan.c"], place)
        options = ["-a", "-f", "-N", _CLAIM] if configuration.liveness else ["-i"] if configuration.breaks else []
        output = _run(["./pan", "-m1000000", *options], place)
        errors, states = _ERRORS.search(output), _STATES.search(output)
        if errors is None or states is None or "max search depth too small" in output:
            raise RuntimeError(f"the search of {configuration.title!r} did not complete: {output[:500]}")
        violated = _VIOLATION.findall(output)
        story = _story(place, defined) if int(errors.group(1)) else ()
        return Search(configuration, int(states.group(1)), violated[0] if violated else "", story)


def _story(place: Path, defined: list[str]) -> tuple[str, ...]:
    shutil.copy(place / f"{MODEL.name}.trail", place / "trail")
    output = _run(["spin", "-t", "-k", "trail", *defined, str(MODEL)], place)
    lines = [line.strip() for line in output.splitlines()]
    return tuple(line for line in lines if re.match(r"(coordinator|the operator|the lease)", line))


def _run(command: list[str], place: Path) -> str:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    if done.returncode and command[0] != "./pan" and command[1] != "-t":
        raise RuntimeError(f"{' '.join(command)} failed: {output[:500]}")
    return output
