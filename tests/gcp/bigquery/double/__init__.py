"""A double of BigQuery. README.md compares its rules with the documentation and lists what it does not do."""

from tests.gcp.bigquery.double.faults import Fault, Gate
from tests.gcp.bigquery.double.server import BigqueryDouble

__all__ = ["BigqueryDouble", "Fault", "Gate"]
