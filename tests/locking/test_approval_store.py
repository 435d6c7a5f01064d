"""The promises of `ApprovalStore`, for every adapter."""

import threading

from lib.ports.approvals import ApprovalStore, Entry
from tests.locking.backends import Backend

PLAN = "3f9a1c2b4d5e-20260117T2315Z-a109c7"


def approvals(backend: Backend) -> ApprovalStore:
    """Return a new store on the shared place, as in another process."""
    store = backend.store()
    assert hasattr(store, "add")
    return store  # type: ignore[return-value]


def test_an_entry_is_written_once_and_stays_as_it_is(backend: Backend) -> None:
    first, second = approvals(backend), approvals(backend)
    text = "-----BEGIN SSH SIGNATURE-----\n<b>'; DROP TABLE approvals; --\n🔏" + "A" * 5_000
    entry = Entry(PLAN, "by_0123456789abcdef", text)
    assert first.add(entry) is True
    assert second.add(entry) is False
    assert second.add(Entry(PLAN, entry.kind, "something else")) is False
    assert second.add(Entry(PLAN, "plan", "{}")) is True
    assert second.add(Entry(PLAN.replace("3", "4"), entry.kind, "of another plan")) is True
    assert first.entries(PLAN) == [entry, Entry(PLAN, "plan", "{}")]
    assert first.entries("1f9a1c2b4d5e-20260117T2315Z-a109c7") == []


def test_one_of_many_concurrent_writers_wins(backend: Backend) -> None:
    won: list[str] = []
    start = threading.Barrier(6)

    def contend(number: int) -> None:
        store = approvals(backend)
        start.wait()
        if store.add(Entry(PLAN, "use", f"by process {number}")):
            won.append(f"by process {number}")

    threads = [threading.Thread(target=contend, args=(number,)) for number in range(start.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.text for entry in approvals(backend).entries(PLAN)] == won
    assert len(won) == 1
