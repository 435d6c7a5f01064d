"""An environment: its platform, project and services, its lock timing, its table, its time zone. A file a section."""

from lib.environment.due import Calendar, Days, DueSettings
from lib.environment.google import GoogleSettings
from lib.environment.lock import LockSettings
from lib.environment.notifications import Channel, NotificationSettings
from lib.environment.redaction import RedactionSettings
from lib.environment.services import ServiceNames
from lib.environment.settings import Environment, environment_names, load_environment, redactor_of

__all__ = [
    "Calendar",
    "Channel",
    "Days",
    "DueSettings",
    "Environment",
    "GoogleSettings",
    "LockSettings",
    "NotificationSettings",
    "RedactionSettings",
    "ServiceNames",
    "environment_names",
    "load_environment",
    "redactor_of",
]
