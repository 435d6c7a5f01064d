"""Messages from a kernel are counted, in whatever order its sockets are read."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from lib.runbooks.published import MESSAGE_NUMBER, Arrivals

PUBLISHED = ((2, "status", "busy"), (3, "execute_input", ""), (4, "stream", ""), (6, "status", "idle"))
REPLY = (5, "execute_reply", "")


def message(number: int, kind: str, state: str) -> dict[str, Any]:
    return {
        "parent_header": {"msg_type": "execute_request", "msg_id": "cell"},
        "msg_type": kind,
        "header": {"msg_id": f"kernel_{number}"},
        "metadata": {MESSAGE_NUMBER: number},
        "content": {"execution_state": state},
    }


@pytest.mark.parametrize("lost", [None, 3, 4])
def test_a_lost_message_is_noticed_wherever_the_reply_arrives(lost: int | None) -> None:
    """Published messages arrive in order; the reply, on its own socket, may arrive before any of them."""
    for order in set(permutations(range(5))):
        arrivals = Arrivals()
        arrivals.sent({"header": {"msg_type": "execute_request", "msg_id": "cell"}})
        sent = [*PUBLISHED, REPLY]
        arrived = [sent[place] for place in order]
        if [one for one in arrived if one != REPLY] != list(PUBLISHED):
            continue
        for one in arrived:
            if one[0] != lost:
                arrivals.arrived(message(*one))
        assert arrivals.missing == (lost is not None), arrived
