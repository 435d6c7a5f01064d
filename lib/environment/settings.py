"""An environment's file, ``params/environments/<name>.yaml``, checked whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from lib import places
from lib.consolidation.retention import Retention
from lib.consolidation.table_spec import TableSpec
from lib.environment.batch_state import BatchStateSettings
from lib.environment.due import DueSettings
from lib.environment.google import GoogleSettings
from lib.environment.lock import LockSettings
from lib.environment.notifications import NotificationSettings
from lib.environment.nouns import Nouns, is_noun
from lib.environment.redaction import RedactionSettings
from lib.environment.services import ServiceNames, names_and_repositories
from lib.environment.strict import STRICT
from lib.environment.table import table_spec, with_staging
from lib.errors import UserError
from lib.settings_file import checked_settings, read_yaml
from lib.words.choices import no_such

if TYPE_CHECKING:
    from lib.words.secrets.redaction import Redactor

_PARAMS_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.yaml", re.ASCII)


@dataclass(frozen=True)
class Environment:
    """The settings of one environment.

    Attributes:
        name: Its file's name without the ending.
        project_id: Google Cloud project; a mere name on the embedded platform.
        region: Where the services run.
        timezone: The zone in which a game date is a date.
        redact: What is masked in all that a run leaves.
        table_spec: The table that batches are consolidated into.
        dialects: How the services write their log lines: files of ``params/dialects``, the first one first.
        quality: What a usual date's rows are like: a file of ``params``.
        batch_state: Where the coordinator records how far each batch is.
        due: Which dates should have rows; None: nothing says so.
        retention: How long backups, ledger and record of changes are kept.
        unit: What a date's rows are about, in the singular, such as ``game``; empty: reports speak of rows.
        entity: What a unit has several rows for, such as ``player``; empty: reports speak of keys.
    """

    __pydantic_config__ = STRICT

    name: str
    platform: Literal["embedded", "google"]
    project_id: str
    region: str = "us-west2"
    timezone: str = "America/New_York"
    services: ServiceNames = ServiceNames()
    lock: LockSettings = LockSettings()
    google: GoogleSettings = GoogleSettings()
    redact: RedactionSettings = RedactionSettings()
    notifications: NotificationSettings = NotificationSettings()
    table_spec: TableSpec = TableSpec()
    dialects: tuple[str, ...] = ("library", "a1", "a2", "b")
    quality: str = "quality.yaml"
    batch_state: BatchStateSettings = BatchStateSettings()
    due: DueSettings | None = None
    unit: str = ""
    entity: str = ""
    retention: Retention = Retention()

    def __post_init__(self) -> None:
        self.batch_state.check_platform(self.platform)
        if self.name.startswith("_"):
            raise UserError("name: an environment cannot be called _ and more: such folders of the archive are its own")
        if not _PARAMS_FILE.fullmatch(self.quality):
            raise UserError(f"quality: {self.quality!r:.80} is not the name of a file of params, such as quality.yaml")
        for setting in ("unit", "entity"):
            if (noun := getattr(self, setting)) and not is_noun(noun):
                raise UserError(f"{setting}: {noun!r:.80} is not a noun in the singular, such as game or order")
        for setting in ("project_id", "region", "timezone"):
            if not getattr(self, setting).isprintable():
                raise UserError(f"{setting}: {getattr(self, setting)!r:.80} is not printable text")
        self._hand_on_to_the_table()

    def _hand_on_to_the_table(self) -> None:
        """What the environment says of all that its table's dates and tables depend on, whoever made the settings."""
        try:
            zone = ZoneInfo(self.timezone).key
        except (KeyError, ValueError, OSError):
            raise UserError(
                f"timezone: {self.timezone!r:.80} is not known; write one such as America/New_York"
            ) from None
        object.__setattr__(self, "table_spec", replace(self.table_spec, timezone=zone, retention=self.retention))

    @property
    def nouns(self) -> Nouns:
        """What its people call things."""
        return Nouns(self.table_spec.date_column.replace("_", " "), self.unit, self.entity)


def environment_names() -> list[str]:
    """The environments that there are."""
    return sorted(path.stem for path in places.environments().glob("*.yaml"))


def default_environment() -> str:
    """The one that is meant where none is named: the only one that there is, or else ``local``."""
    names = environment_names()
    return names[0] if len(names) == 1 else "local"


def load_environment(name: str) -> Environment:
    """Read and check an environment.

    Raises:
        UserError: There is no such environment, or its file does not fit.
    """
    if name not in environment_names():
        raise UserError(f"{no_such('environment', name, environment_names())} ({places.environments()})")
    path = places.environments() / f"{name}.yaml"
    settings = read_yaml(path)
    if not isinstance(settings, dict):
        raise UserError(f"{path} holds no settings; see params/environments/local.yaml")
    if "name" in settings:
        raise UserError(f"{path}: name: an environment is called what its file is called; leave it out")
    staging = settings.pop("staging", None) or {}
    table = table_spec(path, settings.pop("table", None) or {})
    settings |= {"name": name, "table_spec": table}
    if "services" in settings:
        settings["services"] = names_and_repositories(path, settings["services"])
    environment: Environment = checked_settings(path, Environment, settings)
    return replace(environment, table_spec=with_staging(path, table, staging, environment.services.worker))


def redactor_of(environment: Environment | None) -> Redactor:
    """What masks the well-known secrets and those that an environment lists; None: it is not known which.

    Raises:
        UserError: A listed value is too short to be masked.
    """
    if environment is None:
        return _redactor(RedactionSettings(), NotificationSettings())
    return _redactor(environment.redact, environment.notifications)


def redactor_in(name: str) -> Redactor:
    """The same by the environment's file, of which only these two sections are read and checked.

    Raises:
        UserError: They do not fit, or a listed value is too short to be masked.
    """
    path = places.environments() / f"{name}.yaml"
    settings = read_yaml(path)
    given = settings if isinstance(settings, dict) else {}
    redact, notifications = RedactionSettings(), NotificationSettings()
    if "redact" in given:
        redact = checked_settings(path, RedactionSettings, given["redact"])
    if "notifications" in given:
        notifications = checked_settings(path, NotificationSettings, given["notifications"])
    return _redactor(redact, notifications)


def _redactor(redact: RedactionSettings, notifications: NotificationSettings) -> Redactor:
    """The addresses of the channels that are notified are secrets too."""
    from lib.words.secrets.redaction import Redactor

    channels = [channel.variable for channel in notifications.channels]
    return Redactor.of(redact.patterns, [*redact.variables, *channels])
