"""A double of BigQuery. README.md holds its rules beside the documentation's, and what it does not do."""

from tests.gcp.bigquery.double.faults import Fault, Gate
from tests.gcp.bigquery.double.server import BigqueryDouble

__all__ = ["BigqueryDouble", "Fault", "Gate"]
