"""Read and check an environment's file, ``params/environments/<name>.yaml``."""

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
        name: The file's name without extension.
        platform: ``embedded`` or ``google``.
        project_id: Google Cloud project; on the embedded platform, only a name.
        timezone: The time zone that defines a day. It has no default, because in the wrong time zone a day begins at
            the wrong hour, and each answer about a date would cover parts of two days.
        table_spec: The table that batches are consolidated into.
        region: Region of the Cloud Run services; if empty, they cannot be queried.
        services: The services of the pipeline.
        lock: Timing of the lock.
        google: Settings of the Google platform.
        redact: What is masked in all text that a run writes.
        notifications: The channels that verdicts are sent to.
        dialects: Formats of the services' log lines: files of ``params/dialects``, in order of precedence.
        quality: A file of ``params`` with rules for a usual date's rows; if empty, only general rules apply.
        criteria: A file of ``params`` with the criteria of a successful deployment and of a rollback; if empty, only
            general criteria apply.
        batch_state: Where the coordinator records the progress of each batch.
        due: The dates that should have rows; None if unknown.
        unit: What a date's rows are about, in the singular, such as ``game``; if empty, reports say "rows".
        entity: What a unit has several rows for, such as ``player``; if empty, reports say "keys".
        retention: How long backups, ledger and audit entries are kept.
        approval: What a change needs besides its plan and a reason: nothing, a person's signature, or the signature
            of a person other than the one who applies it; see docs/how-to/approve.md.
    """

    __pydantic_config__ = STRICT

    name: str
    platform: Literal["embedded", "google"] = field(metadata={"write": "embedded or google"})
    project_id: str = field(metadata={"write": "the Google Cloud project, or any name on the embedded platform"})
    timezone: str = field(metadata={"write": "the time zone that defines a day, such as Europe/Berlin or UTC"})
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
            raise UserError("name: an environment's name must not start with _: the archive reserves such folders")
        for setting in ("project_id", "region", "timezone"):
            if not getattr(self, setting).isprintable():
                raise UserError(f"{setting}: {getattr(self, setting)!r:.80} is not printable text")
        self._check_files_and_nouns()
        self._hand_on_to_the_table()

    def _hand_on_to_the_table(self) -> None:
        """Copy time zone and retention to the table's settings, on which its dates and tables depend."""
        try:
            zone = ZoneInfo(self.timezone).key
        except (KeyError, ValueError, OSError):
            raise UserError(f"timezone: {self.timezone!r:.80} is not known; write one such as Europe/Berlin") from None
        object.__setattr__(self, "table_spec", replace(self.table_spec, timezone=zone, retention=self.retention))

    def _check_files_and_nouns(self) -> None:
        for setting in ("quality", "criteria"):
            if (file := getattr(self, setting)) and not _PARAMS_FILE.fullmatch(file):
                raise UserError(f"{setting}: {file!r:.80} is not the name of a file in params, such as {setting}.yaml")
        for setting in ("unit", "entity"):
            if (noun := getattr(self, setting)) and not is_noun(noun):
                raise UserError(f"{setting}: {noun!r:.80} is not a singular noun, such as order or store")

    def params_file(self, setting: Literal["quality", "criteria"]) -> Path | None:
        """Return the file named by the setting; None if it is empty.

        Raises:
            UserError: The file does not exist.
        """
        name: str = getattr(self, setting)
        path = places.file(f"params/{name}")
        if name and not path.exists():
            raise UserError(
                f"environment {self.name}: {setting}: {path} does not exist; write it, or remove the setting {setting}"
            )
        return path if name else None

    @property
    def needs_approval(self) -> bool:
        """Whether a change needs a person's signature."""
        return self.approval != "digest"

    @property
    def signers(self) -> Signers:
        """The people who may approve changes.

        Raises:
            UserError: Their file is missing, names nobody, or has an invalid line.
        """
        return Signers.read(places.environments() / f"{self.name}.allowed_signers")

    @property
    def nouns(self) -> Nouns:
        """The environment's own words for its data."""
        return Nouns(self.table_spec.date_column.replace("_", " "), self.unit, self.entity)


def environment_names() -> list[str]:
    """Return the names of all environments, sorted."""
    return sorted(path.stem for path in places.environments().glob("*.yaml"))


def default_environment() -> str:
    """Return the environment to use if none is named: the only one, or else ``local``."""
    names = environment_names()
    return names[0] if len(names) == 1 else "local"


def load_environment(name: str) -> Environment:
    """Read and check an environment.

    Raises:
        UserError: There is no such environment, or its file is not valid.
    """
    if name not in environment_names():
        raise UserError(f"{no_such('environment', name, environment_names())} ({places.environments()})")
    path = places.environments() / f"{name}.yaml"
    settings = read_yaml(path)
    if not isinstance(settings, dict):
        raise UserError(f"{path} has no settings; see params/environments/local.yaml")
    if "name" in settings:
        raise UserError(f"{path}: name is not a setting, because an environment is named by its file; remove it")
    given = dict(settings)
    if "table_spec" in settings:
        raise UserError(f"{path}: table_spec is not a setting; write table: with its settings below it")
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
            raise UserError(f"{path}: approval: {environment.approval} needs people who can sign: {error}") from error
    return replace(environment, table_spec=with_staging(path, table, staging, environment.services.worker))


def redactor_of(environment: Environment | None) -> Redactor:
    """Return the redactor of well-known secrets and those that the environment lists; None if it is unknown.

    Raises:
        UserError: A listed value is too short to be masked.
    """
    if environment is None:
        return _redactor(RedactionSettings(), NotificationSettings())
    return _redactor(environment.redact, environment.notifications)


def redactor_in(name: str) -> Redactor:
    """Return the same, read from the environment's file; only ``redact`` and ``notifications`` are checked.

    Raises:
        UserError: These sections are not valid, or a listed value is too short to be masked.
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
    """Return the redactor; the addresses of notification channels are secrets too."""
    from lib.words.secrets.redaction import Redactor

    channels = [channel.variable for channel in notifications.channels]
    return Redactor.of(redact.patterns, [*redact.variables, *channels])
