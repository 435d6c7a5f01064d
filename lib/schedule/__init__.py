"""Runbooks at planned times: each firing once, however many schedulers look."""
