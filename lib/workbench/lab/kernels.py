"""The kernels that `runbook lab` offers: this Python, and none that someone has installed under its name."""

from __future__ import annotations

from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default


class ThisPython(KernelSpecManager):
    """Without folders of installed kernels there is only `python3`, the Python that JupyterLab runs in."""

    @default("kernel_dirs")
    def _no_folders(self) -> list[str]:
        return []
