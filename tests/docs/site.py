"""The documentation site: ``python -m tests.docs.site [OUTPUTS]`` builds it into site/, with a demo's reports in it.

Without OUTPUTS the demo is replayed for it: the reports in ``outputs/`` may be those of a real pipeline, and a site is
made to be shown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.places import ROOT
from tests.house.pictures import replay

CONFIG = "zensical.toml"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def build(root: Path = ROOT) -> Path:
    """Build the pages of a checkout; returns the site's folder.

    Raises:
        ValueError: There is a warning, such as a dead link; says which.
    """
    zensical = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    done = subprocess.run(zensical, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(_COLOUR.sub("", done.stdout + done.stderr))
    return root / "site"


def with_demo(site: Path, outputs: Path) -> None:
    """Put the reports of an archive into the site."""
    shutil.rmtree(site / "demo", ignore_errors=True)
    shutil.copytree(outputs, site / "demo")


if __name__ == "__main__":
    with TemporaryDirectory() as replayed:
        outputs = Path(sys.argv[1]) if len(sys.argv) > 1 else replay(Path(replayed))
        built = build()
        with_demo(built, outputs)
    print(f"Open {built / 'index.html'}")
