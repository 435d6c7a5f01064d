"""`runbook prove`: test whether a warehouse keeps the guarantees that the fence relies on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lib import places
from lib.cli import options
from lib.cli.changes import echo_offer, offer_data
from lib.cli.runs import echo_run
from lib.cli.terminal import printable

if TYPE_CHECKING:
    from lib.operations.proving.plan import ProofPlan

# Not listed among the runbooks: it writes, and needs its dataset created first.
_NOTEBOOK = "notebooks/commands/prove.ipynb"
_LONGEST_SECONDS = 900.0


@click.command()
@click.option(
    "--dataset", required=True, metavar="NAME", help="Created for the test and removed after it; must not exist."
)
@options.plan
@options.environment
@options.as_json
def prove(dataset: str, plan: str | None, environment: str, as_json: bool) -> None:
    """Test whether the warehouse keeps the fence's guarantees.

    Without --plan, only shows what would be tested, and the cost. Writes only to the dataset NAME. The run is
    archived like any other. Exits 0 when the warehouse keeps its guarantees, 1 when it breaks one, 3 when one could
    not be tested.
    """
    from lib.archive.archive import Archive
    from lib.operations.changes.signed_approval import use_approval
    from lib.operations.proving.plan import made_dataset, plan_of
    from lib.platform import connect
    from lib.runbooks.catalogue import Runbook
    from lib.runbooks.execution import execute
    from lib.runbooks.stop import Limits
    from lib.site.build import build_site

    platform = connect(environment)
    planned = plan_of(platform, dataset)
    if plan is None:
        _show(planned, as_json=as_json)
        return
    planned.plan().ensure_unmoved(platform, plan, datetime.now(UTC))
    use_approval(platform, planned.plan(), plan)
    archive = Archive()
    # Here, not in the notebook, so that the dataset is removed even if the notebook's process is killed.
    with made_dataset(platform, dataset, plan):
        finished = execute(
            Runbook(places.file(_NOTEBOOK)),
            {"dataset": dataset},
            environment=environment,
            archive=archive,
            limits=Limits(run_seconds=_LONGEST_SECONDS),
            on_change=build_site,
        )
        echo_run(finished, archive, as_json=as_json)
    if not as_json:
        click.echo(f"The dataset {dataset} was removed.")
    raise click.exceptions.Exit(finished.exit_code)


def _show(planned: ProofPlan, *, as_json: bool) -> None:
    from lib.operations.changes.signed_approval import offer

    offered = offer(planned.platform, planned.plan(), datetime.now(UTC))
    if as_json:
        claims = {claim.question.id: claim.question.name for claim in planned.claims}
        options.echo_json({"changed": False, "state": planned.facts, "claims": claims, **offer_data(offered)})
        return
    click.echo("It would test these guarantees, which the fence relies on:")
    for claim in planned.claims:
        click.echo(f"  - {claim.question.name}. {claim.why}")
    for fact, value in planned.facts.items():
        click.echo(f"  {printable(f'{fact}: {value}')}")
    echo_offer(offered)
