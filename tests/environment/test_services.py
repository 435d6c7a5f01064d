"""A service is a name, or a name with the repository of its code; nothing else is passed to git."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.environment import Repository, ServiceNames, load_environment
from lib.errors import UserError
from tests.environments import NEEDED

URL = "https://github.com/example/predictions.git"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    return tmp_path / "mine.yaml"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ServiceNames("worker", "coordinator")),
        ("services: {worker: w, coordinator: c}", ServiceNames("w", "c")),
        (
            f"services: {{worker: {{name: w, repository: '{URL}', path: predictions/worker}}, coordinator: c}}",
            ServiceNames("w", "c", {"worker": Repository(URL, path="predictions/worker")}),
        ),
        (
            "services: {worker: w, coordinator: {name: c, repository: 'git@github.com:example/predictions.git', "
            "branch: release/2}}",
            ServiceNames("w", "c", {"coordinator": Repository("git@github.com:example/predictions.git", "release/2")}),
        ),
        (
            "services: {worker: {name: w, repository: /srv/code with spaces}, coordinator: {name: c}}",
            ServiceNames("w", "c", {"worker": Repository("/srv/code with spaces")}),
        ),
    ],
)
def test_a_service_is_a_name_or_has_a_repository(mine: Path, written: str, expected: ServiceNames) -> None:
    mine.write_text(f"{NEEDED}{written}\n")
    services = load_environment("mine").services
    assert services == expected
    assert services.repository_of(services.worker) == expected.repositories.get("worker")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("{repository: '--upload-pack=touch x'}", "neither a URL"),
        ("{repository: 'ext::sh -c touch% x'}", "neither a URL"),
        ("{repository: 'https::https://example.org/x'}", "neither a URL"),
        ("{repository: 'ssh://-oProxyCommand=x/y'}", "neither a URL"),
        ("{repository: '-x@example.org:y'}", "neither a URL"),
        ("{repository: ../code}", "neither a URL"),
        ('{repository: "/srv/\\0x"}', "neither a URL"),
        ("{repository: ''}", "neither a URL"),
        ("{repository: 'https://someone:secret@example.org/x'}", "remove the credentials"),
        (f"{{repository: '{URL}', branch: --all}}", "not the name of a branch"),
        (f"{{repository: '{URL}', branch: 'main:refs/heads/x'}}", "not the name of a branch"),
        (f"{{repository: '{URL}', branch: a..b}}", "not the name of a branch"),
        (f"{{repository: '{URL}', path: ../other}}", "not a folder within"),
        (f"{{repository: '{URL}', path: /etc}}", "not a folder within"),
        (f"{{repository: '{URL}', branche: main}}", "services.worker.branche"),
        ("{branch: main}", "services.worker.repository is missing"),
    ],
)
def test_what_git_could_misread_is_refused(mine: Path, service: str, message: str) -> None:
    mine.write_text(f"{NEEDED}services: {{worker: {service}}}\n")
    with pytest.raises(UserError, match=message) as refused:
        load_environment("mine")
    assert str(mine) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_repositories_are_written_below_their_services(mine: Path) -> None:
    mine.write_text(f"{NEEDED}services: {{repositories: {{worker: {{repository: '{URL}'}}}}}}\n")
    with pytest.raises(UserError, match="below its service"):
        load_environment("mine")
