"""An environment's settings: ``params/environments/<name>.yaml``, checked whole.

An environment names its platform, its project and services, its lock timing, its
table and the time zone that its operators think in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from lib import places
from lib.consolidation.table_spec import TableSpec
from lib.errors import UserError
from lib.locking.lease import LOCK_TIMEOUT_SECONDS, LeaseTiming
from lib.settings_file import checked_settings, read_yaml
from lib.table_settings import table_spec, with_staging
from lib.words.choices import no_such

if TYPE_CHECKING:
    from lib.words.secrets.redaction import Redactor

_MOST_GIGABYTES = 1_000_000
_COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,199}", re.ASCII)

# An unknown setting is refused: a mistyped one would be ignored in silence.
_STRICT = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True)
class ServiceNames:
    """The two Cloud Run services of the pipeline."""

    __pydantic_config__ = _STRICT

    worker: str = "prediction-worker"
    coordinator: str = "prediction-coordinator"

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)

    def role_of(self, service: str) -> str:
        """``worker`` or ``coordinator``: what the id of a question about one of them ends in."""
        return "worker" if service == self.worker else "coordinator"


@dataclass(frozen=True)
class LockSettings:
    """Lock timing, in seconds.

    Attributes:
        lease_seconds: See `lib.locking.LeaseTiming`.
        max_wait_seconds: How long a consolidation waits for another.
    """

    __pydantic_config__ = _STRICT

    lease_seconds: float = LOCK_TIMEOUT_SECONDS
    max_wait_seconds: float = 300

    def __post_init__(self) -> None:
        if not 0 < self.lease_seconds <= 86_400:
            raise UserError(f"lock.lease_seconds: {self.lease_seconds:g} is no lease; write up to a day's seconds")
        if self.max_wait_seconds < 0:
            raise UserError(f"lock.max_wait_seconds: {self.max_wait_seconds:g} is no time to wait")

    @property
    def timing(self) -> LeaseTiming:
        return LeaseTiming(self.lease_seconds)


@dataclass(frozen=True)
class GoogleSettings:
    """What only the Google platform has.

    Attributes:
        bigquery_location: Where the dataset is, such as ``us-west2``; empty: BigQuery
            finds out, which it cannot outside the multi-regions US and EU.
        maximum_bytes_billed: A job that would be billed for more bytes is refused by BigQuery,
            a consolidation's too; None: no limit.
        query_limit_gb: A runbook's query that would read more gigabytes is not run.
        firestore_database: The database that holds the locks.
        lock_collections: Collections beside ours whose locks are shown, and never released: other services' locks.
    """

    __pydantic_config__ = _STRICT

    bigquery_location: str = ""
    maximum_bytes_billed: int | None = None
    query_limit_gb: float = 10
    firestore_database: str = "(default)"
    lock_collections: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.lock_collections:
            if not _COLLECTION.fullmatch(name) or name.startswith("consolidation_lock"):
                raise UserError(
                    f"google.lock_collections: {name!r:.80} is not another service's collection; leave it out"
                )
        if self.maximum_bytes_billed is not None and self.maximum_bytes_billed <= 0:
            raise UserError(f"google.maximum_bytes_billed: {self.maximum_bytes_billed} would refuse every query")
        if not 0 < self.query_limit_gb <= _MOST_GIGABYTES:
            raise UserError(
                f"google.query_limit_gb: {self.query_limit_gb:g} is no limit; write 0.001 to {_MOST_GIGABYTES}"
            )

    @property
    def query_limit_bytes(self) -> int:
        """`query_limit_gb` in bytes; a gigabyte is 10⁹ of them."""
        return max(1, int(self.query_limit_gb * 1e9))


_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class RedactionSettings:
    """What is masked wherever a run leaves text, beside the well-known formats of secrets.

    Attributes:
        patterns: Regular expressions; where one has a group, the group is the secret.
        variables: Environment variables whose values are secrets.
    """

    __pydantic_config__ = _STRICT

    patterns: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            try:
                matches_nothing = re.compile(pattern).search("") is not None
            except (re.error, RecursionError, OverflowError) as error:
                raise UserError(f"redact.patterns: {pattern!r:.80} is no regular expression: {error}") from error
            if matches_nothing:
                raise UserError(f"redact.patterns: {pattern!r:.80} would match everywhere")
        for name in self.variables:
            _check_variable("redact.variables", name)


@dataclass(frozen=True)
class Channel:
    """Who is told of a verdict.

    Attributes:
        variable: The environment variable that holds the channel's address, an Apprise URL.
        minimum: The least bad verdict that it is told of.
    """

    __pydantic_config__ = _STRICT

    variable: str
    minimum: Literal["WARN", "UNKNOWN", "FAIL"] = "WARN"

    def __post_init__(self) -> None:
        _check_variable("notifications.channels", self.variable)


@dataclass(frozen=True)
class NotificationSettings:
    """Who is told of verdicts, and how.

    Attributes:
        channels: None: nobody is told.
        reports_url: Where the outputs folder is served, for links; empty: links are paths.
        timeout_seconds: How long a channel is waited for.
    """

    __pydantic_config__ = _STRICT

    channels: tuple[Channel, ...] = ()
    reports_url: str = ""
    timeout_seconds: float = 15

    def __post_init__(self) -> None:
        if self.timeout_seconds <= 0:
            raise UserError(f"notifications.timeout_seconds: {self.timeout_seconds} is no time to wait")


def _check_variable(setting: str, name: str) -> None:
    # What is refused may be the secret itself, so it is not shown.
    if not _VARIABLE_NAME.fullmatch(name):
        raise UserError(f"{setting}: write the name of an environment variable that holds the secret, not the secret")


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
    """

    __pydantic_config__ = _STRICT

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

    def __post_init__(self) -> None:
        if self.name.startswith("_"):
            raise UserError("name: an environment cannot be called _ and more: such folders of the archive are its own")
        for setting in ("project_id", "region", "timezone"):
            if not getattr(self, setting).isprintable():
                raise UserError(f"{setting}: {getattr(self, setting)!r:.80} is not printable text")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise UserError(
                f"timezone: {self.timezone!r:.80} is not known; write one such as America/New_York"
            ) from None


def environment_names() -> list[str]:
    """The environments that there are."""
    return sorted(path.stem for path in places.environments().glob("*.yaml"))


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
    environment: Environment = checked_settings(path, Environment, {**settings, "name": name, "table_spec": table})
    return replace(environment, table_spec=with_staging(path, table, staging, environment.services.worker))


def redactor_of(environment: Environment | None) -> Redactor:
    """What masks the well-known secrets and those that an environment lists; None: it is not known which.

    The addresses of the channels that are notified are secrets too.

    Raises:
        UserError: A listed value is too short to be masked.
    """
    from lib.words.secrets.redaction import Redactor

    if environment is None:
        return Redactor.of()
    channels = [channel.variable for channel in environment.notifications.channels]
    return Redactor.of(environment.redact.patterns, [*environment.redact.variables, *channels])
