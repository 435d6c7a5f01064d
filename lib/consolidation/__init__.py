"""Batches of staged rows become rows of the main table: once each, whatever fails.

Staging (`staging`, `rows`, `schema`), the fenced transaction (`merge`, `fence`, `ledger`,
`consolidator`), and what is left of earlier mistakes (`duplicates`, `repair`, `undo`, `cleanup`).
"""
