"""Lock stores by name, so that another process can open the same one."""

from dataclasses import dataclass
from pathlib import Path

from lib.locking import LockStore


@dataclass(frozen=True)
class Backend:
    """A place shared by any number of stores.

    Attributes:
        kind: ``sqlite`` or ``firestore``.
        place: The file, or the project on the emulator.
    """

    kind: str
    place: str

    def store(self, *, request_timeout_seconds: float = 20.0) -> LockStore:
        """Return a new store on the shared place, as in another process."""
        if self.kind == "sqlite":
            from lib.embedded.sqlite_locks import SqliteLockStore

            return SqliteLockStore(Path(self.place), request_timeout_seconds=request_timeout_seconds)
        from lib.gcp.firestore_locks import FirestoreLockStore

        return FirestoreLockStore(self.place, request_timeout_seconds=request_timeout_seconds)
