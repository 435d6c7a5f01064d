"""The guarantees of an archive's store, for a folder and for a bucket."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lib.archive.archive import open_store
from lib.archive.local_store import LocalStore
from lib.archive.store import Store
from lib.errors import Unavailable, UserError


@pytest.fixture
def store(place: str) -> Store:
    return open_store(place)


def test_what_was_written_is_complete_and_nothing_else_exists(store: Store) -> None:
    assert (store.children(), list(store.names())) == ([], [])
    store.write("a/b/one.json", b"1")
    store.write("a/b/one.json", b"one")
    store.write("a/b/\u2603 & ?.json", b"")
    store.write("a/two.json", bytes(range(256)))
    assert store.read("a/b/one.json") == b"one"
    assert store.read("a/two.json") == bytes(range(256))
    assert store.children() == ["a"]
    assert store.children("a") == ["b", "two.json"]
    assert store.children("a/b") == sorted(["one.json", "\u2603 & ?.json"])
    assert store.children("a/two.json") in ([], ["two.json"])
    assert store.children("nowhere") == []
    assert sorted(store.names("a/b")) == sorted(["a/b/one.json", "a/b/\u2603 & ?.json"])
    assert sorted(store.names()) == sorted(["a/b/one.json", "a/b/\u2603 & ?.json", "a/two.json"])
    store.delete("a/b/one.json")
    store.delete("a/b/one.json")
    with pytest.raises(FileNotFoundError):
        store.read("a/b/one.json")
    assert store.address("a/two.json").endswith("/a/two.json")


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/hostname", "nul\0l", "a/d"])
def test_nothing_is_read_outside_the_store_or_from_missing_names(store: Store, name: str) -> None:
    store.write("a/b/c", b"inside")
    with pytest.raises(FileNotFoundError):
        store.read(name)


def test_exactly_one_of_many_threads_creates_a_name(store: Store) -> None:
    start = threading.Barrier(16)

    def create(number: int) -> list[bool]:
        start.wait()
        return [store.create(f"claims/{claim}", b"%d" % number) for claim in range(50)]

    with ThreadPoolExecutor(16) as pool:
        output = list(pool.map(create, range(16)))
    for claim in range(50):
        [winner] = [number for number in range(16) if output[number][claim]]
        assert store.read(f"claims/{claim}") == b"%d" % winner


def test_exactly_one_of_many_processes_creates_a_name(tmp_path: Path) -> None:
    code = (
        "import sys; from lib.archive.archive import open_store; "
        "store = open_store(sys.argv[1]); sys.stdin.readline(); "
        "print(*[store.create(f'claims/{claim}', sys.argv[2].encode()) for claim in range(200)])"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    output = [process.communicate(timeout=60)[0].split() for process in processes]
    assert all(sum(answers[claim] == "True" for answers in output) == 1 for claim in range(200))


def test_readers_see_the_old_or_the_new_content_and_no_other_files(place: str) -> None:
    store = open_store(place)
    contents = [bytes([number]) * 200_000 for number in range(2)]
    store.write("page", contents[0])
    is_over = threading.Event()

    def write() -> None:
        for number in range(60):
            store.write("page", contents[number % 2])
        is_over.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not is_over.is_set():
        assert store.read("page") in contents
        assert store.children() == ["page"]
    writer.join()


def test_a_write_survives_a_concurrent_delete(store: Store) -> None:
    is_over = threading.Event()

    def delete() -> None:
        while not is_over.is_set():
            store.delete("folder/page")

    def write(number: int) -> None:
        for _ in range(50):
            store.write("folder/page", b"%d" % number)
            store.create("folder/page", b"%d" % number)

    with ThreadPoolExecutor(4) as pool:
        deleters = [pool.submit(delete) for _ in range(2)]
        writers = [pool.submit(write, number) for number in range(2)]
        try:
            for writer in writers:
                writer.result()
        finally:
            is_over.set()
        for deleter in deleters:
            deleter.result()
    store.write("folder/page", b"at last")
    assert (store.read("folder/page"), list(store.names())) == (b"at last", ["folder/page"])


def test_a_link_whose_response_was_lost_is_recognized_as_our_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on NFS, where the client repeats the request."""
    link = os.link

    def sent_twice(source: Path, target: Path) -> None:
        with suppress(FileExistsError):
            link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", sent_twice)
    store = LocalStore(tmp_path)
    assert [store.create("claim", b"mine"), store.create("claim", b"another's")] == [True, False]
    assert (store.read("claim"), store.children()) == (b"mine", ["claim"])


def test_leftovers_of_a_killed_writer_are_deleted_with_the_name(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "archive")
    store.write("folder/page", b"")
    (tmp_path / "archive/folder/.page.1-00000000").write_bytes(b"hal")
    store.delete("folder/page")
    assert store.children() == []


def test_an_unusable_place_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'nowhere://bucket' cannot be an archive: Protocol not known"):
        open_store("nowhere://bucket")
    (tmp_path / "file").write_text("in the way")
    store = LocalStore(tmp_path / "file")
    with pytest.raises(Unavailable, match="file/a cannot be written: "):
        store.write("a", b"")
    with pytest.raises(Unavailable, match="file/a cannot be written: "):
        store.create("a", b"")
