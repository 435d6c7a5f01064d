"""A reader at a shell: the blocks of a page, one after the other, in a folder that looks like a checkout."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from lib.places import ROOT
from tests import warm
from tests.docs.pages import Block

# The tests' own environment stands in for what these set up.
_SETS_UP = {"git", "make", "pip", "pipx", "source", "uv"}
_EXITS = re.compile(r"#.*\b(?:exits? (?P<code>\d)|FAIL)\b")
_NEEDS_A_SHELL = re.compile(r"[|&;<>$`~*?\\]")
# What a reader copies from the plan that was shown last.
_COPIED = {
    "DIGEST": re.compile(r"(?:--plan |plan=)([0-9a-f]{12}-\w+-\w+)"),
    "DATE": re.compile(r"repair apply --date ([\d-]+)"),
}
_EXPORTS = re.compile(r"^export (RUNBOOK_\w+)=(.+)$", re.MULTILINE)
_ENDED = 'trap \'env -0 > "$ENDED/env"; pwd > "$ENDED/folder"\' EXIT\n'


@dataclass
class Session:
    """A shell whose folder and variables last from one command to the next.

    Attributes:
        root: Where it begins; made to look like a checkout.
        said: What all commands have printed.
    """

    root: Path
    said: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.root / "checkout"
        for name in ("params", "notebooks", "examples"):
            shutil.copytree(ROOT / name, self.folder / name)
        commands = self.root / "bin"
        commands.mkdir()
        for name, module in (("runbook", "-m lib.cli"), ("python", ""), ("python3", "")):
            (commands / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module} "$@"\n')
            (commands / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOK_")}
        path = os.pathsep.join([str(commands), kept["PATH"]])
        self.variables = {**kept, "PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        self.variables["ENDED"] = str(commands)

    def run(self, block: Block) -> None:
        """Run a block as its reader would; each line ends with exit code 0, or with that in its comment.

        ``DIGEST`` and ``DATE`` are those of the plan that was shown last. Printed lines that export variables are
        entered, as the pages say.
        """
        lines = [block.text] if "<<" in block.text else block.lines
        for line in lines:
            code, output = self._run(line)
            self.said += output
            self.variables |= {name: shlex.split(place)[0] for name, place in _EXPORTS.findall(output)}
            found = _EXITS.search(line)
            expected = int(found["code"] or 1) if found else 0
            assert code == expected, f"{block.place}: {line}\nexit {code}, not {expected}\n{output}"

    def _run(self, line: str) -> tuple[int, str]:
        for name, pattern in _COPIED.items():
            shown = pattern.findall(self.said)
            line = re.sub(rf"\b{name}\b", shown[-1], line) if shown else line
        command = Template(re.split(r"\s#\s", line)[0]).safe_substitute(self.variables)
        words = [] if _NEEDS_A_SHELL.search(command) else shlex.split(command)
        if words and words[0] in _SETS_UP:
            return 0, ""
        if words and words[0] == "runbook":
            done = warm.run([sys.executable, "-m", "lib.cli", *words[1:]], env=self.variables, cwd=str(self.folder))
        else:
            bash = ["bash", "-euo", "pipefail", "-c", _ENDED + line]
            done = subprocess.run(
                bash, env=self.variables, cwd=self.folder, capture_output=True, text=True, check=False
            )
            ended = Path(self.variables["ENDED"])
            pairs = (each.partition("=") for each in (ended / "env").read_text().split("\0") if each)
            self.variables = {name: value for name, _, value in pairs}
            self.folder = Path((ended / "folder").read_text().strip())
        return done.returncode, done.stdout + done.stderr
