"""The settings of an environment: platform, project, services, lock timing, table, time zone. One file per section."""

from lib.environment.batch_state import BatchStateSettings
from lib.environment.due import Calendar, Days, DueSettings
from lib.environment.google import GoogleSettings
from lib.environment.lock import LockSettings
from lib.environment.notifications import Channel, NotificationSettings
from lib.environment.redaction import RedactionSettings
from lib.environment.repository import Repository
from lib.environment.services import ServiceNames
from lib.environment.settings import (
    Environment,
    default_environment,
    environment_names,
    load_environment,
    redactor_in,
    redactor_of,
)
from lib.environment.signers import Signers

__all__ = [
    "BatchStateSettings",
    "Calendar",
    "Channel",
    "Days",
    "DueSettings",
    "Environment",
    "GoogleSettings",
    "LockSettings",
    "NotificationSettings",
    "RedactionSettings",
    "Repository",
    "ServiceNames",
    "Signers",
    "default_environment",
    "environment_names",
    "load_environment",
    "redactor_in",
    "redactor_of",
]
