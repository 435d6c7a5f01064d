"""Run the commands of a README in order, as its reader would."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lib.places import ROOT
from tests import warm

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "any verdict"
_CODES = {"PASS": 0, "WARN": 0, "FAIL": 1}


@dataclass(frozen=True)
class Command:
    """A command in a README.

    Attributes:
        line: The command as written, without its comment.
        comment: Its comment in the README.
    """

    line: str
    comment: str

    @property
    def verdict(self) -> str:
        """The verdict that the README promises, or ANY; empty if none."""
        word = self.comment.partition(":")[0]
        return word if word in (*_CODES, ANY) else ""


@dataclass
class Shell:
    """A folder with its environment variables.

    Attributes:
        folder: Where commands run; contains ``examples``, as a checkout does.
        output: What each command printed, by line.
    """

    folder: Path
    output: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "examples").symlink_to(ROOT / "examples")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOK_")}
        self.variables = {**kept, "PWD": str(self.folder), "PYTHONPATH": os.pathsep.join(["", *sys.path])}

    def run(self, command: Command) -> None:
        """Run the command, and check its exit code against the verdict in its comment."""
        name, *words = shlex.split(command.line)
        if name == "export":
            variable, _, value = words[0].partition("=")
            self.variables[variable] = value.replace("$PWD", str(self.folder))
            return
        if name == "pip":
            return  # installed in the tests' environment
        if name == "runbook":
            done = warm.run([sys.executable, "-m", "lib.cli", *words], env=self.variables, cwd=str(self.folder))
        else:
            line = command.line.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
            done = subprocess.run(
                ["sh", "-c", line], env=self.variables, cwd=self.folder, capture_output=True, text=True, check=False
            )
        self.output[command.line] = done.stdout + done.stderr
        if command.verdict != ANY:
            assert done.returncode == _CODES.get(command.verdict, 0), f"{command.line}\n{done.stdout}{done.stderr}"
            shown = rf'^{command.verdict} |"verdict": "{command.verdict}"'
            assert re.search(shown, done.stdout, re.MULTILINE) or not command.verdict, done.stdout


def commands_of(readme: Path) -> list[Command]:
    """Return the commands of the README's code block."""
    blocks = _BLOCK.findall(readme.read_text(encoding="utf-8"))
    lines = [re.split(r"\s+# ", line, maxsplit=1) for block in blocks for line in block.splitlines()]
    return [Command(line, "".join(comment)) for line, *comment in lines]
