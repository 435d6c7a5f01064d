"""The services' project on the doubles of Google and the Firestore emulator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from os import environ
from pathlib import Path
from unittest.mock import patch
from urllib.request import Request, urlopen

from lib.platform import connect
from lib.words.dates import resolve_game_date
from rehearsal.acts import Acts
from rehearsal.stage import NEW_COORDINATOR
from tests.gcp.bigquery.double import BigqueryDouble
from tests.gcp.bigquery.schedule import schedule_games
from tests.gcp.bigquery.world import create_main_table
from tests.gcp.conftest import PROJECT
from tests.gcp.double import GoogleDouble, serving
from tests.gcp.http_server import serving_json
from tests.gcp.story import GoogleActs, health
from tests.locking.emulator import running_emulator
from tests.warm import warm_kernels


@contextmanager
def google_project(folder: Path) -> Iterator[GoogleActs]:
    """Set up a project with only its dataset and main table, and an embedded platform; this process uses both."""
    google = GoogleDouble()
    with ExitStack() as stack:
        stack.enter_context(patch.dict(environ))
        stack.enter_context(warm_kernels())
        firestore = stack.enter_context(running_emulator(folder / "emulator.log"))
        bigquery = stack.enter_context(BigqueryDouble(PROJECT, location="us-west2"))
        environ.update(
            K_REVISION=NEW_COORDINATOR,  # this process acts as the coordinator
            RUNBOOK_HOME=str(folder / "home"),
            RUNBOOK_OUTPUTS=str(folder / "outputs"),
            RUNBOOK_GOOGLE_EMULATOR_HOST=stack.enter_context(serving(google)),
            FIRESTORE_EMULATOR_HOST=firestore,
            BIGQUERY_EMULATOR_HOST=bigquery.address,
        )
        url = stack.enter_context(serving_json(health))
        _forget_documents(firestore)
        platform, embedded = connect("production"), connect("local")
        bigquery.client().create_dataset(platform.table.table.dataset)
        create_main_table(bigquery.client(), platform.table)
        today = resolve_game_date("today", platform.environment.timezone)
        schedule_games(bigquery, {today + timedelta(days=days): [1] for days in (-1, 0, 1)})
        yield GoogleActs(platform, today, 0, stack, google, bigquery, Acts(embedded, today, 0, stack), url)


def _forget_documents(firestore: str) -> None:
    """Delete the documents, because other sessions may use the same emulator."""
    documents = f"http://{firestore}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
    with urlopen(Request(documents, method="DELETE")):
        pass
