"""Alerting services get one key per question, and a service that did not accept a message was not notified."""

from __future__ import annotations

import pytest

from lib.runbooks.notification import alert_key
from lib.runbooks.notification_delivery import refusal
from lib.verdict.verdict import Verdict
from tests.runbooks.inbox import Inbox

# Apprise uses it for attachments, which we never send.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

KEY = alert_key("production", "daily_quality", {"game_date": "2026-01-17"})
SIGN_IN = b"\xef\xbb\xbf\n<!-- gateway -->\n<!DOCTYPE html><html><form>Sign in</form></html>"
ACCEPTED = {
    "pagerduty": b'{"status": "success", "message": "Event processed"}',
    "opsgenie": b'{"result": "Request will be processed", "requestId": "r1"}',
    "jira": b'{"result": "Request will be processed", "requestId": "r1"}',
    "splunk": b'{"result": "success", "entity_id": "e"}',
    "incidentio": b'{"status": "success", "deduplication_key": "k"}',
}
ADDRESSES = {
    "pagerduty": "pagerduty://{0}@{0}",
    "opsgenie": "opsgenie://{0}/%23team?alias=shared",
    "jira": "jira://{0}/#team",
    "splunk": "splunk://route@{0}/shared?action=critical",
    "incidentio": "incidentio://{0}/{0}?dedup=shared&action=trigger",
}


@pytest.fixture
def services(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """The alerting services, all with the inbox as their server."""
    from apprise.plugins import incidentio, jira, opsgenie, pagerduty, splunk

    url = f"http://{inbox.address}/alerts"
    for lookup in (pagerduty.PAGERDUTY_API_LOOKUP, opsgenie.OPSGENIE_API_LOOKUP, jira.JIRA_API_LOOKUP):
        monkeypatch.setitem(lookup, "us", url)
    monkeypatch.setattr(splunk.NotifySplunk, "notify_url", url)
    monkeypatch.setattr(incidentio.NotifyIncidentIO, "notify_url", url)
    return inbox


@pytest.mark.parametrize("service", ADDRESSES)
def test_a_recovery_resolves_the_alert_that_the_failure_opened(services: Inbox, service: str) -> None:
    services.body = ACCEPTED[service]
    address = ADDRESSES[service].format("A" * 32)
    for title, verdict, is_over in (("FAIL: a", Verdict.FAIL, False), ("WARN: b", Verdict.WARN, True)):
        assert refusal(address, title, "why", verdict, 5, KEY, is_over) == ""
    opened, closed = services.posted
    if service in ("opsgenie", "jira"):
        assert opened["alias"] == KEY
        assert services.paths[1] == f"/alerts/{KEY}/close?identifierType=alias"
    else:
        name, action = {
            "pagerduty": ("dedup_key", ("event_action", "trigger", "resolve")),
            "splunk": ("entity_id", ("message_type", "CRITICAL", "RECOVERY")),
            "incidentio": ("deduplication_key", ("status", "firing", "resolved")),
        }[service]
        assert (opened[name], closed[name]) == (KEY, KEY)
        assert (opened[action[0]], closed[action[0]]) == action[1:]


@pytest.mark.parametrize("service", ["json", *ADDRESSES])
@pytest.mark.parametrize(
    ("code", "sends_on_to", "body", "expected"),
    [
        (302, "/sign-in", b"", "redirects to another address"),
        (307, "/sign-in", b"", "redirects to another address"),
        (200, "", SIGN_IN, "a web page, such as a sign-in page"),
        (200, "", b'{"status": "failure", "success": false, "result": "no"}', ""),
        (500, "", b"", ""),
    ],
    ids=["redirect", "redirect of the message", "sign-in page", "refused with 200", "error"],
)
def test_a_service_that_did_not_accept_the_message_was_not_notified(
    services: Inbox, service: str, code: int, sends_on_to: str, body: bytes, expected: str
) -> None:
    services.answer, services.sends_on_to, services.body = code, sends_on_to, body
    address = ADDRESSES.get(service, f"json://{services.address}/?redirect=yes&x={{0}}").format("A" * 32)
    for is_over in (False, True):
        reason = refusal(address, "FAIL: a", "why", Verdict.FAIL, 5, KEY, is_over)
        assert reason, is_over
        assert expected in reason
    assert "a redirect was followed" not in services.posted


@pytest.mark.parametrize("body", [b"", b"ok", b"1", b'{"id": 5}', b"<?xml version='1.0'?><response>OK</response>"])
def test_an_ordinary_answer_is_a_delivery(inbox: Inbox, body: bytes) -> None:
    inbox.body = body
    assert refusal(f"json://{inbox.address}", "PASS: a", "why", Verdict.PASS, 5, KEY, True) == ""
