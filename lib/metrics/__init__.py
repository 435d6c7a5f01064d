"""Metrics for Prometheus: the archive's runs, and an environment's table and locks."""
