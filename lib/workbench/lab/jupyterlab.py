"""Start JupyterLab on the folder of working copies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lib import places
from lib.runbooks.kernel import search_path
from lib.workbench.lab.folder import START, LabFolder
from lib.workbench.lab.kernels import ThisPython
from lib.workbench.lab.next_notebook import FOLDER_VARIABLE
from lib.workbench.lab.working_copy import Notebook

# Default settings, which a person's own override: no prompt about news, no update check.
_DEFAULTS = Path(__file__).parent / "jupyter"
_CONFIG_PATH = "JUPYTER_CONFIG_PATH"


def command(folder: LabFolder, *, port: int | None = None, browser: bool = True) -> list[str]:
    """Return the command that starts it on the start page.

    Args:
        folder: The folder to open.
        port: Its port; None: the first free one from 8888.
        browser: Whether to open a browser.
    """
    options = [
        f"--ServerApp.root_dir={folder.path}",
        f"--LabApp.default_url=/lab/tree/{START}",
        f"--ServerApp.kernel_spec_manager_class={ThisPython.__module__}.{ThisPython.__qualname__}",
        "--MappingKernelManager.default_kernel_name=python3",
        # Encrypts traffic between kernels and server, which other users of this machine must not read.
        "--MappingKernelManager.transport_encryption=auto",
    ]
    if port is not None:
        options += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        options.append("--no-browser")
    if os.geteuid() == 0:
        options.append("--allow-root")
    # -P: a file in the current folder must not shadow a module.
    return [sys.executable, "-P", "-m", "jupyterlab", *options]


def variables(folder: LabFolder) -> dict[str, str]:
    """Return the environment variables with which kernels find the library, project and folder; terminals `runbook`."""
    ours = {
        _CONFIG_PATH: _first(str(_DEFAULTS), _CONFIG_PATH),
        "PATH": _first(str(Path(sys.executable).parent), "PATH"),
        FOLDER_VARIABLE: str(folder.path),
    }
    return {**os.environ, **places.handed_down(), **search_path(), **ours}


def _first(folder: str, variable: str) -> str:
    return os.pathsep.join([folder, *filter(None, [os.environ.get(variable)])])


def trust(notebook: Notebook) -> None:
    """Sign the notebook, so that JupyterLab trusts its outputs: this library created them."""
    from nbformat import from_dict, sign

    sign.NotebookNotary().sign(from_dict(notebook))  # type: ignore[no-untyped-call]
