"""The official Firestore emulator, for the duration of a ``with`` block."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from lib.gcp.firestore_locks import FirestoreLockStore
from tests.locking.claims import created

HOST_VARIABLE = "FIRESTORE_EMULATOR_HOST"
JAR_VARIABLE = "FIRESTORE_EMULATOR_JAR"
START_SECONDS = 60

# The shell ends Java when its own input ends, which happens however this process dies.
ENDS_WITH_US = 'java "$@" & read -r _; kill $!; wait $!'


@contextmanager
def running_emulator(log: Path) -> Iterator[str]:
    """Yield ``host:port`` of an emulator: the configured one, or a new one.

    Without one the test is skipped; in CI, where the emulator is installed, it fails.
    """
    if named := os.environ.get(HOST_VARIABLE):
        yield named
        return
    jar = find_jar()
    if jar is None or shutil.which("java") is None:
        missing = f"no Firestore emulator: gcloud components install cloud-firestore-emulator, or set {JAR_VARIABLE}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with started(jar, free_port(), log) as host:
        yield host


def find_jar() -> Path | None:
    if named := os.environ.get(JAR_VARIABLE):
        return Path(named)
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    platform = Path(gcloud).resolve().parent.parent / "platform"
    return next(iter(platform.glob("cloud-firestore-emulator/*.jar")), None)


@contextmanager
def started(jar: Path, port: int, log: Path) -> Iterator[str]:
    host = f"127.0.0.1:{port}"
    main_class = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-Duser.language=en"]
    java = [*quick, "-cp", str(jar), main_class, "--host=127.0.0.1", f"--port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", ENDS_WITH_US, "sh", *java], stdin=subprocess.PIPE, stdout=output, stderr=output
        )
    with process:
        wait_until_ready(host, log)
        warm_up(host)
        yield host
        # Leaving the block closes the shell's input and waits for it.


def wait_until_ready(host: str, log: Path) -> None:
    with grpc.insecure_channel(host) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=START_SECONDS)
        except grpc.FutureTimeoutError:
            pytest.fail(f"the Firestore emulator did not start: {log.read_text(errors='replace')[-2000:]}")


def warm_up(host: str) -> None:
    """Warm it up: its first answers take seconds, longer than the limit for a lock request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOST_VARIABLE, host)
        store = FirestoreLockStore("warm-up", request_timeout_seconds=2 * START_SECONDS)
        record = created(store)
        renewed = store.renew(record)
        assert renewed is not None
        store.wait_for_change(record, START_SECONDS)
        assert store.delete(renewed)
        assert store.read_all() == []


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
