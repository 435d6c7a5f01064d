"""An environment's file, ``params/environments/<name>.yaml``, checked whole."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
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
from lib.environment.services import ServiceNames, service_names
from lib.environment.signers import Signers
from lib.environment.strict import STRICT, refuse_truth_values
from lib.environment.table import table_spec, with_staging
from lib.errors import UserError
from lib.settings_file import checked_settings, read_yaml
from lib.words.brief import brief
from lib.words.choices import no_such

if TYPE_CHECKING:
    from lib.words.secrets.redaction import Redactor

ApprovalMode = Literal["digest", "person", "two_people"]
_PARAMS_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.yaml", re.ASCII)


@dataclass(frozen=True)
class Environment:
    """The settings of one environment.

    Attributes:
        name: Its file's name without the ending.
        project_id: Google Cloud project; a mere name on the embedded platform.
        timezone: The zone in which a date is a day. It has no default: in another zone than its people's a day begins
            at the wrong hour, and each answer about a date would be about part of two.
        redact: What is masked in all that a run leaves.
        table_spec: The table that batches are consolidated into.
        region: Where the Cloud Run services are; empty: not said, so none can be asked.
        services: The services of the pipeline.
        dialects: How the services write their log lines: files of ``params/dialects``, the first one first.
        quality: What a usual date's rows are like: a file of ``params``; empty: what holds for any table.
        criteria: When a deployment is a success, and when to roll back: the same.
        batch_state: Where the coordinator records how far each batch is.
        due: Which dates should have rows; None: nothing says so.
        retention: How long backups, ledger and record of changes are kept.
        approval: What a change needs beside its plan and a reason: nothing, a person's signature, or that of another
            person than the one who applies it; see docs/how-to/approve.md.
        unit: What a date's rows are about, in the singular, such as ``game``; empty: reports speak of rows.
        entity: What a unit has several rows for, such as ``player``; empty: reports speak of keys.
    """

    __pydantic_config__ = STRICT

    name: str
    platform: Literal["embedded", "google"] = field(metadata={"write": "embedded or google"})
    project_id: str = field(metadata={"write": "the Google Cloud project, or any name on the embedded platform"})
    timezone: str = field(metadata={"write": "the zone in which a date is a day, such as Europe/Berlin or UTC"})
    table_spec: TableSpec
    region: str = ""
    services: ServiceNames = ServiceNames()
    lock: LockSettings = LockSettings()
    google: GoogleSettings = GoogleSettings()
    redact: RedactionSettings = RedactionSettings()
    notifications: NotificationSettings = NotificationSettings()
    dialects: tuple[str, ...] = ("library",)
    quality: str = ""
    criteria: str = ""
    batch_state: BatchStateSettings = BatchStateSettings()
    due: DueSettings | None = None
    unit: str = ""
    entity: str = ""
    retention: Retention = Retention()
    approval: ApprovalMode = "digest"

    __repr__ = brief("name", "platform", "table_spec.table", "timezone")

    def __post_init__(self) -> None:
        self.batch_state.check_platform(self.platform)
        if self.name.startswith("_"):
            raise UserError("name: an environment cannot be called _ and more: such folders of the archive are its own")
        for setting in ("project_id", "region", "timezone"):
            if not getattr(self, setting).isprintable():
                raise UserError(f"{setting}: {getattr(self, setting)!r:.80} is not printable text")
        self._check_files_and_nouns()
        self._hand_on_to_the_table()

    def _hand_on_to_the_table(self) -> None:
        """What its table's dates and tables depend on, however the settings were made."""
        try:
            zone = ZoneInfo(self.timezone).key
        except (KeyError, ValueError, OSError):
            raise UserError(f"timezone: {self.timezone!r:.80} is not known; write one such as Europe/Berlin") from None
        object.__setattr__(self, "table_spec", replace(self.table_spec, timezone=zone, retention=self.retention))

    def _check_files_and_nouns(self) -> None:
        for setting in ("quality", "criteria"):
            if (file := getattr(self, setting)) and not _PARAMS_FILE.fullmatch(file):
                raise UserError(f"{setting}: {file!r:.80} is not the name of a file of params, such as {setting}.yaml")
        for setting in ("unit", "entity"):
            if (noun := getattr(self, setting)) and not is_noun(noun):
                raise UserError(f"{setting}: {noun!r:.80} is not a noun in the singular, such as order or store")

    def params_file(self, setting: Literal["quality", "criteria"]) -> Path | None:
        """The file that the setting names; None: it names none.

        Raises:
            UserError: The file does not exist.
        """
        name: str = getattr(self, setting)
        path = places.file(f"params/{name}")
        if name and not path.exists():
            raise UserError(f"environment {self.name}: {setting}: there is no {path}; write it, or leave {setting} out")
        return path if name else None

    @property
    def needs_approval(self) -> bool:
        """Whether a change needs the signature of a person."""
        return self.approval != "digest"

    @property
    def signers(self) -> Signers:
        """Who may approve changes.

        Raises:
            UserError: Their file is missing, names nobody, or does not fit.
        """
        return Signers.read(places.environments() / f"{self.name}.allowed_signers")

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
    given = dict(settings)
    if "table_spec" in settings:
        raise UserError(f"{path}: table_spec is not a setting; write table: and its settings below it")
    staging = settings.pop("staging", None)
    table = table_spec(path, settings.pop("table", None))
    settings |= {"name": name, "table_spec": table}
    settings["services"] = service_names(path, settings.get("services"), settings.get("platform"))
    environment: Environment = checked_settings(path, Environment, settings)
    refuse_truth_values(path, given)
    if environment.platform == "google" and environment.services.is_named and not environment.region:
        raise UserError(f"{path}: region is missing; write where the Cloud Run services are, such as us-west2")
    if environment.needs_approval:
        try:
            _ = environment.signers
        except UserError as error:
            raise UserError(f"{path}: approval: {environment.approval} needs people who sign: {error}") from error
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
    """The same by the environment's file; only these two sections are read and checked.

    Raises:
        UserError: They do not fit, or a listed value is too short to be masked.
    """
    path = places.environments() / f"{name}.yaml"
    settings = read_yaml(path)
    given = settings if isinstance(settings, dict) else {}
    redact, notifications = RedactionSettings(), NotificationSettings()
    if "redact" in given:
        redact = checked_settings(path, RedactionSettings, given["redact"], "redact")
    if "notifications" in given:
        notifications = checked_settings(path, NotificationSettings, given["notifications"], "notifications")
    return _redactor(redact, notifications)


def _redactor(redact: RedactionSettings, notifications: NotificationSettings) -> Redactor:
    """The addresses of the channels that are notified are secrets too."""
    from lib.words.secrets.redaction import Redactor

    channels = [channel.variable for channel in notifications.channels]
    return Redactor.of(redact.patterns, [*redact.variables, *channels])
