"""Runbooks: catalogue, execution, report, notifications and incident report."""
