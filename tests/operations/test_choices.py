"""A value that is not a choice is refused where it is used: JupyterLab and papermill pass on any text."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from lib.errors import UserError
from lib.operations.changes.repair import checked_repair
from lib.operations.changes.role_binding import checked_binding
from lib.operations.rollback import checked_rollback
from lib.platform import Platform
from lib.runbooks.catalogue import find_runbook

ASKED: dict[str, tuple[str, Callable[[Platform, Any], object]]] = {
    "repair": ("duplicate_diagnosis", lambda platform, word: checked_repair(platform, word, date(2026, 1, 17))),
    "role_binding": ("deploy_verify", lambda platform, word: checked_binding(platform, word, "x" * bool(word), "", "")),
    "lock": ("rollback", lambda platform, word: checked_rollback(platform, lock=word)),
}


@pytest.mark.parametrize("name", ASKED)
def test_the_code_accepts_exactly_the_values_that_the_notebook_names(platform: Platform, name: str) -> None:
    runbook, ask = ASKED[name]
    (parameter,) = (each for each in find_runbook(runbook).parameters if each.name == name)
    for word in ("", "no", "preview", "add", "remove", "off", "on", "OFF", "ad", "of", None):
        try:
            parameter.value(word)
        except UserError:
            with pytest.raises(UserError, match=f"^{name}=.* is not valid; use .*; nothing was changed$"):
                ask(platform, word)
        else:
            ask(platform, word)
