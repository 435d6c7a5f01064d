"""Working copies: nothing that a person wrote is ever lost, and unchanged copies follow their originals."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.errors import UserError
from lib.workbench.lab.folder import LabFolder, prepare
from tests.workbench.lab.notebooks import PARAMETERS, edit, run, sources, write_original

NAMES = ("locks", "rows")
WORDS = st.sampled_from(["one", "two", "three"])
DONE = st.one_of(
    st.tuples(st.sampled_from(["edit", "original"]), st.sampled_from(NAMES), WORDS),
    st.tuples(st.sampled_from(["run", "delete", "damage", "unmark"]), st.sampled_from(NAMES), st.just("")),
    st.just(("prepare", "", "")),
)


@pytest.fixture
def originals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_NOTEBOOKS", str(tmp_path / "notebooks"))
    for name in NAMES:
        write_original(tmp_path / "notebooks" / f"{name}.ipynb")
    return tmp_path / "notebooks"


@pytest.fixture
def folder(tmp_path: Path, originals: Path) -> LabFolder:
    return LabFolder(tmp_path / "home" / "lab" / "local")


def do(what: str, original: Path, copy: Path, text: str) -> None:
    if what == "original":
        write_original(original, f"original {text}")
    elif what == "delete":
        copy.unlink(missing_ok=True)
    elif not copy.exists() or isinstance(sources(copy), str):
        return
    elif what == "edit":
        edit(copy, text)
    elif what == "run":
        run(copy)
    elif what == "unmark":
        copy.write_text(json.dumps(json.loads(copy.read_text()) | {"metadata": {}}))
    else:
        copy.write_text(copy.read_text()[:-40])


@given(st.lists(DONE, max_size=12))
@example([("prepare", "", ""), ("edit", "rows", "one"), ("original", "rows", "two")])
@example([("prepare", "", ""), ("edit", "rows", "original one"), ("original", "rows", "one"), ("prepare", "", "")])
def test_no_edit_is_lost_and_an_unchanged_copy_follows_its_original(
    done: list[tuple[str, str, str]],
) -> None:
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        notebooks, lab = Path(place, "notebooks"), LabFolder(Path(place, "local"))
        patch.setenv("RUNBOOK_NOTEBOOKS", str(notebooks))
        for name in NAMES:
            write_original(notebooks / f"{name}.ipynb")
        written_for = {name: sources(notebooks / f"{name}.ipynb") for name in NAMES}
        for what, name, text in [*done, ("prepare", "", "")]:
            if what != "prepare":
                do(what, notebooks / f"{name}.ipynb", lab.path / f"{name}.ipynb", text)
                continue
            before = {sources(path) for path in lab.path.glob("*.ipynb")}
            prepare(lab)
            now = {path.stem: sources(path) for path in lab.path.glob("*.ipynb")}
            theirs = before - all_originals()
            assert theirs <= {*now.values()}
            for each in NAMES:
                original = sources(notebooks / f"{each}.ipynb")
                assert now[each] == original or (now[each] in theirs and written_for[each] == original)
                written_for[each] = original


def all_originals() -> set[tuple[str, ...]]:
    heads = [(f"# {name}?\n\n**Run it** at noon.", PARAMETERS) for name in NAMES]
    return {(*head, f"# {text}") for head in heads for text in ("", "original one", "original two", "original three")}


def test_a_copy_has_its_environment_its_runbooks_name_and_no_outputs(folder: LabFolder, originals: Path) -> None:
    run(originals / "rows.ipynb")
    assert prepare(LabFolder(folder.path.with_name("shop"))) == []
    copy = json.loads((folder.path.with_name("shop") / "rows.ipynb").read_text())
    assert copy["metadata"]["consolidation_runbooks"]["runbook"] == "rows"
    assert copy["cells"][1]["source"] == PARAMETERS.replace("local", "shop")
    assert (copy["cells"][2]["outputs"], copy["cells"][2]["execution_count"]) == ([], None)


def test_outputs_stay_until_the_original_changes(folder: LabFolder, originals: Path) -> None:
    prepare(folder)
    run(folder.path / "rows.ipynb")
    assert prepare(folder) == []
    assert "seen" in (folder.path / "rows.ipynb").read_text()
    write_original(originals / "rows.ipynb", "new")
    assert prepare(folder) == []
    assert "seen" not in (folder.path / "rows.ipynb").read_text()


def test_a_persons_copy_is_kept_and_renamed_when_the_original_changes_too(folder: LabFolder, originals: Path) -> None:
    prepare(folder)
    for number, aside in enumerate(("rows (yours).ipynb", "rows (yours 2).ipynb")):
        edit(folder.path / "rows.ipynb", f"mine {number}")
        assert prepare(folder) == ["rows.ipynb: kept as you changed it"]
        write_original(originals / "rows.ipynb", f"new {number}")
        assert prepare(folder) == [f"rows.ipynb: your copy was renamed '{aside}'; a new copy was written"]
        assert sources(folder.path / aside)[-1] == f"# mine {number}"
    assert prepare(folder) == []


def test_hidden_and_damaged_notebooks_are_left_out_with_a_line(folder: LabFolder, originals: Path) -> None:
    (originals / "._rows.ipynb").write_text("x")
    (originals / "torn.ipynb").write_text("{")
    hidden, torn = prepare(folder)
    assert "._rows.ipynb is a hidden file" in hidden
    assert "torn.ipynb is not a notebook" in torn
    assert sorted(folder.notebooks()) == ["locks.ipynb", "rows.ipynb"]


def test_unchanged_copies_are_removed_without_their_original_or_after_a_week(
    folder: LabFolder, originals: Path
) -> None:
    from lib.runbooks.catalogue import find_runbook
    from lib.workbench.lab.working_copy import working_copy

    prepare(folder)
    copy = working_copy(find_runbook("rows"), {"date": "2026-01-17"})
    names = [folder.put_with_parameters(find_runbook("rows"), f"date {day}", copy) for day in ("1", "2", "3")]
    edit(folder.path / names[1], "mine")
    for name in names[:2]:
        os.utime(folder.path / name, (0, time.time() - 8 * 86_400))
    (originals / "locks.ipynb").unlink()
    assert prepare(folder) == []
    assert sorted(folder.notebooks()) == ["rows (date 2).ipynb", "rows (date 3).ipynb", "rows.ipynb"]


def test_a_second_lab_and_a_folder_that_cannot_be_written_are_refused_in_a_line(
    folder: LabFolder, tmp_path: Path
) -> None:
    descriptor = folder.claim()
    with pytest.raises(UserError, match=rf"another `runbook lab` is using .* \(process {os.getpid()}\)"):
        folder.claim()
    os.close(descriptor)
    os.close(folder.claim())
    (tmp_path / "file").write_text("")
    nowhere = LabFolder(tmp_path / "file" / "lab")
    for call in (nowhere.claim, lambda: prepare(nowhere)):
        with pytest.raises(UserError, match=r"working copies cannot be written in .*RUNBOOK_HOME"):
            call()


@pytest.fixture
def full_disk(folder: LabFolder) -> Iterator[None]:
    """Limit the size of new files to 300 bytes."""
    import resource
    import signal

    folder.path.mkdir(parents=True)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_failed_write_leaves_the_old_copy(folder: LabFolder, originals: Path, full_disk: None) -> None:
    folder.path.joinpath("rows.ipynb").write_text("mine")
    with pytest.raises(UserError, match="working copies cannot be written in"):
        prepare(folder)
    kept = {path.name: path.read_text() for path in folder.path.iterdir()}
    assert kept in ({"rows.ipynb": "mine"}, {"rows (yours).ipynb": "mine"})
