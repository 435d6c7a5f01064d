"""JupyterLab's own commands, called from the kernel."""

from __future__ import annotations

import re
from typing import Any

_KERNEL = re.compile(r"kernel-(.+)\.json\Z")


class FrontEnd:
    """The page that shows this notebook. It may be another one than JupyterLab, which takes no commands.

    A click is handled in milliseconds, also while cells run: JupyterLab sends it to a thread of its own in the
    kernel. So the notebook that a command finds in front is the one that was clicked in, and the cell too.
    """

    def __init__(self) -> None:
        self._app: Any = None
        self._is_ready = False
        try:
            from ipylab import JupyterFrontEnd
        except ImportError:
            return
        self._app = JupyterFrontEnd()
        self._app.on_ready(self._ready)

    def run_clicked_cell_and_below(self, cell_id: str) -> bool:
        """Run the cell that was clicked in, and all below it, and stay there; whether the page takes commands.

        Args:
            cell_id: Of that cell.
        """
        if not self._is_ready:
            return False
        self._app.commands.execute("notebook:run-all-below")
        if path := self._path():
            # The command above goes to the last cell, which is far from the form.
            self._app.commands.execute("rendermime:handle-local-link", {"path": path, "id": f"#cell-id={cell_id}"})
        return True

    def _ready(self) -> None:
        self._is_ready = True

    def _path(self) -> str:
        """This notebook's, as JupyterLab has it; empty: it does not say."""
        from ipykernel import get_connection_file

        kernel = _KERNEL.search(get_connection_file())
        sessions = [each for each in self._app.sessions.sessions if kernel and each["kernel"]["id"] == kernel[1]]
        return str(sessions[0]["path"]) if sessions else ""
