"""Lock records in a SQLite file, shared by all processes of a machine.

SQLite acts as the server: each statement that writes reads SQLite's clock, so all processes use the same clock.
It may step back but a token must not, so a trigger stores the last token, and one statement takes a lock.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lib.errors import UserError
from lib.locking.errors import LockServiceUnavailable
from lib.locking.store import AuditEntry, Claim, LockRecord, Observation
from lib.ports.approvals import KEPT_DAYS, MOST_ENTRIES, Entry
from lib.words.brief import brief

_MICROSECONDS = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000"
_POLL_SECONDS = 0.004
# A record lost in a power cut is harmless: the fence refuses its holder.
_SYNCHRONOUS = "PRAGMA synchronous = NORMAL"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS consolidation_locks (
    lock_key TEXT PRIMARY KEY,
    holder_id TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    lease_seconds REAL NOT NULL,
    host TEXT NOT NULL,
    token INTEGER NOT NULL,
    acquired_at INTEGER NOT NULL,
    renewed_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last_token (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), token INTEGER NOT NULL);
INSERT OR IGNORE INTO last_token VALUES (1, 0);
CREATE TRIGGER IF NOT EXISTS token_is_taken AFTER INSERT ON consolidation_locks
BEGIN UPDATE last_token SET token = NEW.token; END;
CREATE TABLE IF NOT EXISTS lock_audit (released_at INTEGER NOT NULL, token INTEGER NOT NULL, entry TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS approvals (
    plan TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    PRIMARY KEY (plan, kind)
) WITHOUT ROWID;
"""
# The current time, unless the clock has stepped back; it is the same throughout a statement.
_TOKEN = f"max((SELECT token + 1 FROM last_token), {_MICROSECONDS})"
_NEXT_TOKEN = f"UPDATE last_token SET token = {_TOKEN} RETURNING token"
_INSERT = f"""
INSERT INTO consolidation_locks VALUES (
    :lock_key, :holder_id, :batch_id, :lease_seconds, :host, {_TOKEN}, {_MICROSECONDS}, {_MICROSECONDS}, {_TOKEN}
)
ON CONFLICT (lock_key) DO NOTHING
RETURNING token, acquired_at, renewed_at, version
"""
_RENEW = f"""
UPDATE consolidation_locks SET renewed_at = {_MICROSECONDS}, version = version + 1
WHERE lock_key = ? AND holder_id = ? AND version = ?
RETURNING token, acquired_at, renewed_at, version
"""
_DELETE = "DELETE FROM consolidation_locks WHERE lock_key = ? AND holder_id = ? AND version = ?"
_ADD = f"INSERT OR IGNORE INTO approvals VALUES (?, ?, ?, {_MICROSECONDS})"
_ENTRIES = "SELECT plan, kind, text FROM approvals WHERE plan = ? ORDER BY kind LIMIT ?"
_PURGE = f"DELETE FROM approvals WHERE added_at < {_MICROSECONDS} - {KEPT_DAYS * 86_400_000_000}"
_READ = f"SELECT *, {_MICROSECONDS} AS read_at FROM consolidation_locks"


class CorruptLockFile(LockServiceUnavailable, UserError):
    """The lock file is damaged or not a lock file; only its owner can mend that."""

    exit_code = UserError.exit_code


class _SelfClosing(sqlite3.Connection):
    """Closes when its thread ends or its store is dropped; Python 3.13 and later warn if that is left to them."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # the file could not be opened
            self.close()


class _Connection(threading.local):
    """This thread's connection to the file; translates its errors into lock errors.

    A generator-based context manager would add a quarter to the time of taking a lock.
    """

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        self._path = path
        self._timeout_seconds = timeout_seconds
        self._opened: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = self._open()
            except (sqlite3.Error, OSError) as error:
                raise self._fault(error) from error
        return self._opened

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise self._fault(error) from error

    def _open(self) -> sqlite3.Connection:
        """Open the file, with retries: while a process switches it to WAL, SQLite refuses others without waiting."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        until = time.monotonic() + self._timeout_seconds
        while True:
            connection = sqlite3.connect(
                self._path,
                timeout=self._timeout_seconds,
                isolation_level=None,
                # Only its own thread uses it, but another may drop the store.
                check_same_thread=False,
                factory=_SelfClosing,
            )
            try:
                return _prepared(connection)
            except sqlite3.Error as error:
                connection.close()
                if not _is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(_POLL_SECONDS)

    def _fault(self, error: sqlite3.Error | OSError) -> LockServiceUnavailable:
        if _is_corrupt(error):
            return CorruptLockFile(f"{self._path} is not a lock file: {error}; move it away to start with an empty one")
        return LockServiceUnavailable(f"the lock file {self._path} cannot be used: {error}")


