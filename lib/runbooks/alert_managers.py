"""One alert a question: what Apprise needs so that a recovery resolves the alert that it belongs to.

By default PagerDuty opens a second incident on recovery; others take the message's title, which
names the verdict, for the key, so that what opens and what closes never meet. Apprise takes a key
and ``action=map`` (open unless it is a success) from all of them by now, with one gap: it closes
an alert of Opsgenie or Jira by a request's id that it keeps on disk, and where it finds none it
sends nothing and reports success. We close those by their alias.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

# The argument that takes the key, where it is not the one of most plugins.
_OWN_ARGUMENTS = {"splunk": "entity_id", "opsgenie": "alias", "jira": "alias"}
_USUAL_ARGUMENT = "dedup"


def alert_key(*question: object) -> str:
    """A name for the question, in letters that every service takes; equal questions have equal names."""
    name = json.dumps(question, sort_keys=True, default=str)
    return f"consolidation-runbooks-{sha256(name.encode()).hexdigest()[:24]}"


def key_argument(plugin: Any) -> str:
    """The argument of an Apprise plugin that takes an alert's key; empty: it knows no alerts."""
    own = (argument for schema, argument in _OWN_ARGUMENTS.items() if schema in plugin.schemas())
    return next(own, _USUAL_ARGUMENT if _USUAL_ARGUMENT in plugin.template_args else "")


def keyed(address: str, argument: str, key: str) -> str:
    """The address with that key; it stands over one in the address, which would be shared by all questions."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode({argument: key, 'action': 'map'})}"


def close_by_alias(plugin: Any, key: str) -> None:
    """Let a plugin of Opsgenie or Jira close the alert of that key, whatever it is to send; others are left alone."""
    import requests
    from apprise.plugins.jira import JIRA_API_LOOKUP
    from apprise.plugins.opsgenie import OPSGENIE_API_LOOKUP

    lookups = {"opsgenie": OPSGENIE_API_LOOKUP, "jira": JIRA_API_LOOKUP}
    lookup = next((found for schema, found in lookups.items() if schema in plugin.schemas()), None)
    if lookup is None or not key:
        return

    def send(body: str, **_: Any) -> bool:
        url = f"{lookup[plugin.region_name]}/{quote(key, safe='')}/close"
        note = {"source": plugin.app_desc, "note": body}
        accepted, request_id = plugin._fetch(requests.post, url, note, {"identifierType": "alias"})
        return bool(accepted and request_id)

    vars(plugin)["send"] = send
