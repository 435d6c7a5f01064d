"""params/environments/production.yaml, and mistakes in a file like it."""

from pathlib import Path

import pytest

from lib.environment import GoogleSettings, load_environment
from lib.errors import UserError
from tests.environments import NEEDED

GOOGLE = NEEDED.replace("embedded", "google")


def test_production_is_the_services_project() -> None:
    environment = load_environment("production")
    assert (environment.platform, environment.project_id) == ("google", "nba-props-platform")
    assert (environment.region, environment.services.both) == (
        "us-west2",
        ("prediction-worker", "prediction-coordinator"),
    )
    assert str(environment.table_spec.table) == "nba_predictions.player_prop_predictions"
    assert environment.google.firestore_database == "(default)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("google: {bigquery_locaton: us-west2}", r"google\.bigquery_locaton"),
        ("google: {maximum_bytes_billed: 20 GB}", r"google\.maximum_bytes_billed"),
        ("google: {maximum_bytes_billed: 0}", "would refuse every query"),
        ("google: {query_limit_gb: 0}", r"google\.query_limit_gb"),
        ("google: us-west2", "google"),
        ("services: {worker: w, coordinator: c}", "region is missing; write where the Cloud Run services are"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, message: str) -> None:
    monkeypatch.setenv("RUNBOOK_ENVIRONMENTS", str(tmp_path))
    (tmp_path / "mine.yaml").write_text(GOOGLE)
    assert load_environment("mine").google == GoogleSettings()
    (tmp_path / "mine.yaml").write_text(f"{GOOGLE}{settings}\n")
    with pytest.raises(UserError, match=message):
        load_environment("mine")
