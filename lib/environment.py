"""An environment's settings: ``params/environments/<name>.yaml``, checked whole.

An environment names its platform, its project and services, its lock timing, its
table and the time zone that its operators think in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lib import project
from lib.consolidation.identifiers import TableName
from lib.consolidation.table_spec import TableSpec
from lib.errors import UserError
from lib.locking.lease import LOCK_TIMEOUT_SECONDS, LeaseTiming

# An unknown setting is refused: a mistyped one would be ignored in silence.
_STRICT = {"extra": "forbid"}

ENVIRONMENTS = project.PARAMS / "environments"


@dataclass(frozen=True)
class ServiceNames:
    """The two Cloud Run services of the pipeline."""

    __pydantic_config__ = _STRICT

    worker: str = "prediction-worker"
    coordinator: str = "prediction-coordinator"

    @property
    def both(self) -> tuple[str, str]:
        return (self.worker, self.coordinator)


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

    @property
    def timing(self) -> LeaseTiming:
        return LeaseTiming(self.lease_seconds)


@dataclass(frozen=True)
class GoogleSettings:
    """What only the Google platform has.

    Attributes:
        bigquery_location: Where the dataset is, such as ``us-west2``; empty: BigQuery
            finds out, which it cannot outside the multi-regions US and EU.
        maximum_bytes_billed: A query that would read more bytes is refused; None: no limit.
        firestore_database: The database that holds the locks.
    """

    __pydantic_config__ = _STRICT

    bigquery_location: str = ""
    maximum_bytes_billed: int | None = None
    firestore_database: str = "(default)"

    def __post_init__(self) -> None:
        if self.maximum_bytes_billed is not None and self.maximum_bytes_billed <= 0:
            raise UserError(f"google.maximum_bytes_billed: {self.maximum_bytes_billed} would refuse every query")


@dataclass(frozen=True)
class Environment:
    """The settings of one environment.

    Attributes:
        name: Its file's name without the ending.
        platform: Which adapters it uses.
        project_id: Google Cloud project; a mere name on the embedded platform.
        region: Where the services run.
        timezone: The zone in which a game date is a date.
        services: Names of the services.
        lock: Lock timing.
        google: What only the Google platform has.
        table_spec: The table that batches are consolidated into.
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
    table_spec: TableSpec = TableSpec()


def environment_names() -> list[str]:
    """The environments that there are."""
    return sorted(path.stem for path in ENVIRONMENTS.glob("*.yaml"))


def load_environment(name: str) -> Environment:
    """Read and check an environment.

    Raises:
        UserError: There is no such environment, or its file does not fit.
    """
    if name not in environment_names():
        raise UserError(
            f"there is no environment {name!r:.80}; known are {', '.join(environment_names())} (params/environments)"
        )
    path = ENVIRONMENTS / f"{name}.yaml"
    settings = _read_yaml(path)
    return _checked(path, {"name": name, **settings})


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise UserError(f"{path} holds no settings; see params/environments/local.yaml")
    return settings


def _checked(path: Path, settings: dict[str, Any]) -> Environment:
    from pydantic import TypeAdapter, ValidationError

    table = settings.pop("table", None) or {}
    try:
        if "name" in table:
            table["table"] = TableName.parse(str(table.pop("name")))
        spec = TypeAdapter(TableSpec).validate_python(table)
        return TypeAdapter(Environment).validate_python({**settings, "table_spec": spec})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}: {where}: {first['msg']}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
