"""Compare a store with a dict: for any sequence of calls, both return the same."""

import uuid

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from lib.locking import LockRecord, LockStore
from tests.locking.backends import Backend
from tests.locking.claims import a_claim

EXAMPLES = {"sqlite": 40, "firestore": 8}
KEYS = st.sampled_from(["a", "b"])


class StoreAndModel(RuleBasedStateMachine):
    """Old versions are used as often as current ones; they must change nothing."""

    def __init__(self, store: LockStore) -> None:
        super().__init__()
        self.store = store
        self.prefix = uuid.uuid4().hex
        self.model: dict[str, LockRecord] = {}
        self.versions: list[LockRecord] = []
        self.last_token: dict[str, int] = {}
        self.audited: list[LockRecord] = []

    def any_version(self, data: st.DataObject) -> LockRecord:
        return data.draw(st.sampled_from(self.versions[-4:]), label="version")

    def is_current(self, record: LockRecord) -> bool:
        return self.model.get(record.claim.lock_key) == record

    def remember(self, record: LockRecord) -> None:
        self.model[record.claim.lock_key] = record
        self.versions.append(record)

    def acquired(self, record: LockRecord) -> None:
        assert record.token > self.last_token.get(record.claim.lock_key, 0)
        self.last_token[record.claim.lock_key] = record.token
        self.remember(record)

    @rule(key=KEYS)
    def create(self, key: str) -> None:
        lock_key = f"{self.prefix}-{key}"
        record = self.store.create(a_claim(lock_key))
        assert (record is not None) == (lock_key not in self.model)
        if record is not None:
            self.acquired(record)

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        record = self.any_version(data)
        renewed = self.store.renew(record)
        assert (renewed is not None) == self.is_current(record)
        if renewed is not None:
            assert renewed.token == record.token
            self.remember(renewed)

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def take_over(self, data: st.DataObject) -> None:
        record = self.any_version(data)
        taken = self.store.take_over(record, a_claim(record.claim.lock_key))
        assert (taken is not None) == self.is_current(record)
        if taken is not None:
            self.acquired(taken)

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        record = self.any_version(data)
        deleted = self.store.delete(record)
        assert deleted == self.is_current(record)
        if deleted:
            del self.model[record.claim.lock_key]

    @precondition(lambda self: self.versions)
    @rule(data=st.data())
    def delete_audited(self, data: st.DataObject) -> None:
        record = self.any_version(data)
        entry = self.store.delete_audited(record, actor="ann", reason="test", was_live=True)
        assert (entry is not None) == self.is_current(record)
        if entry is not None:
            assert record.token < entry.token
            # A later acquisition may carry this very token, but no smaller one.
            self.last_token[record.claim.lock_key] = entry.token - 1
            self.audited.insert(0, record)
            del self.model[record.claim.lock_key]

    @invariant()
    def both_say_the_same(self) -> None:
        seen = [observation.record for observation in self.store.read_all()]
        ours = [record for record in seen if record and record.claim.lock_key.startswith(self.prefix)]
        assert ours == [self.model[key] for key in sorted(self.model)]

    def teardown(self) -> None:
        filed = [entry.removed for entry in self.store.audit_entries()]
        assert [record for record in filed if record.claim.lock_key.startswith(self.prefix)] == self.audited


def test_a_store_matches_its_model(backend: Backend) -> None:
    store = backend.store()
    run_state_machine_as_test(
        lambda: StoreAndModel(store),
        settings=settings(max_examples=EXAMPLES[backend.kind], stateful_step_count=15),
    )
