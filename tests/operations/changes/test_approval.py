"""Approval by a person: what each mode refuses, by the table of docs/how-to/approve.md, and what is recorded."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory

import pytest

from lib import operations
from lib.embedded.deployment import SERVICE_ACCOUNT
from lib.embedded.sqlite_locks import SqliteLockStore
from lib.environment import Signers
from lib.errors import RunbookError, Unavailable, UserError
from lib.locking.errors import LockOutcomeUnknown
from lib.operations.changes.action import Action, apply_plan, carry_out
from lib.operations.changes.audit import changes, record_table, releases
from lib.operations.changes.lock_release import LockRelease
from lib.operations.changes.lock_switch import LockSwitching
from lib.operations.changes.plan import Approval, PlanDigest, PlanOutdated
from lib.operations.changes.repair import Repair, UndoRepair
from lib.operations.changes.role_binding import RoleBinding
from lib.operations.changes.signed_approval import NotApproved, approve, offer, use_approval
from lib.operations.changes.spec_change import SpecChange
from lib.operations.changes.staging_cleanup import StagingCleanup
from lib.operations.changes.traffic import TrafficRouting
from lib.operations.every_action import ACTIONS, waiting_plan
from lib.operations.ssh_signature import own_key, sign, verified
from lib.places import ROOT
from lib.platform import Platform
from lib.ports.approvals import Entry
from lib.verdict.verdict import Verdict
from tests.locking.backends import Backend
from tests.locking.emulator import HOST_VARIABLE
from tests.operations.changes.actions import CASES, DAY, approved, beat, everything, hold, planned
from tests.operations.changes.people import ME, People
from tests.operations.deployed import COORDINATOR, OLD, having, with_two_revisions

MODES = ("digest", "person", "two_people")


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    found = People(tmp_path)
    found.may_sign()
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path / "params" / "environments"))
    monkeypatch.setenv("RUNBOOK_OUTPUTS", str(tmp_path / "outputs"))
    return found


def asking(platform: Platform, **settings: object) -> Platform:
    """The same platform under other settings."""
    return Platform(replace(platform.environment, **settings), platform.adapters)  # type: ignore[arg-type]


@dataclass
class World:
    """A lock that a plan would release, and the people.

    Attributes:
        plan: The digest of the plan that was shown, once it was.
    """

    platform: Platform
    people: People
    patch: pytest.MonkeyPatch
    plan: str = ""

    @property
    def action(self) -> Action:
        return LockRelease(self.platform, DAY, steal=True)

    def shown(self, platform: Platform | None = None, now: datetime | None = None) -> str:
        platform = platform or self.platform
        return planned(platform, LockRelease(platform, DAY, steal=True), now)

    def sign(self, key: Path, platform: Platform | None = None, plan: str = "") -> None:
        """Approve as `runbook approve` does once the person has typed the target."""
        platform = platform or self.platform
        if platform.environment.needs_approval:
            digest = PlanDigest.parse(plan or self.plan)
            approve(platform, waiting_plan(platform, digest), digest, key, datetime.now(UTC))

    def move(self, *, to: str, out_of: str) -> None:
        """Store an approval as another plan's, as anyone who may write the lock store could."""
        for entry in self.platform.approvals.entries(out_of):
            if entry.kind.startswith("by_"):
                self.platform.approvals.add(replace(entry, plan=to))

    def copied(self, platform: Platform) -> None:
        """Alice approves the plan there, and her approval is stored as one for the plan here."""
        there = self.shown(platform)
        self.sign(self.people.alice, platform, there)
        self.move(to=self.plan, out_of=there)


def nobody(world: World) -> None:
    """No approval"""


def another_person(world: World) -> None:
    """Approved by another person"""
    world.sign(world.people.alice)


def requester(world: World) -> None:
    """Approved by the person who applies it"""
    world.sign(world.people.me)


def both(world: World) -> None:
    """Approved by both"""
    world.sign(world.people.me)
    world.sign(world.people.alice)


