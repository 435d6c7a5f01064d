"""Compares DuckDB's results for our statements with Google's reference implementation of GoogleSQL.

Both run each statement of an example with random rows on the same contents, and the rows are
compared. `python -m tests.gcp.bigquery.oracle --examples N` runs more examples than the tests do.
"""
