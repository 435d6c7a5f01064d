"""Nothing in the project depends on one machine or one package registry."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lib.places import ROOT

NOT_OURS = {
    ".git", ".runbook", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    ".ipynb_checkpoints", "__pycache__", "outputs", "dist",
}  # fmt: skip

# Split, so that this file does not match itself.
REGISTRY_HOSTS = (
    ("pypi", "org"),
    ("python" + "hosted", "org"),
    ("anaconda", "org"),
    ("anaconda", "com"),
    ("npmjs", "org"),
    ("debian", "org"),
)
MACHINE_FOLDERS = ("work", "root", "home", "Users")

OFFENCE = re.compile(
    "|".join(re.escape(".".join(host)) for host in REGISTRY_HOSTS)
    + rf"|(?<![\w./-])/(?:{'|'.join(MACHINE_FOLDERS)})/\w"
)


def texts() -> Iterator[tuple[Path, str]]:
    for folder, subfolders, names in os.walk(ROOT):
        built = {"site"} if Path(folder) == ROOT else set()
        subfolders[:] = [name for name in subfolders if name not in NOT_OURS | built and not name.startswith(".venv")]
        for path in (Path(folder, name) for name in names):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8", errors="replace")


def test_no_registry_host_and_no_machine_path() -> None:
    offences = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if OFFENCE.search(line)
    ]
    assert offences == []


def test_the_search_finds_its_targets() -> None:
    for host in REGISTRY_HOSTS:
        assert OFFENCE.search(f"https://files.{'.'.join(host)}/simple")
    for folder in MACHINE_FOLDERS:
        assert OFFENCE.search(f"cd /{folder}/someone")
    assert not OFFENCE.search("gs://bucket/home/page and templates/home/index.html")
