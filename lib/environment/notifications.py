"""``notifications:``, the channels that verdicts are sent to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lib.environment.redaction import check_variable
from lib.environment.strict import STRICT
from lib.errors import UserError
from lib.words.brief import brief


@dataclass(frozen=True)
class Channel:
    """A channel that verdicts are sent to.

    Attributes:
        variable: The environment variable with the channel's address, an Apprise URL.
        minimum: The mildest verdict that is sent.
    """

    __pydantic_config__ = STRICT

    variable: str
    minimum: Literal["WARN", "UNKNOWN", "FAIL"] = "WARN"

    def __post_init__(self) -> None:
        check_variable("notifications.channels", self.variable)


@dataclass(frozen=True)
class NotificationSettings:
    """The channels that verdicts are sent to, and how.

    Attributes:
        channels: The channels; if empty, nothing is sent.
        reports_url: The URL at which the outputs folder is served; if empty, links are paths.
        timeout_seconds: How long to wait for a channel.
    """

    __pydantic_config__ = STRICT

    channels: tuple[Channel, ...] = ()
    reports_url: str = ""
    timeout_seconds: float = 15

    __repr__ = brief()

    def __post_init__(self) -> None:
        if self.timeout_seconds <= 0:
            raise UserError(f"notifications.timeout_seconds: must be above 0, got {self.timeout_seconds}")