def nameless_requester(world: World) -> None:
    """Approved by another person, applied by somebody who is not in the file"""
    world.people.may_sign(world.people.line("alice", "alice@example.com,alice"))
    world.sign(world.people.alice)


def same_person_under_two_names(world: World) -> None:
    """Approved with a second key of the person who applies it"""
    people = world.people
    people.may_sign(people.line("alice", f"me@example.com,{ME}"), people.line("me", "me@example.com"))
    world.sign(people.alice)


def not_listed(world: World) -> None:
    """Signed by a key that is not in the file"""
    people = world.people
    people.may_sign(people.line("mallory", "mallory"), people.line("me", ME))
    world.sign(people.mallory)
    people.may_sign()


def in_another_name(world: World) -> None:
    """Signed by a key that is not in the file, with an allowed signer's name put to it"""
    not_listed(world)
    for entry in world.platform.approvals.entries(world.plan):
        if entry.kind.startswith("by_"):
            text = json.dumps({**json.loads(entry.text), "approver": "alice", "principal": "alice"})
            world.platform.approvals.add(Entry(entry.plan, "by_alice", text))


def key_expired(world: World) -> None:
    """Signed by a key that has expired by the file"""
    world.sign(world.people.alice)
    line = world.people.line("alice", "alice", 'valid-before="20200101"')
    world.people.may_sign(line, world.people.line("me", ME))


def forged(world: World) -> None:
    """A forged signature"""
    true = sign("release every lock", world.people.alice).splitlines()
    false = [*true[:-3], true[-3][:-8] + ("AAAAAAAA" if true[-3][-8:] != "AAAAAAAA" else "BBBBBBBB"), *true[-2:]]
    put_down(world, "\n".join(false) + "\n")


def other_words(world: World) -> None:
    """A true signature of an allowed signer, of other words"""
    put_down(world, sign(world.plan, world.people.alice))


def put_down(world: World, signature: str) -> None:
    statement = json.dumps({"signed at": "2026-01-17T23:00:00+00:00\ud800"})
    text = json.dumps({"statement": statement, "signature": signature, "approver": "alice"})
    world.platform.approvals.add(Entry(world.plan, "by_alice", text))


def no_signature(world: World) -> None:
    """Text in place of a signature"""
    put_down(world, "approved by alice")
    world.platform.approvals.add(Entry(world.plan, "by_bob", "[" * 100_000))


def another_plan(world: World) -> None:
    """The approval of another plan of the same lock"""
    first = world.plan
    world.sign(world.people.alice)
    beat(world.platform)
    world.plan = world.shown()
    world.move(to=world.plan, out_of=first)


def another_environment(world: World) -> None:
    """The approval of the same plan of another environment"""
    world.people.may_sign(environment="staging")
    world.copied(asking(world.platform, name="staging"))


def another_project(world: World) -> None:
    """The approval of the same plan in another project"""
    world.copied(asking(world.platform, project_id="another"))


def another_table(world: World) -> None:
    """The approval of the same plan of another table"""
    spec = world.platform.table
    other = asking(world.platform, table_spec=replace(spec, table=replace(spec.table, table="refunds")))
    hold(other, 300)
    world.copied(other)


def another_archive(world: World) -> None:
    """The approval of the same plan of another archive"""
    outputs = world.people.folder / "outputs"
    world.patch.setenv("RUNBOOK_OUTPUTS", str(outputs.with_name("elsewhere")))
    world.sign(world.people.alice)
    world.patch.setenv("RUNBOOK_OUTPUTS", str(outputs))


def used_and_killed(world: World) -> None:
    """Used before, by a process that was killed before it changed anything"""
    world.sign(world.people.alice)
    use_approval(world.platform, world.action.plan(), world.plan)


def state_moved(world: World) -> None:
    """Approved by another person, and the lock has moved since"""
    world.sign(world.people.alice)
    beat(world.platform)


