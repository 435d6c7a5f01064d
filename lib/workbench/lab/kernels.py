"""The kernels in `runbook lab`: only this Python, not one installed under the same name."""

from __future__ import annotations

from jupyter_client.kernelspec import KernelSpecManager
from traitlets import default


class ThisPython(KernelSpecManager):
    """Without folders of installed kernels, only `python3` is left: the Python that runs JupyterLab."""

    @default("kernel_dirs")
    def _no_folders(self) -> list[str]:
        return []
