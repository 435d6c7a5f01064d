"""Google's reference implementation of GoogleSQL judges what DuckDB makes of our statements.

Each statement of a life with random rows is run by both on the same contents, and the rows are
compared. `python -m tests.gcp.bigquery.oracle --examples N` runs more lives than the tests do.
"""