def expired(world: World) -> None:
    """Of a plan that has expired"""
    now = datetime.now(UTC)
    world.plan = world.shown(now=now - timedelta(hours=1, minutes=1))


def holds_for_days(world: World) -> None:
    """Of a plan that claims to hold for a day"""
    plan = world.action.plan()
    world.plan = plan.digest(world.platform, datetime.now(UTC) + timedelta(days=1)).text


TRIED = {
    (attempt.__doc__ or ""): attempt
    for attempt in (
        nobody,
        another_person,
        requester,
        both,
        nameless_requester,
        same_person_under_two_names,
        not_listed,
        in_another_name,
        key_expired,
        forged,
        other_words,
        no_signature,
        another_plan,
        another_environment,
        another_project,
        another_table,
        another_archive,
        used_and_killed,
        state_moved,
        expired,
        holds_for_days,
    )
}


def documented() -> dict[str, dict[str, str]]:
    """The table of docs/how-to/approve.md: what is tried, and what comes of it in each mode."""
    lines = (ROOT / "docs" / "how-to" / "approve.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    start = next(at for at, row in enumerate(rows) if row[1:] == [f"`{mode}`" for mode in MODES])
    return {
        row[0]: dict(zip(MODES, row[1:], strict=True))
        for row in rows[start + 1 :]
        if row[0] != "---" and len(row) == len(MODES) + 1
    }


def outcome(world: World) -> str:
    """The result of trying to apply it: ``applied``, or ``refused: `` and the error."""
    target = world.action.plan().target
    try:
        done = carry_out(world.platform, world.action, Approval("target", target, world.plan, "a test").checked())
    except RunbookError as error:
        return f"refused: {error}"
    assert done.checks[0].verdict is Verdict.PASS
    return "applied"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tried", TRIED)
def test_exactly_what_the_documentation_says_is_refused(
    tried: str, mode: str, platform: Platform, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(asking(platform, approval=mode), people, monkeypatch)
    hold(platform, 300)
    world.plan = world.shown()
    TRIED[tried](world)
    before = platform.locks.store.read(platform.table.lock_key(DAY)).record
    found, written = outcome(world), documented()[tried][mode]
    if written == "applied":
        assert found == written
        (record,) = releases(world.platform)
        assert (record.actor, bool(record.approver)) == (ME, mode != "digest")
    else:
        assert found.startswith("refused: ")
        assert ("\n" in found, "nothing was changed" in found) == (False, True), found
        assert written.removeprefix("refused: ") in found, found
        assert releases(world.platform) == []
        assert platform.locks.store.read(platform.table.lock_key(DAY)).record == before


def test_the_documentation_has_each_row_once() -> None:
    assert list(documented()) == list(TRIED)


def _of_services(make: Callable[[Platform], Action]) -> Callable[[Platform], Action]:
    def set_up(platform: Platform) -> Action:
        with_two_revisions().with_roles(SERVICE_ACCOUNT, ["roles/viewer"]).save(platform.adapters.home)  # type: ignore[attr-defined]
        return make(platform)

    return set_up


EVERY_ACTION: dict[type, Callable[[Platform], Action]] = {
    Repair: CASES["repair"].set_up,
    UndoRepair: CASES["undo"].set_up,
    LockRelease: CASES["release"].set_up,
    SpecChange: CASES["spec"].set_up,
    StagingCleanup: CASES["cleanup"].set_up,
    LockSwitching: _of_services(lambda platform: LockSwitching(platform, "off")),
    TrafficRouting: _of_services(lambda platform: TrafficRouting(platform, COORDINATOR, {OLD: 100})),
    RoleBinding: _of_services(lambda platform: RoleBinding(platform, SERVICE_ACCOUNT, "add")),
}


def test_every_action_is_tried_here() -> None:
    """An action is a class in `lib.operations` with a plan, an apply and a verify."""
    modules = [import_module(found.name) for found in walk_packages(operations.__path__, "lib.operations.")]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    acts = {kind for kind in kinds if {"plan", "apply", "verify"} <= set(vars(kind))} - {Action}
    assert set(EVERY_ACTION) == acts
    assert len(ACTIONS) == len(acts) + len(["proof"])


@pytest.mark.parametrize("kind", EVERY_ACTION)
def test_every_action_is_refused_until_it_is_approved_and_then_both_people_are_recorded(
    kind: type, platform: Platform, people: People
) -> None:
    platform = asking(platform, approval="two_people")
    action = EVERY_ACTION[kind](platform)
    assert type(action) is kind
    check = carry_out(platform, action, Approval("target")).checks[0]  # a caution may follow it
    digest = PlanDigest.parse(str(check.evidence["plan"]))
    first, then = check.changes
    assert first == f"runbook approve {digest.text}"
    assert (digest.text in then, f"{first}. Then apply the plan" in check.next_step) == (True, True)
    before = everything(platform)
    with pytest.raises(NotApproved, match=f"nothing was changed; have a person approve it at a terminal: {first}"):
        approved(platform, action, plan=digest.text)
    with pytest.raises(UserError, match="not a digest"):
        apply_plan(platform, action, action.plan(), reason="a test")
    assert everything(platform) == before
    assert changes(platform) == []

    signed = approve(platform, waiting_plan(platform, digest), digest, people.alice, datetime.now(UTC))
    done = approved(platform, action, plan=digest.text)
    assert done.checks[0].verdict is Verdict.PASS
    (record,) = [*changes(platform), *releases(platform)]
    assert (record.actor, record.approver, record.approval) == (ME, "alice@example.com", signed.as_json())
    shown = dict(record_table(platform, record).rows)  # type: ignore[arg-type]
    assert shown["approved by"] == f"alice@example.com, {signed.fingerprint}, {signed.signed_at}"
    assert signed.statement == json.loads(record.approval)["statement"]
    assert json.loads(signed.statement)["state"] == json.loads(record.before)
    assert verified(signed.statement, signed.signature, platform.environment.signers).name == "alice@example.com"


@pytest.fixture(params=["sqlite", "firestore"])
def shared(
    request: pytest.FixtureRequest, platform: Platform, people: People, monkeypatch: pytest.MonkeyPatch
) -> Platform:
    """An environment that requires a person's approval, with its lock store on either platform and a held lock."""
    if request.param == "firestore":
        monkeypatch.setenv(HOST_VARIABLE, request.getfixturevalue("emulator"))
        having(platform, lock_store=Backend("firestore", f"test-{uuid.uuid4().hex[:12]}").store())
    hold(platform, 300)
    return asking(platform, approval="person")


def test_only_one_of_many_concurrent_requests_uses_the_approval(shared: Platform, people: People) -> None:
    action = LockRelease(shared, DAY, steal=True)
    plan = action.plan()
    digest = offer(shared, plan, datetime.now(UTC)).digest
    approve(shared, waiting_plan(shared, digest), digest, people.alice, datetime.now(UTC))
    barrier, used = threading.Barrier(4), list[str]()

    def contend() -> None:
        barrier.wait()
        try:
            use_approval(shared, plan, digest.text)
        except NotApproved as error:
            used.append(str(error))
        else:
            used.append("used")

    threads = [threading.Thread(target=contend) for _ in range(barrier.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert used.count("used") == 1
    assert {"was used before" in message for message in used if message != "used"} == {True}


def test_the_lock_store_records_the_approval_of_a_release(shared: Platform, people: People) -> None:
    action = LockRelease(shared, DAY, steal=True)
    digest = PlanDigest.parse(planned(shared, action))
    signed = approve(shared, waiting_plan(shared, digest), digest, people.alice, datetime.now(UTC))
    approved(shared, action, plan=digest.text)
    (record,) = releases(shared)
    assert (record.approver, record.approval) == ("alice@example.com", signed.as_json())


def test_a_use_whose_answer_is_lost_changes_nothing(platform: Platform, people: People) -> None:
    class LosesAnswers(SqliteLockStore):
        def add(self, entry: Entry) -> bool:
            super().add(entry)
            if entry.kind == "use":
                raise LockOutcomeUnknown("the connection broke")
            return True

    having(platform, lock_store=LosesAnswers(people.folder / "locks.sqlite"))
    platform = asking(platform, approval="person")
    hold(platform, 300)
    action = LockRelease(platform, DAY, steal=True)
    digest = PlanDigest.parse(planned(platform, action))
    approve(platform, waiting_plan(platform, digest), digest, people.alice, datetime.now(UTC))
    with pytest.raises(Unavailable, match="nothing was changed, and the approval may be used up"):
        approved(platform, action, plan=digest.text)
    with pytest.raises(NotApproved, match="was used before"):
        approved(platform, action, plan=digest.text)
    assert releases(platform) == []


def test_a_stored_plan_for_something_else_is_not_approved(platform: Platform, people: People) -> None:
    """Anyone who may write the lock store can store any plan, but the signed statement comes from the live state."""
    platform = asking(platform, approval="person")
    hold(platform, 300)
    plan = LockRelease(platform, DAY, steal=True).plan()
    now = datetime.now(UTC)
    digest = plan.digest(platform, now)
    with pytest.raises(UserError, match=r"no plan .* is stored"):
        waiting_plan(platform, digest)
    harmless = {"action": "forced release", "parameters": {"release": str(DAY)}}
    for number, (kept, complaint) in enumerate(
        [
            ("yes", "is not a plan of this library"),
            ('{"action": "format the disk", "parameters": {}}', "is not a plan of this library"),
            ('{"action": "repair", "parameters": {"date": "today"}}', "is not a plan of this library"),
            ("[" * 100_000, "is not a plan of this library"),
            (json.dumps(harmless), "has not expired"),
        ]
    ):
        other = PlanDigest(digest.text[:-2] + f"{number:02}", digest.expires_at)
        platform.approvals.add(Entry(other.text, "plan", kept))
        with pytest.raises(RunbookError, match=complaint) as refusal:
            waiting_plan(platform, other)
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) < 400
    # A plan other than the digest's: the person would not even be asked.
    platform.approvals.add(
        Entry(digest.text, "plan", json.dumps({"action": "change of a table's spec", "parameters": {}}))
    )
    with pytest.raises(PlanOutdated, match="something other"):
        waiting_plan(platform, digest).ensure_unmoved(platform, digest.text, now)


def test_without_ssh_keygen_nothing_is_changed(
    platform: Platform, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = asking(platform, approval="person")
    action = CASES["release"].set_up(platform)
    digest = PlanDigest.parse(planned(platform, action))
    approve(platform, waiting_plan(platform, digest), digest, people.alice, datetime.now(UTC))
    monkeypatch.setenv("PATH", str(people.folder))
    with pytest.raises(UserError, match=r"ssh-keygen.* is not installed.*openssh-client; nothing was changed"):
        approved(platform, action, plan=digest.text)
    assert releases(platform) == []


def test_a_key_in_the_agent_signs_without_its_file(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a hardware token: no private half is in `~/.ssh`."""
    signers = Signers.read(people.folder / "params" / "environments" / "local.allowed_signers")
    home = people.folder / "nothing here"
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(UserError, match="or your SSH agent is in"):
        own_key(signers, home)
    with TemporaryDirectory(prefix="agent") as folder:  # a socket's path has to be short
        monkeypatch.setenv("SSH_AUTH_SOCK", f"{folder}/socket")
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", f"{folder}/socket"], stdout=subprocess.PIPE)
        assert agent.stdout is not None
        with agent, agent.stdout:
            agent.stdout.readline()  # it listens
            subprocess.run(["ssh-add", "-q", people.mallory, people.alice], check=True)
            people.alice.unlink()
            signature = sign("this", own_key(signers, home))
            agent.terminate()
    assert verified("this", signature, signers).name == "alice@example.com"
