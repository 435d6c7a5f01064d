"""The coordinator's documents in files: one, a list, by name, or a folder; and files that are invalid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lib.embedded.batch_files import FileBatchStates
from lib.errors import SourceUnavailable
from lib.ports.batch_states import BatchStates
from tests.ports.batch_states_suite import BATCH, DAY, BatchStatesSuite, Put, document


class TestFileBatchStates(BatchStatesSuite):
    """The conformance suite on a folder with a file for each batch, with times as Python prints them."""

    @pytest.fixture
    def states(self, tmp_path: Path) -> BatchStates:
        return FileBatchStates(tmp_path)

    @pytest.fixture
    def put(self, tmp_path: Path) -> Put:
        def written(
            batch_id: str, fields: Mapping[str, Any], completions: Mapping[str, Mapping[str, Any]] | None = None
        ) -> None:
            named = {**fields, "batch_id": batch_id, **({"completions": completions} if completions else {})}
            (tmp_path / f"{batch_id}.json").write_text(json.dumps(named, default=str))

        return written


@pytest.mark.parametrize("form", ["list", "by name", "one", "one without its name", "folder"])
def test_a_file_may_have_any_of_these_forms(tmp_path: Path, form: str) -> None:
    fields = document(completed_players=["a"])
    unnamed = {name: value for name, value in fields.items() if name != "batch_id"}
    content = {"list": [fields], "by name": {BATCH: unnamed}, "one": fields}.get(form, unnamed)
    path = tmp_path / f"{BATCH}.json"
    path.write_text(json.dumps(content, default=str))
    (tmp_path / "notes.txt").write_text("not one of them")
    [state] = FileBatchStates(tmp_path if form == "folder" else path).of_date(DAY)
    assert (state.batch_id, state.missing) == (BATCH, ("b", "c", "d", "e"))


@pytest.mark.parametrize("content", [b"not JSON", b"\xff", b"[" * 100_000, b"[5]", b'{"a": []}', b"9" * 5_000, None])
def test_an_unreadable_file_is_one_line_and_never_an_empty_result(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "batch_states.json"
    if content is not None:
        path.write_bytes(content)
    for ask in (lambda: FileBatchStates(path).of_date(DAY), lambda: FileBatchStates(path).batch(BATCH)):
        with pytest.raises(SourceUnavailable, match=r"^[^\n]*batch_states\.json[^\n]*$"):
            ask()