class SqliteLockStore:
    """A `LockStore` and an `ApprovalStore` in one file.

    Args:
        path: The file; it and its folder are created if missing.
        request_timeout_seconds: How long to wait for another process's write.
    """

    __repr__ = brief()

    def __init__(self, path: Path, *, request_timeout_seconds: float = 5.0) -> None:
        self.request_timeout_seconds = request_timeout_seconds
        self._connection = _Connection(path, request_timeout_seconds)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction that has the write lock from its first statement on."""
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # After a full disk the transaction has already ended.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def create(self, claim: Claim) -> LockRecord | None:
        with self._connection as connection:
            return _written(claim, connection.execute(_INSERT, vars(claim)))

    def take_over(self, expired: LockRecord, claim: Claim) -> LockRecord | None:
        with self._writing() as connection:
            if connection.execute(_DELETE, _exactly(expired)).rowcount == 0:
                return None
            return _written(claim, connection.execute(_INSERT, vars(claim)))

    def renew(self, record: LockRecord) -> LockRecord | None:
        with self._connection as connection:
            return _written(record.claim, connection.execute(_RENEW, _exactly(record)))

    def delete(self, record: LockRecord) -> bool:
        with self._connection as connection:
            return connection.execute(_DELETE, _exactly(record)).rowcount == 1

    def delete_audited(
        self, record: LockRecord, *, actor: str, reason: str, was_live: bool, approval: str = ""
    ) -> AuditEntry | None:
        with self._writing() as connection:
            if connection.execute(_DELETE, _exactly(record)).rowcount == 0:
                return None
            token = connection.execute(_NEXT_TOKEN).fetchone()[0]
            entry = AuditEntry(record, actor, reason, was_live, _time(token), token, approval)
            kept = json.dumps({**entry.as_data(), "released_token": token, "version": record.version})
            connection.execute("INSERT INTO lock_audit VALUES (?, ?, ?)", (token, token, kept))
            return entry

    def read(self, lock_key: str) -> Observation:
        with self._connection as connection:
            row = connection.execute(f"{_READ} WHERE lock_key = ?", (lock_key,)).fetchone()
            if row:
                return _observation(row)
            now = connection.execute(f"SELECT {_MICROSECONDS}").fetchone()[0]
            return Observation(None, _time(now))

    def read_all(self) -> list[Observation]:
        with self._connection as connection:
            return [_observation(row) for row in connection.execute(f"{_READ} ORDER BY lock_key")]

    def audit_entries(self) -> list[AuditEntry]:
        with self._connection as connection:
            rows = connection.execute("SELECT entry FROM lock_audit ORDER BY released_at DESC, rowid DESC")
            return [_load(json.loads(row["entry"])) for row in rows]

    def add(self, entry: Entry) -> bool:
        with self._connection as connection:
            # The use of an approval must survive a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            try:
                connection.execute(_PURGE)
                return connection.execute(_ADD, (entry.plan, entry.kind, entry.text)).rowcount == 1
            finally:
                connection.execute(_SYNCHRONOUS)

    def entries(self, plan: str) -> list[Entry]:
        with self._connection as connection:
            rows = connection.execute(_ENTRIES, (plan, MOST_ENTRIES))
            return [Entry(row["plan"], row["kind"], row["text"]) for row in rows]

    def wait_for_change(self, seen: LockRecord, timeout_seconds: float) -> None:
        """Poll: SQLite sends no notifications, and a read takes microseconds."""
        until = time.monotonic() + timeout_seconds
        while time.monotonic() < until and self.read(seen.claim.lock_key).record == seen:
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    # Each write copies a page or two to the log, so pages are small. An existing file keeps its page size.
    connection.execute("PRAGMA page_size = 1024")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(_SYNCHRONOUS)
    connection.executescript(_SCHEMA)
    return connection


def _is_corrupt(error: Exception) -> bool:
    if isinstance(error, OSError):
        return isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError)
    # SQLite's own errors are subclasses; for a file that it cannot read it raises the base class.
    return type(error) is sqlite3.DatabaseError


def _is_busy(error: sqlite3.Error) -> bool:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_BUSY


def _written(claim: Claim, returned: sqlite3.Cursor) -> LockRecord | None:
    """Return the claim's record as written by a statement; None if it wrote none."""
    row = returned.fetchone()
    return LockRecord(claim, row[0], _time(row[1]), _time(row[2]), str(row[3])) if row else None


def _exactly(record: LockRecord) -> tuple[str, str, int]:
    return record.claim.lock_key, record.claim.holder_id, int(record.version)


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)


def _record(row: sqlite3.Row) -> LockRecord:
    claim = Claim(row["lock_key"], row["holder_id"], row["batch_id"], row["lease_seconds"], row["host"])
    return LockRecord(claim, row["token"], _time(row["acquired_at"]), _time(row["renewed_at"]), str(row["version"]))


def _observation(row: sqlite3.Row) -> Observation:
    return Observation(_record(row), _time(row["read_at"]))


def _load(data: dict[str, Any]) -> AuditEntry:
    claim = Claim(data["lock_key"], data["holder_id"], data["batch_id"], data["lease_seconds"], data["host"])
    removed = LockRecord(
        claim,
        data["token"],
        datetime.fromisoformat(data["acquired_at"]),
        datetime.fromisoformat(data["renewed_at"]),
        data["version"],
    )
    return AuditEntry(
        removed,
        data["actor"],
        data["reason"],
        data["was_live"],
        datetime.fromisoformat(data["released_at"]),
        data["released_token"],
        data.get("approval", ""),
    )
