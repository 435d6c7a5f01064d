"""Runbooks: the catalogue, execution, archive, report and index of runs."""
