"""Call JupyterLab's commands from the kernel."""

from __future__ import annotations

import re
from typing import Any

_RUN = "notebook:run-all-below"
# Another notebook may have come to the front since the click. The first call brings this one back, which is complete
# after the second; the last one returns from the notebook's end, to which running scrolls.
_SHOW = "rendermime:handle-local-link"
_KERNEL = re.compile(r"kernel-(.+)\.json\Z")


class FrontEnd:
    """The page that shows this notebook; one other than JupyterLab accepts no commands.

    JupyterLab runs the cells of the front notebook from its active cell on. A click makes its cell active, and also
    reaches the kernel while cells run, where a separate thread handles it.
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
        """Run the clicked cell and all cells below, and stay there.

        Args:
            cell_id: Id of the clicked cell.

        Returns:
            Whether the page accepts commands.
        """
        if not self._is_ready:
            return False
        path = self._path()
        commands = [_SHOW, _SHOW, _RUN, _SHOW] if path else [_RUN]
        arguments = {"path": path, "id": f"#cell-id={cell_id}"}
        # Runs the commands in order, each with all arguments.
        self._app.commands.execute("apputils:run-all-enabled", {"commands": commands, "args": arguments})
        return True

    def _ready(self) -> None:
        self._is_ready = True

    def _path(self) -> str:
        """Return this notebook's path in JupyterLab; empty if unknown."""
        from ipykernel import get_connection_file

        kernel = _KERNEL.search(get_connection_file())
        sessions = [each for each in self._app.sessions.sessions if kernel and each["kernel"]["id"] == kernel[1]]
        return str(sessions[0]["path"]) if sessions else ""
