"""A double of BigQuery: the REST calls that `lib.gcp` makes, on an in-memory DuckDB.

The real client library talks to it over HTTP. What it does as BigQuery does:

- jobs.insert of query, load (multipart and resumable upload) and copy; jobs.query, get,
  getQueryResults, list of children, cancel; a job id can be used once (409);
- scripts of the form that `lib.gcp.bigquery_script` writes, with a job per statement,
  bound parameters, RAISE, and the line of an error in its message;
- transactions: a snapshot each, and one conflict per TABLE: of two open transactions that
  updated or deleted rows of one table the second is aborted, whichever rows they were,
  and so is one whose table a rival has changed since it began. Inserting conflicts with
  nothing, and neither does a MERGE that in fact only inserts;
- tables and datasets: insert, get, list, patch, delete; `__TABLES__` and the columns and
  options of INFORMATION_SCHEMA; dry runs; `maximumBytesBilled`; `requirePartitionFilter`;
- errors with BigQuery's codes, reasons and words.

What it does not do: it accepts SQL that BigQuery refuses (the analysis by zetasql is the
judge of that) and DuckDB's arithmetic, rounding and collation are its own; a MERGE whose
source has two rows for one target row passes; DML outside a transaction is not queued;
nobody needs credentials; tables do not expire; bytes are eight a cell; of partitions it knows
only the required filter; there is one location, no quota, no cache, no session and no time
travel. It shows that our protocol is right if BigQuery keeps its word, and no more.
"""

from tests.gcp.bigquery.double.faults import Fault, Gate
from tests.gcp.bigquery.double.server import BigqueryDouble

__all__ = ["BigqueryDouble", "Fault", "Gate"]
