"""Runbooks at planned times: each firing once, whoever looks and however often."""
