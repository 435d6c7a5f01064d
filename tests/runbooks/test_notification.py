"""People are notified when a verdict gets worse and when it recovers, by real clients and at no cost to the run."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st

from lib.archive.archive import Archive, Run
from lib.archive.record import Origin, RunRecord, RunStatus
from lib.environment import Channel, load_environment, redactor_of
from lib.runbooks.catalogue import find_runbook
from lib.runbooks.execution import execute
from lib.runbooks.notification import Message, needs_notice, notified, question_key, send
from lib.runbooks.notification_delivery import refusal
from lib.runbooks.stop import Limits
from lib.verdict.verdict import Verdict
from lib.words.secrets.redaction import Redactor
from tests.environments import NEEDED_SETTINGS
from tests.runbooks.inbox import Inbox
from tests.warm import warm_kernels

# Apprise uses it for attachments, which we never send.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

NOTEBOOKS = Path(__file__).parent / "notebooks"
HOSTILE = Message(
    "FAIL <script>alert(1)</script> <!channel> @everyone",
    "<img src=x onerror=alert(1)> <https://evil.example|click> *bold* @here\npassword=CANARY-in-a-message",
    Verdict.FAIL,
)
VERDICTS = st.sampled_from(Verdict)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inbox: Inbox) -> Archive:
    """An environment with the inbox as a channel, and another channel that is down."""
    (tmp_path / "environments").mkdir()
    settings = {
        **NEEDED_SETTINGS,
        "notifications": {
            "reports_url": "https://reports.example/runs/",
            "timeout_seconds": 5,
            "channels": [{"variable": "INBOX_URL"}, {"variable": "DOWN_URL", "minimum": "FAIL"}],
        },
    }
    (tmp_path / "environments/noisy.yaml").write_text(json.dumps(settings))
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path / "environments"))
    monkeypatch.setenv("INBOX_URL", f"json://{inbox.address}/CANARY-in-an-address")
    monkeypatch.setenv("DOWN_URL", "json://user:CANARY-of-a-user@127.0.0.1:1/CANARY-in-a-path")
    return Archive(tmp_path / "outputs")


def run(name: str, archive: Archive, limits: Limits | None = None) -> Run:
    with warm_kernels():
        return execute(find_runbook(name, NOTEBOOKS), environment="noisy", archive=archive, limits=limits)


def file_earlier(found: Run, archive: Archive, name: str) -> None:
    """Archive the run as one of this runbook, with default parameters, an hour earlier."""
    parameters = {each.name: each.default for each in find_runbook(name, NOTEBOOKS).parameters}
    if "environment" in parameters:
        parameters["environment"] = "noisy"
    started_at = found.record.started_at - timedelta(hours=1)
    earlier = replace(found.record, runbook=name, parameters=parameters, started_at=started_at)
    archive.begin(earlier)


@pytest.mark.parametrize(("parameters", "is_notified"), [({"plan": "x", "reason": ""}, False), ({"days": 7}, True)])
def test_a_mistyped_approval_notifies_nobody(
    archive: Archive, inbox: Inbox, parameters: dict[str, object], is_notified: bool
) -> None:
    ended = replace(run("healthy", archive).record, parameters=parameters, verdict=Verdict.UNKNOWN)
    refused = Run("local/healthy/x", replace(ended, refused=True))
    settings = load_environment("noisy").notifications
    notified(refused, archive, settings, redactor_of(load_environment("noisy")))
    assert bool(inbox.posted) is is_notified


@given(VERDICTS, VERDICTS, st.sampled_from(["WARN", "UNKNOWN", "FAIL"]))
def test_a_channel_is_notified_when_it_gets_worse_and_when_it_ends(before: Verdict, now: Verdict, minimum: str) -> None:
    channel = Channel("X", minimum)  # type: ignore[arg-type]
    least = Verdict(minimum).badness
    assert not needs_notice(channel, now, now)
    assert needs_notice(channel, before, Verdict.PASS) is (before.badness >= least)
    if now.badness > before.badness:
        assert needs_notice(channel, before, now) is (now.badness >= least)


def test_a_worse_verdict_is_notified_once(archive: Archive, inbox: Inbox) -> None:
    first = run("broken_rule", archive)
    assert first.record.notifications[0] == "notified INBOX_URL"
    assert first.record.notifications[1].startswith("could not notify DOWN_URL: ")
    assert first.exit_code == 1
    [message] = inbox.posted
    assert message["title"] == "FAIL: Duplicates (noisy), worse than PASS"
    for part in ("5 keys of 587", "Next: Repair them"):
        assert part in message["message"]
    assert f"https://reports.example/runs/noisy/broken_rule/{first.record.run_id}/report.html" in message["message"]
    assert "could not notify DOWN_URL" in archive.store.read(first.report).decode()
    assert [name for name in archive.store.names() if b"CANARY" in archive.store.read(name)] == []

    assert run("broken_rule", archive).record.notifications == ()
    assert len(inbox.posted) == 1


def test_recovery_is_notified(archive: Archive, inbox: Inbox) -> None:
    file_earlier(run("broken_rule", archive), archive, "warns")
    found = run("warns", archive)
    # WARN is a recovery for channels that are notified only of FAIL, but not for others.
    assert [line.split(":")[0] for line in found.record.notifications] == ["could not notify DOWN_URL"]
    file_earlier(found, archive, "healthy")
    assert run("healthy", archive).record.notifications == ("notified INBOX_URL",)
    assert inbox.posted[-1]["title"] == "PASS: All is well (noisy), recovered from WARN"


def test_a_schedule_entry_asks_the_same_question_each_day(archive: Archive, inbox: Inbox) -> None:
    found = run("broken_rule", archive).record
    first = replace(found, parameters={"game_date": "2026-01-16"}, origin=Origin(schedule="daily"))
    second = replace(first, parameters={"game_date": "2026-01-17"}, started_at=found.started_at + timedelta(days=1))
    by_hand = replace(second, origin=Origin())
    archive.begin(first)
    noisy = load_environment("noisy")
    del inbox.posted[:]
    for record, messages in ((second, 0), (by_hand, 1)):
        notified(Run("noisy/broken_rule/x", record), archive, noisy.notifications, redactor_of(noisy))
        assert len(inbox.posted) == messages


def test_run_without_a_verdict_is_notified_as_unknown(archive: Archive, inbox: Inbox) -> None:
    found = run("healthy", archive, Limits(run_seconds=0))
    assert found.record.status is RunStatus.TIMED_OUT
    assert inbox.posted[0]["title"].startswith("UNKNOWN: ")


def test_killed_run_is_notified_by_the_next_one(archive: Archive, inbox: Inbox) -> None:
    found = run("healthy", archive)
    lost = replace(found.record, status=RunStatus.RUNNING, verdict=None, finished_at=None, pid=2**22 + 1)
    killed = archive.begin(lost)
    for _ in range(2):
        run("no_verdict", archive)
    titles = [message["title"] for message in inbox.posted]
    assert [title.split(" (")[0] for title in titles] == ["UNKNOWN: All is well", "UNKNOWN: no_verdict"]
    again = next(each for each in archive.runs() if each.place == killed.place)
    assert isinstance(again, Run)
    assert (again.record.status, again.record.notifications) == (RunStatus.ABANDONED, ("notified INBOX_URL",))


def test_channel_that_does_not_answer_is_not_waited_for(inbox: Inbox) -> None:
    inbox.hold.clear()
    variables = {"SLOW": f"json://{inbox.address}/?rto=600", "BAD": "no address", "UNSET": ""}
    channels = [Channel(name) for name in variables]
    lines = send(HOSTILE, channels, Redactor(), timeout_seconds=0.3, variables=variables)
    inbox.hold.set()
    assert lines == (
        "could not notify SLOW: no answer within 0.3 s",
        "could not notify BAD: its value is not an address that Apprise supports",
        "could not notify UNSET: the variable is not set",
    )


@pytest.mark.parametrize("scheme", ["json", "slack"])
def test_hostile_text_stays_text_in_chats(inbox: Inbox, scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://{inbox.address}")
    place = "T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general" if scheme == "slack" else inbox.address
    assert refusal(f"{scheme}://{place}", HOSTILE.title, HOSTILE.body, HOSTILE.verdict, 5) == ""
    sent = json.dumps(inbox.posted, ensure_ascii=False)
    assert "@everyone" not in sent
    if scheme == "slack":
        assert "<!channel>" not in sent
        assert "<https://evil.example" not in sent


def test_an_alert_keeps_its_key_from_the_first_failure_to_the_recovery(archive: Archive) -> None:
    run_ = run("healthy", archive).record
    failed = replace(
        run_, verdict=Verdict.FAIL, parameters={"game_date": "2026-01-17"}, origin=Origin(schedule="daily")
    )

    def after(hours: int, record: RunRecord) -> RunRecord:
        return replace(record, started_at=run_.started_at + timedelta(hours=hours))

    by_hand = after(2, replace(failed, origin=Origin(), verdict=Verdict.WARN))
    # The parameter was renamed in between.
    recovered = after(3, replace(by_hand, verdict=Verdict.PASS, parameters={"date": "2026-01-17"}))
    others = [
        replace(recovered, parameters={"game_date": "2026-01-16"}),
        replace(recovered, environment="another"),
        replace(recovered, runbook="another"),
    ]
    archive.begin(failed)
    archive.begin(by_hand)
    key = question_key(failed, archive)
    assert [question_key(record, archive) for record in (by_hand, recovered)] == [key, key]
    assert len({key, *(question_key(record, archive) for record in others)}) == 4
    archive.begin(recovered)
    assert question_key(after(4, by_hand), archive) != key


def received_by_mail(message: Message) -> tuple[bytes, tuple[str, ...]]:
    """Send the message to a real mail server; return the mail and the sender's lines."""
    received: list[bytes] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
            received.append(envelope.content)
            return "250 OK"

    async def exchange() -> tuple[str, ...]:
        server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler()), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            address = f"mailto://127.0.0.1:{port}/?from=runbooks@example.org&to=on-call@example.org&mode=insecure"
            variables = {"MAIL": address}
            return await asyncio.to_thread(
                send, message, [Channel("MAIL")], Redactor(), timeout_seconds=10, variables=variables
            )

    lines = asyncio.run(exchange())
    return received[0], lines


def test_hostile_text_stays_text_in_mail() -> None:
    content, lines = received_by_mail(HOSTILE)
    assert lines == ("notified MAIL",)
    mail = message_from_bytes(content, policy=policy.default)
    html = mail.get_body(("html",))
    assert html is None or ("<script>" not in html.get_content() and "<img" not in html.get_content())
    assert "alert(1)" in mail.get_body(("plain", "html")).get_content()  # type: ignore[union-attr]
    assert "CANARY" not in str(mail)
