"""JupyterLab's own commands, called from the kernel."""

from __future__ import annotations

import re
from typing import Any

_RUN = "notebook:run-all-below"
# Another notebook may have come to the front since the click. The first takes this one there, which is done when a
# second has ended; and the last comes back from the end of the notebook, to which running goes.
_SHOW = "rendermime:handle-local-link"
_KERNEL = re.compile(r"kernel-(.+)\.json\Z")


class FrontEnd:
    """The page that shows this notebook. It may be another one than JupyterLab, which takes no commands.

    JupyterLab runs the cells of the notebook in front, from its active cell on. A click makes its cell the active one,
    and reaches the kernel while cells run, too: it is handled by a thread of its own there.
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
        path = self._path()
        commands = [_SHOW, _SHOW, _RUN, _SHOW] if path else [_RUN]
        arguments = {"path": path, "id": f"#cell-id={cell_id}"}
        # One after the other, each with all of the arguments.
        self._app.commands.execute("apputils:run-all-enabled", {"commands": commands, "args": arguments})
        return True

    def _ready(self) -> None:
        self._is_ready = True

    def _path(self) -> str:
        """This notebook's, as JupyterLab has it; empty: it does not say."""
        from ipykernel import get_connection_file

        kernel = _KERNEL.search(get_connection_file())
        sessions = [each for each in self._app.sessions.sessions if kernel and each["kernel"]["id"] == kernel[1]]
        return str(sessions[0]["path"]) if sessions else ""
