"""Measures two sides alternately, at the same time and on the same machine: medians, spread, ratio."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter

_LAUNCH = Path(__file__).with_name("launch.py")
_TIMED = """
from time import perf_counter
{before}
_started = perf_counter()
{measured}
_seconds = perf_counter() - _started
open({file!r}, "w").write(str(_seconds))
"""
_KILOBYTES_A_MEGABYTE = 1024


@dataclass(frozen=True)
class Sample:
    """One execution.

    Attributes:
        seconds: Wall-clock time, unless the row says CPU time.
        peak_mb: Peak memory of its process or of the largest child process; 0: not measured.
    """

    seconds: float
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Side:
    """All executions of one side."""

    samples: Sequence[Sample]

    @property
    def seconds(self) -> float:
        """The median."""
        return median(sample.seconds for sample in self.samples)

    @property
    def peak_mb(self) -> float:
        return max(sample.peak_mb for sample in self.samples)

    def __str__(self) -> str:
        times = [sample.seconds for sample in self.samples]
        peak = f", {self.peak_mb:.0f} MB" if self.peak_mb else ""
        spread = f" ({duration(min(times))} to {duration(max(times))})" if len(times) > 1 else ""
        return f"{duration(self.seconds)}{spread}{peak}"


Work = Callable[[], Sample]


def timed(work: Callable[[], object]) -> Sample:
    """Time a function in this process."""
    gc.collect()
    started = perf_counter()
    work()
    return Sample(perf_counter() - started)


def command(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    expected: Sequence[int] = (0,),
) -> Sample:
    """Time a command with additional environment variables.

    Raises:
        RuntimeError: The command exited with an unexpected code.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        taken = Path(folder) / "taken"
        done = subprocess.run(
            [sys.executable, "-S", str(_LAUNCH), str(taken), *arguments],
            env={**os.environ, **(variables or {})},
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode not in expected:
            said = done.stdout.decode("utf-8", "replace").strip()[-2000:]
            raise RuntimeError(f"{' '.join(arguments)!r:.200} exited with {done.returncode}: {said}")
        seconds, kilobytes = taken.read_text().split()
    return Sample(float(seconds), float(kilobytes) / _KILOBYTES_A_MEGABYTE)


def python(before: str, measured: str, *, variables: Mapping[str, str] | None = None) -> Sample:
    """Run Python code in a separate process and time only its second part, so without imports."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        file = Path(folder) / "seconds"
        code = _TIMED.format(before=before, measured=measured, file=str(file))
        sample = command([sys.executable, "-c", code], variables=variables)
        return replace(sample, seconds=float(file.read_text()))


def in_turn(ours: Work, theirs: Work, rounds: int) -> tuple[Side, Side]:
    """Measure both sides alternately for several rounds; they also take turns at going first."""
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    for number in range(rounds):
        for side in (0, 1) if number % 2 else (1, 0):
            samples[side].append((ours, theirs)[side]())
    return Side(samples[0]), Side(samples[1])


def duration(seconds: float) -> str:
    """Format a duration in a suitable unit."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s"
